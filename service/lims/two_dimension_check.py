"""Would SENAITE take this 2-D CSV, and as what? Its importer's rules, answered line by line.

The rules are those of the importer "2-Dimensional-CSV" (``generic.two_dimension``) as it behaves
before SENAITE 2.6: a header is the first line whose last token is ``end``; every line is split at
commas, quotes mean nothing, and its last token is dropped. 2.6 refuses less (it stores as text what
is no number) but for one thing, a header that is not the first line, of which the verdict tells.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

__all__ = ["SampleInLims", "Verdict", "check_two_dimension"]

Outcome = Literal["taken", "skipped", "warning", "error"]

_OPEN_SAMPLE = {"sample_received", "to_be_verified"}
_OPEN_ANALYSIS = {"unassigned", "assigned", "to_be_verified"}
# What float() of Python 2, on which SENAITE runs, reads of finite numbers: no 1_0, no digits of
# other scripts.
_DECIMAL = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True)
class SampleInLims:
    """What the LIMS holds of one sample.

    Attributes
    ----------
    state : str
        Review state of the sample.
    analyses : tuple of (str, str, bool)
        Keyword, review state, and whether there is a result already.
    calculated : frozenset of str
        Keywords whose service has a calculation: such an analysis takes interim fields only.
    """

    state: str
    analyses: tuple[tuple[str, str, bool], ...]
    calculated: frozenset[str] = frozenset()


Known: TypeAlias = Mapping[str, SampleInLims] | None


@dataclass(frozen=True)
class Verdict:
    """What becomes of one line, or of one value of it.

    Attributes
    ----------
    line : int
        From 1; 0 for the file as a whole.
    outcome : str
        taken, skipped, warning (the rest of the line goes on) or error.
    sample, keyword : str
        Empty where the verdict is of the line.
    value : float or None
        The number that SENAITE would store.
    why : str
        In words.
    """

    line: int
    outcome: Outcome
    sample: str
    keyword: str
    value: float | None
    why: str


def check_two_dimension(text: str, known: Known = None) -> tuple[Verdict, ...]:
    """Tell what SENAITE would make of a file.

    Parameters
    ----------
    text : str
        The file.
    known : mapping of str to SampleInLims, optional
        What the LIMS holds, by sample id; without it samples and keywords are taken on trust.

    Returns
    -------
    tuple of Verdict
        One for each value, and one for each line that holds none.

    Examples
    --------
    >>> for verdict in check_two_dimension(",MOD_PY,end\\nSEC-1,<0.1,\\n"):
    ...     print(verdict.line, verdict.outcome, verdict.why)
    1 taken header of 1 keywords
    2 error No valid number: '<0.1'
    """
    return tuple(_verdicts(text, known))


def _verdicts(text: str, known: Known) -> Iterator[Verdict]:
    keywords: list[str] | None = None
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        tokens = [token.strip() for token in line.split(",")]
        if keywords is None:
            if tokens[-1] == "end":
                keywords = tokens[1:-1]
                yield from _header(number, keywords)
            else:
                yield _of_line(
                    number,
                    "skipped",
                    "before the header: no 'end' at its end; SENAITE 2.6 takes line 1 for it",
                )
        else:
            yield from _row(number, tokens, keywords, seen, known)
    if keywords is None:
        yield _of_line(0, "error", "no line ends with 'end': the file has no header")


def _of_line(number: int, outcome: Outcome, why: str, sample: str = "") -> Verdict:
    return Verdict(number, outcome, sample, "", None, why)


def _header(number: int, keywords: list[str]) -> Iterator[Verdict]:
    yield _of_line(number, "taken", f"header of {len(keywords)} keywords")
    for keyword in sorted({one for one in keywords if keywords.count(one) > 1}):
        yield Verdict(number, "error", "", keyword, None, "stands twice in the header")
    if "" in keywords:
        yield _of_line(number, "warning", "a column without a keyword")


def _row(
    number: int, tokens: list[str], keywords: list[str], seen: set[tuple[str, str]], known: Known
) -> Iterator[Verdict]:
    """Judge a line; `seen` are the samples (with no keyword) and the numbers of the lines before."""
    sample, values = tokens[0], tokens[1:-1]
    if sample.startswith("end"):
        yield _of_line(number, "skipped", "begins with 'end'")
        return
    if not sample:
        yield _of_line(number, "skipped", "no sample id")
        return
    if tokens[-1]:
        lost = f"does not end with a comma: the last value {tokens[-1][:40]!r} is lost"
        yield _of_line(number, "error", lost, sample)
    if len(values) > len(keywords):
        lost = f"{len(values)} values under {len(keywords)} keywords (a comma inside a value?)"
        yield _of_line(number, "error", lost, sample)
    if (sample, "") in seen:
        yield _of_line(number, "warning", "the sample again: earlier results are kept", sample)
    seen.add((sample, ""))
    in_lims, refusal = _sample(sample, known)
    if refusal:
        yield _of_line(number, "error", refusal, sample)
        return
    for keyword, value in zip(keywords, values, strict=False):
        yield _once(_value(number, sample, keyword, value, in_lims), seen)


def _once(verdict: Verdict, seen: set[tuple[str, str]]) -> Verdict:
    """Pass over a number whose analysis an earlier one has filled."""
    place = (verdict.sample, verdict.keyword)
    if verdict.outcome != "taken":
        return verdict
    if place in seen:
        why = "an earlier value stands there: not overridden"
        return replace(verdict, outcome="warning", value=None, why=why)
    seen.add(place)
    return verdict


def _sample(sample: str, known: Known) -> tuple[SampleInLims | None, str]:
    if known is None:
        return None, ""
    if sample not in known:
        return None, "no such sample"
    found = known[sample]
    if found.state not in _OPEN_SAMPLE:
        return None, f"the sample is {found.state}; wanted one of {sorted(_OPEN_SAMPLE)}"
    return found, ""


def _value(
    number: int, sample: str, keyword: str, value: str, in_lims: SampleInLims | None
) -> Verdict:
    if value == "":
        return Verdict(number, "skipped", sample, keyword, None, "empty")
    stored, how = _number(value)
    if stored is None:
        return Verdict(number, "error", sample, keyword, None, how)
    obstacle = "" if in_lims is None else _obstacle(keyword, in_lims)
    if obstacle:
        return Verdict(number, "warning", sample, keyword, None, obstacle)
    return Verdict(number, "taken", sample, keyword, stored, how)


def _number(value: str) -> tuple[float | None, str]:
    if value.startswith("--") or value == "ND":
        return 0.0, f"{value!r} becomes 0; SENAITE 2.6 stores it as text"
    parsed = float(value) if _DECIMAL.fullmatch(value) else math.nan
    if not math.isfinite(parsed):
        return None, f"No valid number: {value[:40]!r}"
    return (parsed, "as it is") if parsed > 0 else (0.0, "as 0")


def _obstacle(keyword: str, in_lims: SampleInLims) -> str:
    """Why the importer passes over a value with a warning; empty where it does not."""
    same = [(state, filled) for name, state, filled in in_lims.analyses if name == keyword]
    if not same:
        return "no such analysis in the sample: tried as an interim field"
    if len(same) > 1:
        return f"{len(same)} analyses have this keyword: skipped"
    ((state, filled),) = same
    if keyword in in_lims.calculated:
        return "the analysis has a calculation: it takes interim fields, and no result"
    if state not in _OPEN_ANALYSIS:
        return f"the analysis is {state}: skipped"
    return "there is a result already: not overridden" if filled else ""

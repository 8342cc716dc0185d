"""SENAITE's generic two-dimensional CSV: one sample a line, one keyword a column.

Before SENAITE 2.6 the importer splits at commas without knowing quotes, drops the last token of
every line and takes ``ND`` for zero; `service.lims.two_dimension_check` holds these rules. Since
2.6 it reads quotes, keeps ``ND`` as text and wants the header first. What is written suits both. Uncertainty and "less than"
have no place in this format: they go by the JSON API (`service.lims.senaite_delivery`).
"""

from __future__ import annotations

from collections.abc import Sequence

from petrography.errors import InvalidParameterError
from service.lims.fields_of_sample import Reportable
from service.lims.measurands import reported
from service.lims.plain_text import bare_token, sample_id
from service.lims.profile import STANDARD, LimsProfile
from service.lims.reported_number import Reported

__all__ = ["END", "NOT_DETECTED", "two_dimension_csv"]

END, NOT_DETECTED = "end", "ND"


def two_dimension_csv(results: Sequence[Reportable], profile: LimsProfile = STANDARD) -> str:
    """Write results as SENAITE's 2-D CSV.

    Parameters
    ----------
    results : sequence of Result or FieldsOfSample
        One for each sample.
    profile : LimsProfile, optional
        How the laboratory names and rounds them.

    Returns
    -------
    str
        Lines end with ``\\n``. What lies below a limit is ``ND``.

    Raises
    ------
    InvalidParameterError
        If a sample is not named, cannot be named in this format, or is there twice, or a result
        was rejected: what is imported is submitted.
    """
    rows: dict[str, dict[str, Reported]] = {}
    for result in results:
        sample = bare_token(sample_id(result), what="sample id")
        if result.status == "rejected":
            msg = f"result {result.id} of sample {sample} was rejected; leave it out"
            raise InvalidParameterError(msg)
        if sample in rows:
            msg = (
                f"two results are of sample {sample}; this format has one line for each: join "
                "them, or use the long CSV"
            )
            raise InvalidParameterError(msg)
        rows[sample] = {one.keyword: one for one in reported(result, profile)}
    keywords = list(dict.fromkeys(keyword for row in rows.values() for keyword in row))
    lines = (
        ["", *keywords, END],
        *([sample, *(_cell(row.get(key)) for key in keywords), ""] for sample, row in rows.items()),
        [END, *("" for _ in keywords), ""],
    )
    return "".join(f"{','.join(tokens)}\n" for tokens in lines)


def _cell(one: Reported | None) -> str:
    if one is None:
        return ""
    return NOT_DETECTED if one.below_limit else one.number

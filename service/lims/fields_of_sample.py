"""Several fields of one sample, reported as one: their interval is the scatter between them.

What several fields have in common is reported: shares of area, what was looked for and found in
none, elements, counts and areas. Grain sizes and contacts of single fields are not pooled.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

from pydantic import JsonValue

from petrography.errors import InvalidParameterError
from petrography.report import (
    FieldsReport,
    ModelReference,
    NamedResult,
    NotFound,
    Result,
    Sample,
    fields_report,
)
from petrography.report.provenance import fact
from service.lims.reported_number import (
    Reported,
    decimals_of_element,
    keyword_of,
    longer_half,
)

__all__ = ["FieldsOfSample", "Reportable", "by_sample", "join_fields"]

_UM2_PER_MM2 = 1e6

_Status = Literal["preliminary", "final", "corrected", "rejected"]


@dataclass(frozen=True)
class FieldsOfSample:
    """One sample, known by several fields; to a LIMS what a result is.

    Attributes
    ----------
    id : str
        The same for the same analyses.
    version : int
        Grows with every review of any of them.
    status : str
        The least that all of them are.
    sample : Sample
        With what all of them state alike.
    model : ModelReference or None
        If all have one.
    provenance : mapping of str to JSON
        When the first began and the last was complete.
    numbers : tuple of Reported
        By their standard keywords.
    """

    id: str
    version: int
    status: _Status
    sample: Sample
    model: ModelReference | None
    provenance: Mapping[str, JsonValue]
    numbers: tuple[Reported, ...]


Reportable: TypeAlias = Result | FieldsOfSample


def by_sample(results: Iterable[Result]) -> tuple[Reportable, ...]:
    """Join what is of one sample; a sample of one result stays that result.

    Parameters
    ----------
    results : iterable of Result
        Of any samples.

    Returns
    -------
    tuple of Result or FieldsOfSample
        One for each sample, in the order of their first results.

    Raises
    ------
    InvalidParameterError
        As for `join_fields`.
    """
    groups: dict[str | None, list[Result]] = {}
    for result in results:
        groups.setdefault(result.sample.id, []).append(result)
    return tuple(group[0] if len(group) == 1 else join_fields(group) for group in groups.values())


def join_fields(results: Sequence[Result]) -> FieldsOfSample:
    """Join the analyses of several fields of one sample.

    Parameters
    ----------
    results : sequence of Result
        Two or more of one sample. Fields of several sections count as sections, else as fields.

    Returns
    -------
    FieldsOfSample
        Shares with the Student t interval of the scatter between fields (or sections), see
        `petrography.report.fields_report`.

    Raises
    ------
    InvalidParameterError
        If one of them is there twice, was rejected, or is of another sample.
    """
    _require_of_one_sample(results)
    ids = sorted(result.id for result in results)
    report = fields_report(
        [NamedResult(result.id, result.sample.section or "", result) for result in results]
    )
    stated = (result.sample.model_dump() for result in results)
    return FieldsOfSample(
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, " ".join(ids))),
        version=1 + sum(result.version - 1 for result in results),
        status=_status(results),
        sample=Sample.model_construct(None, **_alike(list(stated))),
        model=results[0].model if len({result.model for result in results}) == 1 else None,
        provenance=_times(results),
        numbers=(*_shares(report), *_elements(report), *_counted(results)),
    )


def _times(results: Sequence[Result]) -> dict[str, JsonValue]:
    """When the first began, and when the last was complete if all of them tell."""
    started = [str(time) for result in results if (time := fact(result, "started_utc"))]
    finished = [str(time) for result in results if (time := fact(result, "finished_utc"))]
    times: dict[str, JsonValue] = {"started_utc": min(started)} if started else {}
    if len(finished) == len(results):
        times["finished_utc"] = max(finished)
    return times


def _require_of_one_sample(results: Sequence[Result]) -> None:
    samples = {result.sample.id for result in results}
    if len(samples) != 1:
        msg = f"the results are of {len(samples)} samples; wanted fields of one"
        raise InvalidParameterError(msg)
    ids = [result.id for result in results]
    for result in results:
        if ids.count(result.id) > 1:
            msg = (
                f"result {result.id} is there {ids.count(result.id)} times; wanted each field once"
            )
            raise InvalidParameterError(msg)
        if result.status == "rejected":
            msg = f"result {result.id} was rejected; leave it out"
            raise InvalidParameterError(msg)


def _status(results: Sequence[Result]) -> _Status:
    states = {result.status for result in results}
    if "preliminary" in states:
        return "preliminary"
    return "corrected" if "corrected" in states else "final"


def _alike(stated: Sequence[Mapping[str, str | None]]) -> dict[str, str | None]:
    """What all state alike; None for the rest."""
    first = stated[0]
    return {
        name: first[name] if all(one[name] == first[name] for one in stated) else None
        for name in first
    }


def _shares(report: FieldsReport) -> tuple[Reported, ...]:
    """Shares of the sample by code, with what no field shows in between."""
    shares = {
        share.code: Reported(
            keyword=keyword_of("MOD", share.symbol),
            title=f"{share.name}, area of all fields",
            unit="%",
            value=share.percent,
            decimals=2,
            **_scatter(share.percent, share.ci95, report),
        )
        for share in report.field_shares
    }
    shares |= {
        one.code: _below(one, one.reported_percent)
        for one in report.not_found
        if one.reported_percent is not None
    }
    return tuple(shares[code] for code in sorted(shares))


def _elements(report: FieldsReport) -> Iterator[Reported]:
    for share in report.element_shares:
        yield Reported(
            keyword=keyword_of("EL", share.element),
            title=f"{share.element}, mass in the ore minerals of all fields, from formulae",
            unit="%",
            value=share.percent,
            decimals=decimals_of_element(share.element),
            **_scatter(share.percent, share.ci95, report),
        )


class _Uncertainty(TypedDict):
    uncertainty: float | None
    coverage: str


def _scatter(
    percent: float, interval: tuple[float, float] | None, report: FieldsReport
) -> _Uncertainty:
    if interval is None:
        return {"uncertainty": None, "coverage": ""}
    covers = f"95 %, scatter between {report.units} {report.unit}s"
    return {"uncertainty": longer_half(percent, interval), "coverage": covers}


def _below(phase: NotFound, upper_percent: float) -> Reported:
    return Reported(
        keyword=keyword_of("MOD", phase.symbol),
        title=f"{phase.name}, area of all fields",
        unit="%",
        value=upper_percent,
        decimals=2,
        below_limit=True,
        detection_limit=upper_percent,
    )


def _counted(results: Sequence[Result]) -> Iterator[Reported]:
    areas_px = [result.modal_basis.field_px for result in results]
    sizes_um = [result.scale.um_per_px for result in results if result.scale is not None]
    if len(sizes_um) == len(results):
        area_um2 = sum(px * um**2 for px, um in zip(areas_px, sizes_um, strict=True))
        yield Reported("ANALYSED_AREA", "area that was measured", "mm2", area_um2 / _UM2_PER_MM2, 3)
        if len(set(sizes_um)) == 1:
            yield Reported("PX_UM", "size of a pixel", "um", sizes_um[0], 4)
    fields = [fact(result, "image", "fields") for result in results]
    known = [count for count in fields if isinstance(count, int)]
    if len(known) == len(results):
        yield Reported("N_FIELDS", "fields that were measured", "1", float(sum(known)), 0)
    doubts = [
        px * (1.0 - result.uncertainty.mean_confidence)
        for px, result in zip(areas_px, results, strict=True)
        if result.uncertainty is not None
    ]
    if len(doubts) == len(results):
        doubt = sum(doubts) / sum(areas_px)
        yield Reported("UNC_MEAN", "mean uncertainty of the mineral map", "1", doubt, 3)

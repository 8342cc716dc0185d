"""From an analysis to the numbers that a laboratory reports: keyword, value, unit, uncertainty.

A keyword names one analysis service of a LIMS (letters, digits, ``_ - + .``). Units are UCUM.
"""

from __future__ import annotations

from collections.abc import Iterator

from petrography.errors import InvalidParameterError
from petrography.minerals import is_ore, mineral
from petrography.report import ModalEntry, Result
from petrography.report.provenance import fact
from service.lims.fields_of_sample import FieldsOfSample, Reportable
from service.lims.profile import STANDARD, LimsProfile
from service.lims.reported_number import (
    Reported,
    decimals_of_element,
    keyword_of,
    longer_half,
)

__all__ = ["detection_limit_percent", "reported"]

_UM2_PER_MM2 = 1e6


def reported(result: Reportable, profile: LimsProfile = STANDARD) -> tuple[Reported, ...]:
    """List what an analysis reports.

    Parameters
    ----------
    result : Result or FieldsOfSample
        The analysis, or those of one sample.
    profile : LimsProfile, optional
        How the laboratory names and rounds it.

    Returns
    -------
    tuple of Reported
        Modal per cent of the whole field (``MOD_*``), minerals that were looked for and not found
        as "less than"; grain sizes where there is a scale (``GS_P80_*``, ``GS_D50_*``); elements
        (``EL_*``); liberation of particles (``LIB90_*``); shared boundaries (``ASSOC_*_*``); area, fields, pixel size and mean uncertainty of the map.

    Raises
    ------
    InvalidParameterError
        If the profile gives two numbers one name.
    """
    standard = result.numbers if isinstance(result, FieldsOfSample) else _of_one(result)
    listed = tuple(_named(one, profile) for one in standard if profile.wants(one.keyword))
    keywords = [one.keyword for one in listed]
    twice = sorted({keyword for keyword in keywords if keywords.count(keyword) > 1})
    if twice:
        msg = f"two numbers are called {', '.join(twice)}; give them different names in the profile"
        raise InvalidParameterError(msg)
    return listed


def _of_one(result: Result) -> tuple[Reported, ...]:
    return (
        *_modal_shares(result),
        *_grain_sizes(result),
        *_elements(result),
        *_liberated(result),
        *_associations(result),
        *_field(result),
    )


def _named(one: Reported, profile: LimsProfile) -> Reported:
    """Put a standard number into the words of the laboratory."""
    reporting_limit = profile.reporting_limits.get(one.keyword)
    below = reporting_limit is not None and max(one.value, 0.0) < reporting_limit
    return Reported(
        keyword=profile.keywords.get(one.keyword, one.keyword),
        title=one.title,
        unit=one.unit,
        value=reporting_limit if below and reporting_limit is not None else one.value,
        decimals=profile.decimals.get(one.keyword, one.decimals),
        below_limit=below or one.below_limit,
        uncertainty=one.uncertainty,
        coverage=one.coverage,
        detection_limit=one.detection_limit,
        reporting_limit=reporting_limit,
    )


def _modal_shares(result: Result) -> tuple[Reported, ...]:
    """By code, found or not, so that samples of one deposit have their columns in one order."""
    limit = detection_limit_percent(result)
    shares = {entry.code: _modal(entry, limit) for entry in result.modal}
    shares |= _not_found(result)
    return tuple(shares[code] for code in sorted(shares))


def _modal(entry: ModalEntry, limit: float | None) -> Reported:
    uncertainty, coverage = _expanded(entry)
    return Reported(
        keyword=keyword_of("MOD", entry.symbol),
        title=f"{entry.name}, area of the whole field",
        unit="%",
        value=entry.area_percent,
        decimals=2,
        uncertainty=uncertainty,
        coverage=coverage,
        detection_limit=limit,
    )


def _expanded(entry: ModalEntry) -> tuple[float | None, str]:
    """Expanded uncertainty of the budget; without one, the longer half of a 95 % interval."""
    if (known := entry.uncertainty) is not None:
        sources = ", ".join(contribution.source for contribution in known.budget)
        freedom = known.degrees_of_freedom
        estimated = "" if freedom is None else f", {freedom:.0f} degrees of freedom"
        return known.expanded_pp, f"k = {known.coverage_factor:g}{estimated}: {sources}"
    for interval, covers in (
        (entry.total_ci95, "95 %, sampling and map errors"),
        (entry.ci95, "95 %, sampling only"),
    ):
        if interval is not None:
            return longer_half(entry.area_percent, interval), covers
    return None, ""


def detection_limit_percent(result: Result) -> float | None:
    """Area per cent of a mineral below which a field like this one may show nothing of it.

    Parameters
    ----------
    result : Result
        The analysis.

    Returns
    -------
    float or None
        ``1 - 0.05**(1 / n)``, about 3 / n: the upper 95 % bound where none of the n independent
        samples of the texture shows it. None where the texture is not known.

    References
    ----------
    Hanley & Lippman-Hand 1983, doi:10.1001/jama.1983.03330370053031 (the rule of three).
    """
    samples = result.modal_basis.intervals.independent_samples
    return 100.0 * (1.0 - 0.05 ** (1.0 / samples)) if samples else None


def _not_found(result: Result) -> dict[int, Reported]:
    return {
        phase.code: Reported(
            keyword=keyword_of("MOD", phase.symbol),
            title=f"{phase.name}, area of the whole field",
            unit="%",
            value=phase.reported_percent,
            decimals=2,
            below_limit=True,
            detection_limit=phase.reported_percent,
        )
        for phase in result.not_found
        if phase.reported_percent is not None
    }


def _grain_sizes(result: Result) -> Iterator[Reported]:
    for symbol, grains in result.grains.items():
        sizes = grains.ecd_um
        if sizes is None:
            continue
        for quantity, share, size, interval in (
            ("P80", 80, sizes.area_p80, grains.p80_ci95_um),
            ("D50", 50, sizes.area_p50, None),
        ):
            yield Reported(
                keyword=keyword_of(f"GS_{quantity}", symbol),
                title=f"{grains.name}, grain size below which {share} % of the area lies",
                unit="um",
                value=size,
                decimals=1,
                uncertainty=None if interval is None else longer_half(size, interval),
                coverage="" if interval is None else "95 %, grains that were seen",
            )


def _elements(result: Result) -> Iterator[Reported]:
    intervals = result.element_ci95 or {}
    for element, percent in (result.element_percent or {}).items():
        interval = intervals.get(element)
        yield Reported(
            keyword=keyword_of("EL", element),
            title=f"{element}, mass in the ore minerals, from formulae",
            unit="%",
            value=percent,
            decimals=decimals_of_element(element),
            uncertainty=None if interval is None else longer_half(percent, interval),
            coverage="" if interval is None else "95 %, sampling only",
        )


def _liberated(result: Result) -> Iterator[Reported]:
    particles = None if result.liberation is None else result.liberation.particles
    for symbol, one in ({} if particles is None else particles.minerals).items():
        yield Reported(
            keyword=keyword_of("LIB90", symbol),
            title=f"{symbol}, area in particles of at least 90 % of it",
            unit="%",
            value=one.liberated_percent["90"],
            decimals=1,
        )


def _associations(result: Result) -> Iterator[Reported]:
    contacts = result.contacts
    if contacts is None or not contacts.association_percent:
        return
    for i, code in enumerate(contacts.codes):
        for j, other in enumerate(contacts.codes):
            if i != j and is_ore(code) and is_ore(other):
                one, by = mineral(code).symbol, mineral(other).symbol
                yield Reported(
                    keyword=keyword_of(keyword_of("ASSOC", one), by),
                    title=f"{one}, share of its boundary that is against {by}",
                    unit="%",
                    value=contacts.association_percent[i][j],
                    decimals=1,
                )


def _field(result: Result) -> Iterator[Reported]:
    if result.scale is not None:
        um_per_px = result.scale.um_per_px
        area_mm2 = result.modal_basis.field_px * um_per_px**2 / _UM2_PER_MM2
        yield Reported("ANALYSED_AREA", "area that was measured", "mm2", area_mm2, 3)
        yield Reported("PX_UM", "size of a pixel", "um", um_per_px, 4)
    fields = fact(result, "image", "fields")
    # A result that does not tell how many photographs it is of is not taken for one of them.
    if isinstance(fields, int):
        yield Reported("N_FIELDS", "fields that were measured", "1", float(fields), 0)
    if result.uncertainty is not None:
        doubt = 1.0 - result.uncertainty.mean_confidence
        yield Reported("UNC_MEAN", "mean uncertainty of the mineral map", "1", doubt, 3)

"""From an analysis to the numbers that a laboratory reports: keyword, value, unit, uncertainty.

A keyword names one analysis service of a LIMS (letters, digits, ``_ - + .``). Units are UCUM. A
number is rounded once, here, and every format writes the same text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal

from petrography.errors import InvalidParameterError
from petrography.minerals import BACKGROUND_CODE, MINERALS, mineral
from petrography.report import ModalEntry, Result
from service.lims.profile import STANDARD, LimsProfile

__all__ = ["Reported", "detection_limit_percent", "keyword_of", "reported"]

_UM2_PER_MM2 = 1e6


@dataclass(frozen=True)
class Reported:
    """One number as it is reported.

    Attributes
    ----------
    keyword : str
        Of the analysis service.
    title : str
        What it is, in words.
    unit : str
        UCUM: ``%``, ``um``, ``mm2``, or ``1`` for a number without a unit.
    value : float
        The value, or the limit that it lies below.
    decimals : int
        Digits after the point.
    below_limit : bool
        Whether the result is "less than `value`".
    uncertainty : float or None
        Expanded uncertainty in `unit`, None where the analysis gives none.
    coverage : str
        What `uncertainty` covers; empty without one.
    detection_limit, reporting_limit : float or None
        In `unit`.
    """

    keyword: str
    title: str
    unit: str
    value: float
    decimals: int
    below_limit: bool = False
    uncertainty: float | None = None
    coverage: str = ""
    detection_limit: float | None = None
    reporting_limit: float | None = None

    @property
    def number(self) -> str:
        """The value with its decimals, ``.`` as the decimal sign; a limit is rounded up."""
        return _fixed(self.value, self.decimals, up=self.below_limit)

    @property
    def text(self) -> str:
        """The result as a person reads it: ``12.41``, or ``<0.05``."""
        return f"<{self.number}" if self.below_limit else self.number

    @property
    def uncertainty_text(self) -> str:
        """The uncertainty with the decimals of the value, rounded up; empty where there is none."""
        if self.uncertainty is None or self.below_limit:
            return ""
        return _fixed(self.uncertainty, self.decimals, up=True)


def _fixed(value: float, decimals: int, *, up: bool) -> str:
    if not math.isfinite(value):
        msg = f"{value} cannot be reported; wanted a finite number"
        raise InvalidParameterError(msg)
    step = Decimal(1).scaleb(-decimals)
    # Through repr: the shortest decimal that is this float, not its binary tail.
    exact = Decimal(repr(float(value)))
    return f"{exact.quantize(step, rounding=ROUND_UP if up else ROUND_HALF_EVEN):f}"


def keyword_of(quantity: str, symbol: str) -> str:
    """Keyword of a quantity of one mineral.

    Examples
    --------
    >>> keyword_of("MOD", "Py/Mrc")
    'MOD_PY_MRC'
    """
    return f"{quantity}_{symbol.upper().replace('/', '_')}"


def reported(result: Result, profile: LimsProfile = STANDARD) -> tuple[Reported, ...]:
    """List what an analysis reports.

    Parameters
    ----------
    result : Result
        The analysis.
    profile : LimsProfile, optional
        How the laboratory names and rounds it.

    Returns
    -------
    tuple of Reported
        Modal per cent of the whole field (``MOD_*``), minerals that were looked for and not found
        as "less than"; grain sizes where there is a scale (``GS_P80_*``, ``GS_D50_*``); elements
        (``EL_*``); area, fields, pixel size and mean uncertainty of the map.

    Raises
    ------
    InvalidParameterError
        If the profile gives two numbers one name.
    """
    standard = (
        *_modal_shares(result),
        *_grain_sizes(result),
        *_elements(result),
        *_field(result),
    )
    listed = tuple(_named(one, profile) for one in standard if profile.wants(one.keyword))
    keywords = [one.keyword for one in listed]
    twice = sorted({keyword for keyword in keywords if keywords.count(keyword) > 1})
    if twice:
        msg = f"two numbers are called {', '.join(twice)}; give them different names in the profile"
        raise InvalidParameterError(msg)
    return listed


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
    shares |= _not_found(result, limit)
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
    """Longer half of the widest 95 % interval: it is not symmetric near 0 and 100 %."""
    for interval, covers in (
        (entry.total_ci95, "95 %, sampling and map errors"),
        (entry.ci95, "95 %, sampling only"),
    ):
        if interval is not None:
            return _longer_half(entry.area_percent, interval), covers
    return None, ""


def _longer_half(value: float, interval: tuple[float, float]) -> float:
    return max(value - interval[0], interval[1] - value, 0.0)


def detection_limit_percent(result: Result) -> float | None:
    """Area per cent of a mineral below which a field like this one may show nothing of it.

    Parameters
    ----------
    result : Result
        The analysis.

    Returns
    -------
    float or None
        300 / N, the upper 95 % bound where none of N independent places shows it; N is the field
        over the integral range ``2 pi l**2`` of its texture. None where the texture is not known
        or N is below 3.

    References
    ----------
    Hanley & Lippman-Hand 1983, doi:10.1001/jama.1983.03330370053031 (the rule of three); Lantuejoul
    1991, doi:10.1111/j.1365-2818.1991.tb03109.x (integral range).
    """
    length_px = result.modal_basis.intervals.correlation_length_px
    if length_px <= 0.0:
        return None
    places = result.modal_basis.field_px / max(2.0 * math.pi * length_px**2, 1.0)
    return 300.0 / places if places > 3.0 else None


def _not_found(result: Result, limit: float | None) -> dict[int, Reported]:
    found = {entry.code for entry in result.modal}
    if limit is None:
        return {}
    return {
        code: Reported(
            keyword=keyword_of("MOD", mineral(code).symbol),
            title=f"{mineral(code).name}, area of the whole field",
            unit="%",
            value=limit,
            decimals=2,
            below_limit=True,
            detection_limit=limit,
        )
        for code in _looked_for(result)
        if code not in found and code in MINERALS and code != BACKGROUND_CODE
    }


def _looked_for(result: Result) -> tuple[int, ...]:
    """Codes that the model could have drawn; a result of elsewhere may not say."""
    parameters = result.provenance.get("parameters")
    codes = parameters.get("possible_codes") if isinstance(parameters, dict) else None
    return tuple(code for code in codes if isinstance(code, int)) if isinstance(codes, list) else ()


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
                uncertainty=None if interval is None else _longer_half(size, interval),
                coverage="" if interval is None else "95 %, grains that were seen",
            )


def _elements(result: Result) -> Iterator[Reported]:
    for element, percent in (result.element_percent or {}).items():
        yield Reported(
            keyword=keyword_of("EL", element),
            title=f"{element}, mass in the ore minerals, from formulae",
            unit="%",
            value=percent,
            decimals=2,
        )


def _field(result: Result) -> Iterator[Reported]:
    if result.scale is not None:
        um_per_px = result.scale.um_per_px
        area_mm2 = result.modal_basis.field_px * um_per_px**2 / _UM2_PER_MM2
        yield Reported("ANALYSED_AREA", "area that was measured", "mm2", area_mm2, 3)
        yield Reported("PX_UM", "size of a pixel", "um", um_per_px, 4)
    yield Reported("N_FIELDS", "fields that were measured", "1", 1.0, 0)
    if result.uncertainty is not None:
        doubt = 1.0 - result.uncertainty.mean_confidence
        yield Reported("UNC_MEAN", "mean uncertainty of the mineral map", "1", doubt, 3)

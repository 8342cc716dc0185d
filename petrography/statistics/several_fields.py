"""Modal composition over several fields or sections: the scatter between them is the error.

The sampling unit is the field, or the section where fields are told apart by sections: fields of
one section are more alike than sections, so they count as one unit. Pixels are never pooled as if
they were independent. With fields of one size the share of the field, its interval and its
relative accuracy are those of ASTM E562; with fields of different sizes, and on the ore minerals
only, by mass and by element, the share is the ratio of the sums, and its error the linearised one of a ratio.

References
----------
ASTM E562-19, *Standard Test Method for Determining Volume Fraction by Systematic Manual Point
Count* (mean, t interval and % RA over fields).
Cochran 1977, *Sampling Techniques*, 3rd ed., ch. 6 (ratio estimator) and 9A (clusters).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.minerals import is_ore, mineral
from petrography.statistics.assay import ATOMIC_WEIGHTS, mass_fractions
from petrography.statistics.intervals import LEVEL

__all__ = ["ElementShare", "FieldAreas", "MeanShare", "SeveralFields", "over_fields"]

# ASTM E562 asks for 30 fields as a rule.
_CUSTOMARY_FIELDS = 30


@dataclass(frozen=True)
class FieldAreas:
    """What was counted in one field.

    Attributes
    ----------
    area_px : mapping of int to int
        Pixels by mineral code, without pixels that nobody annotated.
    section : str
        Section that the field lies on; fields with equal names are one unit.
    px_area : float
        Area of a pixel, in one unit for all fields: they are summed by area, not by pixels.
    """

    area_px: Mapping[int, int]
    section: str
    px_area: float = 1.0

    def areas(self) -> dict[int, float]:
        """Area by mineral code."""
        return {code: area_px * self.px_area for code, area_px in self.area_px.items()}


@dataclass(frozen=True)
class MeanShare:
    """The share of one phase over several units.

    Attributes
    ----------
    code : int
        Mineral code.
    percent : float
        Sum over the units of the area of the phase, over that of the basis.
    standard_error_pp : float or None
        From the scatter between units, in percentage points; None with one unit, or where the
        phase is all there is.
    ci95_percent : tuple of float or None
        Student's t interval, cut at 0 and 100.
    relative_accuracy_percent : float or None
        Half width of the uncut interval over the share (% RA of ASTM E562).
    """

    code: int
    percent: float
    standard_error_pp: float | None
    ci95_percent: tuple[float, float] | None
    relative_accuracy_percent: float | None


@dataclass(frozen=True)
class ElementShare:
    """The share of one element in the mass of the ore minerals; figures as of `MeanShare`."""

    element: str
    percent: float
    standard_error_pp: float | None
    ci95_percent: tuple[float, float] | None
    relative_accuracy_percent: float | None


@dataclass(frozen=True)
class SeveralFields:
    """Modal composition over several fields.

    Attributes
    ----------
    unit : {"field", "section"}
        What was counted as independent.
    units, fields : int
        How many there are.
    field_shares, ore_shares : tuple of MeanShare
        On the whole annotated field, and on the ore minerals only; by code.
    mass_shares : tuple of MeanShare
        Of the mass of the ore minerals; empty where one of them has no density.
    element_shares : tuple of ElementShare
        Of the mass of the ore minerals; empty where one of them has no density or no formula.
    warnings : tuple of str
        What stands against the intervals.
    """

    unit: Literal["field", "section"]
    units: int
    fields: int
    field_shares: tuple[MeanShare, ...]
    ore_shares: tuple[MeanShare, ...]
    mass_shares: tuple[MeanShare, ...]
    element_shares: tuple[ElementShare, ...]
    warnings: tuple[str, ...]


def over_fields(fields: Sequence[FieldAreas]) -> SeveralFields:
    """Join the modal compositions of several fields.

    Parameters
    ----------
    fields : sequence of FieldAreas
        At least one. With one section the fields are the units, with several the sections.

    Returns
    -------
    SeveralFields
        Shares with intervals from the scatter between units.

    Raises
    ------
    InvalidParameterError
        If there is no field, or one has no annotated pixel.

    Examples
    --------
    >>> areas = [FieldAreas({0: 90, 1: 10}, "A"), FieldAreas({0: 70, 1: 30}, "A")]
    >>> share = over_fields(areas).field_shares[1]
    >>> share.percent, round(share.standard_error_pp, 6)
    (20.0, 10.0)
    """
    if not fields or any(sum(field.area_px.values()) == 0 for field in fields):
        msg = f"{len(fields)} fields, of which each must have annotated pixels; wanted at least one"
        raise InvalidParameterError(msg)
    sections = tuple(dict.fromkeys(field.section for field in fields))
    units = _by_section(fields, sections) if len(sections) > 1 else [one.areas() for one in fields]
    codes = sorted({code for unit in units for code, area in unit.items() if area})
    areas = np.array([[unit.get(code, 0.0) for code in codes] for unit in units], dtype=np.float64)
    ore = [code for code in codes if is_ore(code)]
    ore_areas = areas[:, [is_ore(code) for code in codes]]
    masses = _masses(ore, ore_areas)
    unit: Literal["field", "section"] = "section" if len(sections) > 1 else "field"
    return SeveralFields(
        unit=unit,
        units=len(units),
        fields=len(fields),
        field_shares=_shares(codes, areas),
        ore_shares=_shares(ore, ore_areas),
        mass_shares=() if masses is None else _shares(ore, masses),
        element_shares=() if masses is None else _element_shares(ore, masses),
        warnings=_warnings(len(units), unit),
    )


def _by_section(fields: Sequence[FieldAreas], sections: Sequence[str]) -> list[dict[int, float]]:
    sums: dict[str, dict[int, float]] = {section: {} for section in sections}
    for field in fields:
        summed = sums[field.section]
        for code, area in field.areas().items():
            summed[code] = summed.get(code, 0.0) + area
    return list(sums.values())


def _shares(codes: Sequence[int], amounts: NDArray[np.float64]) -> tuple[MeanShare, ...]:
    """Shares of phases in their sum; `amounts`, areas or masses, has a row for each unit."""
    whole = amounts.sum(axis=1)
    if not whole.any():
        return ()
    return tuple(MeanShare(code, *_scatter(amounts[:, k], whole)) for k, code in enumerate(codes))


def _masses(codes: Sequence[int], areas: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Areas weighted by density; None where one is not known."""
    densities = [mineral(code).density_g_cm3 for code in codes]
    known = [density for density in densities if density is not None]
    return areas * np.array(known) if len(known) == len(codes) else None


def _element_shares(codes: Sequence[int], masses: NDArray[np.float64]) -> tuple[ElementShare, ...]:
    """Shares of elements in the mass: that of each mineral, times what its formula holds of them."""
    formulae = [mineral(code).formula for code in codes]
    whole = masses.sum(axis=1)
    if not whole.any() or None in formulae:
        return ()
    contents = [mass_fractions(formula or "") for formula in formulae]
    shares = []
    for element in ATOMIC_WEIGHTS:
        content = np.array([one.get(element, 0.0) for one in contents])
        if content.any():
            # No mixture holds less of it than the poorest mineral, or more than the richest.
            limits = float(content.min()), float(content.max())
            shares.append(ElementShare(element, *_scatter(masses @ content, whole, limits)))
    return tuple(shares)


_Scatter: TypeAlias = tuple[float, float | None, tuple[float, float] | None, float | None]


def _scatter(
    part: NDArray[np.float64],
    whole: NDArray[np.float64],
    limits: tuple[float, float] = (0.0, 1.0),
) -> _Scatter:
    """Per cent of a part in the whole, its error, 95 % interval and % RA from the units."""
    units, ratio = len(part), float(part.sum() / whole.sum())
    percent = 100.0 * ratio
    if units == 1 or ratio == 1.0:
        return percent, None, None, None
    residual = part - ratio * whole
    error = math.sqrt(units / (units - 1) * float((residual**2).sum())) / float(whole.sum())
    half_width = 100.0 * float(scipy.special.stdtrit(units - 1, 0.5 + LEVEL / 2)) * error
    bounds = (
        max(percent - half_width, 100.0 * limits[0]),
        min(percent + half_width, 100.0 * limits[1]),
    )
    return percent, 100.0 * error, bounds, 100.0 * half_width / percent


def _warnings(units: int, unit: str) -> tuple[str, ...]:
    if units == 1:
        return (f"one {unit}: no scatter between {unit}s to judge by",)
    if units < _CUSTOMARY_FIELDS and unit == "field":
        warning = (
            f"intervals rest on {units} fields; {_CUSTOMARY_FIELDS} are customary (ASTM E562), "
            "and with few of them rare phases have intervals that miss the truth more often"
        )
        return (warning,)
    return ()

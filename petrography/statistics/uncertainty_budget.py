"""The uncertainty of a share, contribution by contribution, combined and expanded.

Standard uncertainties are combined in quadrature and expanded with k = 2, which is close to 95 %
where the degrees of freedom are many; they are given by the formula of Welch and Satterthwaite.
A budget is symmetric; near 0 and 100 % the intervals of `petrography.statistics.intervals` say
more.

References
----------
JCGM 100:2008 (GUM), 5.1, 6.2 and G.4, doi:10.59161/JCGM100-2008E. ISO/IEC 17025:2017, 7.6 and
7.8.3 (contributions, and how they are reported).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from petrography.errors import InvalidParameterError
from petrography.statistics.composition import Composition, PhaseShare
from petrography.statistics.map_errors import CorrectedShare, MapErrors

__all__ = [
    "COVERAGE_FACTOR",
    "Contribution",
    "UncertaintyBudget",
    "combined",
    "uncertainty_budgets",
]

COVERAGE_FACTOR = 2.0
# Below this a scatter between images is a guess, and the intervals leave it out too.
_FEWEST_IMAGES = 2


@dataclass(frozen=True)
class Contribution:
    """One source of uncertainty.

    Attributes
    ----------
    source : str
        What it is: ``sampling``, ``map scatter``, ``map bias``, or as the laboratory names it.
    evaluation : {"A", "B"}
        From the statistics of observations, or otherwise (GUM 3.3.4).
    standard_uncertainty_pp : float
        In percentage points of the share.
    degrees_of_freedom : float or None
        None where it is taken as known.
    """

    source: str
    evaluation: Literal["A", "B"]
    standard_uncertainty_pp: float
    degrees_of_freedom: float | None


@dataclass(frozen=True)
class UncertaintyBudget:
    """The contributions to the uncertainty of one share, and what they come to.

    Attributes
    ----------
    contributions : tuple of Contribution
        In the order in which they arise.
    combined_pp, expanded_pp : float
        Root of the sum of squares, and `COVERAGE_FACTOR` times that, in percentage points.
    degrees_of_freedom : float or None
        Effective; None where no contribution has any.
    """

    contributions: tuple[Contribution, ...]
    combined_pp: float
    expanded_pp: float
    degrees_of_freedom: float | None


def combined(contributions: Iterable[Contribution]) -> UncertaintyBudget:
    """Combine contributions that do not depend on each other.

    Examples
    --------
    >>> budget = combined([Contribution("a", "A", 3.0, 9.0), Contribution("b", "B", 4.0, None)])
    >>> budget.combined_pp, budget.expanded_pp, round(budget.degrees_of_freedom, 1)
    (5.0, 10.0, 69.4)
    """
    listed = tuple(contributions)
    total = math.hypot(*(one.standard_uncertainty_pp for one in listed))
    spread = sum(
        one.standard_uncertainty_pp**4 / one.degrees_of_freedom
        for one in listed
        if one.degrees_of_freedom is not None
    )
    freedom = total**4 / spread if spread > 0.0 else None
    return UncertaintyBudget(listed, total, COVERAGE_FACTOR * total, freedom)


def uncertainty_budgets(
    composition: Composition,
    errors: MapErrors | None = None,
    *,
    other_percent: Mapping[str, float] | None = None,
) -> dict[int, UncertaintyBudget]:
    """Set up the budget of `area_percent` of each phase.

    Parameters
    ----------
    composition : Composition
        Measured shares.
    errors : MapErrors, optional
        What mistakes of the map do to them.
    other_percent : mapping of str to float, optional
        What the laboratory knows of other sources, such as preparation: standard uncertainties
        in per cent of the share, each at least 0.

    Returns
    -------
    dict of int to UncertaintyBudget
        By code; phases whose sampling error one image does not show are left out.

    Raises
    ------
    InvalidParameterError
        If one of `other_percent` is negative or not finite.
    """
    others = {} if other_percent is None else dict(other_percent)
    wrong = [name for name, percent in others.items() if not 0.0 <= percent < math.inf]
    if wrong:
        msg = f"uncertainty of {wrong[0]!r} is {others[wrong[0]]} %; wanted a number from 0 up"
        raise InvalidParameterError(msg)
    mapped = {} if errors is None else {one.code: one for one in errors.shares}
    images = 0 if errors is None else errors.held_out.images
    return {
        phase.code: combined(
            (
                *_of_sampling(phase),
                *_of_map(mapped.get(phase.code), images),
                *_of_others(phase, others),
            )
        )
        for phase in composition.phases
        if phase.sampling is not None
    }


def _of_sampling(phase: PhaseShare) -> Iterator[Contribution]:
    if phase.sampling is not None:
        error_pp = 100.0 * phase.sampling.standard_error
        yield Contribution("sampling", "A", error_pp, phase.sampling.degrees_of_freedom)


def _of_map(share: CorrectedShare | None, images: int) -> Iterator[Contribution]:
    if share is not None and images >= _FEWEST_IMAGES:
        yield Contribution("map scatter", "A", share.scatter_pp, float(images - 1))
        # Known, yet not corrected for: the correction makes single images worse (decision 0010).
        yield Contribution("map bias", "B", share.bias_pp, None)


def _of_others(phase: PhaseShare, others: Mapping[str, float]) -> Iterator[Contribution]:
    for name, percent in others.items():
        yield Contribution(name, "B", phase.area_percent * percent / 100.0, None)

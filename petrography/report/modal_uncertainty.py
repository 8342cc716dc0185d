"""The uncertainty of modal composition in result.json: budgets, samples, areas, limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from petrography.field_types import Code, NotNegative, Percent
from petrography.minerals import mineral
from petrography.statistics import Composition, MapErrors
from petrography.statistics.composition import PhaseShare
from petrography.statistics.detection import DetectionLimit
from petrography.statistics.held_out import HeldOutConfusion
from petrography.statistics.representative_area import (
    WANTED_ERROR_PERCENT,
    representative_area_px2,
)
from petrography.statistics.uncertainty_budget import (
    COVERAGE_FACTOR,
    Contribution,
    UncertaintyBudget,
    uncertainty_budgets,
)
from petrography.stored_documents import Document

__all__ = [
    "LEAST_DEGREES_OF_FREEDOM",
    "BudgetEntry",
    "ModalUncertainty",
    "NotFound",
    "RepresentativeArea",
    "modal_uncertainty",
    "not_found",
    "rough_coverage",
]

# Student's factor for the coverage of k = 2 is 2.9 with four, 4.5 with two.
LEAST_DEGREES_OF_FREEDOM = 4.0

# Rounded to two digits this is all there is: a limit that says nothing.
_NO_LIMIT_PERCENT = 99.5


class BudgetEntry(Document):
    """One contribution to the uncertainty of area_percent."""

    source: str
    """sampling, map scatter, map bias, or as the request names it."""
    evaluation: Literal["A", "B"]
    """From the statistics of observations, or otherwise (GUM)."""
    standard_uncertainty_pp: NotNegative
    """In percentage points."""
    degrees_of_freedom: NotNegative | None
    """Null where it is taken as known."""


class RepresentativeArea(Document):
    """The area in which a phase would be known to the wanted error, at two standard deviations."""

    error_percent: NotNegative
    """Wanted error, in per cent of the share."""
    area_px: NotNegative
    area_um2: NotNegative | None
    fields: NotNegative
    """The same in images of the annotated size of this one."""


class ModalUncertainty(Document):
    """How well area_percent is known."""

    budget: tuple[BudgetEntry, ...]
    combined_pp: NotNegative
    """Root of the sum of squares of the budget, in percentage points."""
    coverage_factor: NotNegative
    expanded_pp: NotNegative
    """coverage_factor times combined_pp."""
    degrees_of_freedom: NotNegative | None
    """Effective; null where nothing was estimated from observations."""
    independent_samples: NotNegative
    """That the image is worth for this phase."""
    integral_range_px2: NotNegative
    """Area of one of them."""
    representative: RepresentativeArea


class NotFound(Document):
    """A phase that could have been found and was not."""

    code: Code
    symbol: str
    name: str
    upper_percent: Percent | None
    """area_percent is below it at 95 % confidence, if the map misses nothing; null where one phase
    fills the image."""
    map_upper_percent: Percent | None = None
    """upper_percent over the share of held-out pixels of the phase that the model names right, at
    most 100; null where none is held out."""

    @property
    def reported_percent(self) -> float | None:
        """The limit that is reported: that which knows what the map misses, where there is one."""
        return self.upper_percent if self.map_upper_percent is None else self.map_upper_percent

    @property
    def told(self) -> str:
        """Symbol and limit as a person reads them; of a limit near everything, that there is none."""
        limit = self.reported_percent
        if limit is None or limit >= _NO_LIMIT_PERCENT:
            return f"{self.symbol} (no limit)"
        return f"{self.symbol} < {limit:.2g} %"


def modal_uncertainty(
    composition: Composition,
    *,
    errors: MapErrors | None = None,
    other_percent: Mapping[str, float] | None = None,
    wanted_error_percent: float = WANTED_ERROR_PERCENT,
    um_per_px: float | None = None,
) -> dict[int, ModalUncertainty]:
    """Write how well the share of each phase is known, by code.

    Parameters
    ----------
    composition : Composition
        Measured shares.
    errors : MapErrors, optional
        What mistakes of the map do to them.
    other_percent : mapping of str to float, optional
        Further standard uncertainties by name, in per cent of each share.
    wanted_error_percent : float
        For the representative area, in per cent of each share.
    um_per_px : float, optional
        Pixel size; physical areas are null without it.

    Returns
    -------
    dict of int to ModalUncertainty
        Without phases of which one image shows no scatter.

    Raises
    ------
    InvalidParameterError
        If an uncertainty is negative or the wanted error not above 0.
    """
    budgets = uncertainty_budgets(composition, errors, other_percent=other_percent)
    return {
        phase.code: _written(
            budgets[phase.code],
            phase,
            composition.field_px,
            _representative(phase, composition.field_px, wanted_error_percent, um_per_px),
        )
        for phase in composition.phases
        if phase.code in budgets
    }


def _written(
    budget: UncertaintyBudget, phase: PhaseShare, field_px: int, area: RepresentativeArea
) -> ModalUncertainty:
    samples = _samples(phase)
    return ModalUncertainty(
        budget=tuple(_entry(one) for one in budget.contributions),
        combined_pp=_rounded(budget.combined_pp, 4),
        coverage_factor=COVERAGE_FACTOR,
        expanded_pp=_rounded(budget.expanded_pp, 4),
        degrees_of_freedom=_optional(budget.degrees_of_freedom),
        independent_samples=_rounded(samples, 1),
        integral_range_px2=_rounded(field_px / samples, 1),
        representative=area,
    )


def _representative(
    phase: PhaseShare, field_px: int, error_percent: float, um_per_px: float | None
) -> RepresentativeArea:
    area_px = representative_area_px2(
        phase.area_percent / 100.0, field_px / _samples(phase), error_percent=error_percent
    )
    return RepresentativeArea(
        error_percent=error_percent,
        area_px=_rounded(area_px, 0),
        area_um2=None if um_per_px is None else _rounded(area_px * um_per_px**2, 0),
        fields=_rounded(area_px / field_px, 2),
    )


def _samples(phase: PhaseShare) -> float:
    return 1.0 if phase.sampling is None else phase.sampling.independent_samples


def _entry(contribution: Contribution) -> BudgetEntry:
    return BudgetEntry(
        source=contribution.source,
        evaluation=contribution.evaluation,
        standard_uncertainty_pp=_rounded(contribution.standard_uncertainty_pp, 4),
        degrees_of_freedom=_optional(contribution.degrees_of_freedom),
    )


def _optional(value: float | None) -> float | None:
    return None if value is None else _rounded(value, 1)


def _rounded(value: float, digits: int) -> float:
    return round(value, digits)


def rough_coverage(uncertainties: Mapping[int, ModalUncertainty]) -> tuple[str, ...]:
    """Warn of phases whose expanded uncertainty covers less than its factor promises.

    Parameters
    ----------
    uncertainties : mapping of int to ModalUncertainty
        By code.

    References
    ----------
    JCGM 100:2008 (GUM), G.6.4 (k = 2 wants sufficiently many effective degrees of freedom).
    """
    rough = [
        f"{mineral(code).symbol} ({known.degrees_of_freedom:.1f})"
        for code, known in uncertainties.items()
        if known.degrees_of_freedom is not None
        and known.degrees_of_freedom < LEAST_DEGREES_OF_FREEDOM
    ]
    warning = (
        f"{', '.join(rough)}: fewer than {LEAST_DEGREES_OF_FREEDOM:.0f} effective degrees of "
        f"freedom, so expanded_pp (k = {COVERAGE_FACTOR:g}) covers less than 95 %: take ci95 or "
        "total_ci95, or measure more fields"
    )
    return (warning,) if rough else ()


def not_found(
    composition: Composition, held_out: HeldOutConfusion | None = None
) -> tuple[NotFound, ...]:
    """Write the phases that were looked for and not found, with their limits.

    Parameters
    ----------
    composition : Composition
        Of the map.
    held_out : HeldOutConfusion, optional
        Of the model that drew it.
    """
    return tuple(
        NotFound(
            code=limit.code,
            symbol=mineral(limit.code).symbol,
            name=mineral(limit.code).name,
            upper_percent=None if limit.upper_percent is None else _rounded(limit.upper_percent, 4),
            map_upper_percent=_with_the_missed(limit, held_out),
        )
        for limit in composition.not_found
    )


def _with_the_missed(limit: DetectionLimit, held_out: HeldOutConfusion | None) -> float | None:
    """Limit of the truth, of which the map shows as much as of what was held out."""
    recall = None if held_out is None else held_out.recall(limit.code)
    if recall is None or limit.upper_percent is None:
        return None
    return _rounded(min(limit.upper_percent / recall, 100.0) if recall > 0.0 else 100.0, 4)

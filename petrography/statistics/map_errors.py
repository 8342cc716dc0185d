"""How far the mistakes of a mineral map move the modal composition.

The chance of each mistake is known from held-out images (`petrography.statistics.held_out`). If
the truth has the shares p, the map is expected to show q = M' p, with M the rates of confusion.
Two things follow:

- an interval of the shares of the map that covers its mistakes: the bias M' p - p, and the
  scatter of M between images, joined with the interval of the block bootstrap;
- corrected shares: the p on the simplex (no share negative, sum 1) whose M' p comes nearest to
  what the map shows.

On real ore the correction makes single images worse, for M differs more between images than its
mean is away from no confusion at all; the interval does what it should. Both were measured:
docs/decisions/0010-held-out-confusion.md. So the shares of the map stay what is reported first.

References
----------
Olofsson, Foody, Herold, Stehman, Woodcock & Wulder 2014, Remote Sens. Environ. 148:42,
doi:10.1016/j.rse.2014.02.015 (areas of a map and its confusion).
Lawson & Hanson 1974, *Solving Least Squares Problems*, ch. 23 (non-negative least squares).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.minerals import mineral
from petrography.statistics.composition import Composition, PhaseShare
from petrography.statistics.held_out import HeldOutConfusion
from petrography.statistics.intervals import LEVEL

__all__ = ["CorrectedShare", "MapErrors", "corrected_shares", "map_errors"]

Shares = NDArray[np.float64]

SIMULATIONS = 300  # the standard deviation to 4 %
SEED = 20212
# So heavy in the least squares that the shares sum to 1 but for rounding.
_SUM_WEIGHT = 1e3
# Above this a twentieth of an error in the map becomes half a share.
_LARGEST_CONDITION = 10.0
_FEWEST_IMAGES = 2


@dataclass(frozen=True)
class CorrectedShare:
    """One phase that may occur.

    Attributes
    ----------
    code : int
        Mineral code.
    total_ci95_percent : tuple of float or None
        95 % interval of the share of the map, its mistakes included; None where the sampling has
        no interval or too few images were held out.
    corrected_percent : float
        Share after correction.
    corrected_ci95_percent : tuple of float or None
        Its 95 % interval, sampling and mistakes.
    scatter_pp, bias_pp : float
        Standard deviation between images, and expected shift, that the mistakes give the share of
        the map, in percentage points; neither is negative.
    """

    code: int
    total_ci95_percent: tuple[float, float] | None
    corrected_percent: float
    corrected_ci95_percent: tuple[float, float] | None
    scatter_pp: float
    bias_pp: float


@dataclass(frozen=True)
class MapErrors:
    """What the held-out confusion says of one composition.

    Attributes
    ----------
    shares : tuple of CorrectedShare
        Of all phases that may occur, in the order of the model.
    held_out : HeldOutConfusion
        Where it comes from.
    condition : float
        Condition number of the rates; large means that phases are hardly told apart.
    simulations, seed : int
        Of the interval of the corrected shares.
    warnings : tuple of str
        What stands against it.
    """

    shares: tuple[CorrectedShare, ...]
    held_out: HeldOutConfusion
    condition: float
    simulations: int
    seed: int
    warnings: tuple[str, ...]


def map_errors(composition: Composition, held_out: HeldOutConfusion) -> MapErrors:
    """Correct a composition and widen its intervals.

    Parameters
    ----------
    composition : Composition
        Of a mineral map that the model drew.
    held_out : HeldOutConfusion
        Of the same model, with the same classes allowed.

    Returns
    -------
    MapErrors
        Shares with intervals, and warnings.
    """
    rates, phases = held_out.rates, {phase.code: phase for phase in composition.phases}
    seen = np.array([_percent_of(phases, code) / 100.0 for code in held_out.codes])
    corrected = corrected_shares(seen, rates)
    scatter = _scatter(corrected, held_out)
    bias = rates.T @ corrected - corrected
    simulated = _simulated_error(corrected, held_out)
    quantile = _quantile(held_out.images)
    shares = tuple(
        CorrectedShare(
            code,
            _joined(seen[k], phases.get(code), quantile * math.hypot(scatter[k], bias[k])),
            100.0 * float(corrected[k]),
            _joined(corrected[k], phases.get(code), quantile * simulated[k]),
            100.0 * float(scatter[k]),
            100.0 * abs(float(bias[k])),
        )
        for k, code in enumerate(held_out.codes)
    )
    condition = float(np.linalg.cond(rates))
    return MapErrors(
        shares, held_out, condition, SIMULATIONS, SEED, _warnings(held_out, condition, phases)
    )


def corrected_shares(seen: Shares, rates: Shares) -> Shares:
    """Find the shares on the simplex that best explain what a map shows.

    Parameters
    ----------
    seen : ndarray of float64, shape (K,)
        Shares of the map, sum 1.
    rates : ndarray of float64, shape (K, K)
        Chance of each predicted class (columns) by true class (rows).

    Returns
    -------
    ndarray of float64, shape (K,)
        None negative, sum 1.

    Examples
    --------
    >>> rates = np.array([[0.9, 0.1], [0.0, 1.0]])
    >>> corrected_shares(np.array([0.45, 0.55]), rates).round(6).tolist()
    [0.5, 0.5]
    """
    equations = np.vstack([rates.T, np.full(len(seen), _SUM_WEIGHT)])
    found, _ = scipy.optimize.nnls(equations, np.append(seen, _SUM_WEIGHT))
    shares: Shares = found / found.sum()
    return shares


def _percent_of(phases: dict[int, PhaseShare], code: int) -> float:
    return phases[code].area_percent if code in phases else 0.0


def _scatter(shares: Shares, held_out: HeldOutConfusion) -> Shares:
    """Standard deviation of the map of one image about what is expected, from row to row."""
    rates = held_out.rates
    variance: Shares = (shares**2) @ (rates * (1.0 - rates)) / (held_out.effective_size + 1.0)
    return np.sqrt(variance)


def _simulated_error(shares: Shares, held_out: HeldOutConfusion) -> Shares:
    """Standard deviation of the correction, if `shares` were the truth."""
    rates, generator = held_out.rates, np.random.default_rng(SEED)
    drawn = generator.standard_gamma(
        held_out.effective_size * rates, size=(SIMULATIONS, *rates.shape)
    )
    totals = drawn.sum(axis=2, keepdims=True)
    drawn = np.where(totals > 0, drawn / np.where(totals > 0, totals, 1.0), rates)
    maps = np.einsum("i,bij->bj", shares, drawn)
    found = np.array([corrected_shares(one, rates) for one in maps])
    deviation: Shares = np.sqrt(((found - shares) ** 2).mean(axis=0))
    return deviation


def _quantile(images: int) -> float:
    """Student's t for as many images; NaN where they are too few to judge by."""
    return (
        float(scipy.special.stdtrit(images - 1, 0.5 + LEVEL / 2))
        if images >= _FEWEST_IMAGES
        else math.nan
    )


def _joined(
    centre: float, phase: PhaseShare | None, half_width: float
) -> tuple[float, float] | None:
    """Join the error of the map with that of the sampling, each side for itself (GUM)."""
    if math.isnan(half_width) or (phase is not None and phase.ci95_percent is None):
        return None
    below = above = 0.0
    if phase is not None and phase.ci95_percent is not None:
        below = (phase.area_percent - phase.ci95_percent[0]) / 100.0
        above = (phase.ci95_percent[1] - phase.area_percent) / 100.0
    low = max(float(centre) - math.hypot(below, half_width), 0.0)
    high = min(float(centre) + math.hypot(above, half_width), 1.0)
    return 100.0 * low, 100.0 * high


def _warnings(
    held_out: HeldOutConfusion, condition: float, phases: dict[int, PhaseShare]
) -> tuple[str, ...]:
    found = []
    unseen = [mineral(code).symbol for code in held_out.unseen if code in phases]
    if unseen:
        found.append(
            f"{', '.join(unseen)}: no held-out pixels, mistakes of the map are unknown and in no "
            "interval"
        )
    if condition > _LARGEST_CONDITION:
        found.append(
            f"the model hardly tells some phases apart (condition number {condition:.0f} of its "
            "held-out confusion): corrected_percent is not to be trusted"
        )
    if held_out.is_restricted:
        found.append(
            "mistakes of the map were measured with all classes open, not with this association: "
            "total_ci95 and corrected_percent are approximate"
        )
    if held_out.images < _FEWEST_IMAGES:
        found.append(
            f"{held_out.images} held-out image: too few for intervals that cover mistakes of the "
            "map"
        )
    return tuple(found)

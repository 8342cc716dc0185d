"""95 % intervals of area fractions from one image: block bootstrap and integral range.

Neighbouring pixels are not independent: the formula of independent pixels understates the error
about fifteen times on ore textures. The error is found in three steps.

1. Blocks several correlation lengths wide are nearly independent, so whole blocks are resampled,
   and their counts only: numerator and denominator together (ratio estimator), which serves the
   basis "ore minerals only" and masses as well. What is left of the correlation across block
   borders is made good by a factor computed from the autocovariance of the phase itself.
2. The error is turned into *independent samples* n = p (1 - p) / error^2. They are at most twice
   those of the texture as a whole (area over integral range): a phase that shows as a few specks
   in a coarse texture is no proof that it is spread as finely elsewhere. Where all that is not
   the main phase lies in fewer than five blocks, the texture is not seen: a sample is no smaller
   than a block then.
3. The interval is that of Clopper and Pearson for n samples, reduced for the degrees of freedom
   of the error as Korn and Graubard do. These are few where a phase is found in a few blocks
   only, and are taken from the kurtosis of the blocks.

What the interval answers for is the section that the image lies on, if its texture is the same
all over. How often it covers the truth is measured by ``benchmarks/bench_modal_intervals.py``;
why it is made so is told in ``docs/decisions/0012-independent-samples.md``.

References
----------
Künsch 1989, Ann. Stat. 17:1217, doi:10.1214/aos/1176347265 (block bootstrap).
Korn & Graubard 1998, Surv. Methodol. 24:193 (intervals for small proportions of correlated data).
Kanit et al. 2003, Int. J. Solids Struct. 40:3647, doi:10.1016/S0020-7683(03)00143-4 (integral
range, and the variance of a fraction over a finite field).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from petrography.statistics.autocovariance import (
    Autocovariance,
    LagPairs,
    TextureScale,
    texture_scale,
)
from petrography.statistics.cell_counts import CellCounts, Counts, even_edges

__all__ = [
    "LEAST_BLOCKS_WITH_PHASE",
    "LEVEL",
    "BlockDesign",
    "RatioEstimate",
    "RatioIntervals",
    "block_sums",
    "design_blocks",
    "sample_bounds",
]

# A thousand give the standard error to 1 / sqrt(2000), about 2 %: less than 36 blocks leave open.
RESAMPLES = 1000
SEED = 20211  # any number; fixed, so that equal images give equal intervals
LEVEL = 0.95
# Six to eight correlation lengths and at least 30 blocks keep the coverage (simulated on
# Gaussian random fields, as in the tests); 36 leaves room for rounding to whole blocks.
_WANTED_LENGTHS, _LEAST_LENGTHS = 8.0, 6.0
_WANTED_BLOCKS, _LEAST_BLOCKS, _MOST_BLOCKS = 36, 30, 256
# Where little of the image is annotated blocks are laid over the rest too; no more than cost nothing.
_MOST_LAID = 4 * _MOST_BLOCKS
# Below this no standard error is worth printing.
_FEWEST_BLOCKS = 4
# A phase in fewer blocks than this is a few grains, or mistaken pixels.
LEAST_BLOCKS_WITH_PHASE = 5
# How much finer than the whole texture a phase may be taken to be; from painted ore, see decision
# 0012: with 1 intervals are wider than needed, with 4 they miss rare phases too often.
FINEST_PHASE = 2.0
# Below so many independent samples of the texture an image says little (Kanit et al. 2003 ask for
# fields well above the integral range).
LEAST_SAMPLES = 20.0
# Blocks that are wide enough by the autocovariance stay below it on textures of a known one.
_LARGEST_GROWTH = 1.5


@dataclass(frozen=True)
class BlockDesign:
    """How the intervals of one image were made.

    Attributes
    ----------
    rows, columns : int
        Blocks down and across, over all that is annotated.
    blocks : int
        Those in which something is annotated.
    block_px : tuple of float
        Mean (height, width) of a block.
    correlation_length_px : float
        Square root of the integral range of means over cells over 2 pi: for a Gaussian
        autocovariance exp(-h^2 / 2 l^2) this is l.
    independent_samples : float or None
        Annotated area over the integral range of the texture as a whole; at most the number of
        `blocks` where all but the main phase lies in fewer than five. None for one phase alone.
    error_growth : float or None
        Standard error by these blocks over that by blocks of half the side: 1 for independent
        blocks, 2 where the correlation has no end. None where there are too few cells or phases.
    resamples, seed : int
        Of the bootstrap.
    """

    rows: int
    columns: int
    blocks: int
    block_px: tuple[float, float]
    correlation_length_px: float
    independent_samples: float | None
    error_growth: float | None
    resamples: int = RESAMPLES
    seed: int = SEED

    @property
    def warnings(self) -> tuple[str, ...]:
        """What stands against the intervals."""
        found = []
        side_px, needed_px = min(self.block_px), _LEAST_LENGTHS * self.correlation_length_px
        if self.blocks < _LEAST_BLOCKS:
            found.append(
                f"intervals rest on {self.blocks} blocks; at least {_LEAST_BLOCKS} are wanted: "
                "measure a larger image"
            )
        if side_px < needed_px:
            found.append(
                f"the texture is coarse for this image: blocks of {side_px:.0f} px where "
                f"{needed_px:.0f} px are wanted; intervals are extrapolated from the "
                "autocovariance: measure more fields"
            )
        return (*found, *self._warnings_of_size())

    def _warnings_of_size(self) -> tuple[str, ...]:
        found = []
        samples, growth = self.independent_samples, self.error_growth
        if samples is not None and samples < LEAST_SAMPLES:
            found.append(
                f"the image is worth {samples:.0f} independent samples of its texture (area over "
                f"integral range); at least {LEAST_SAMPLES:.0f} are wanted: measure more fields"
            )
        is_wide = min(self.block_px) >= _LEAST_LENGTHS * self.correlation_length_px
        if is_wide and growth is not None and growth > _LARGEST_GROWTH:
            found.append(
                f"the error keeps growing with the blocks ({growth:.2f} times at twice the side): "
                "the texture is banded or uneven, intervals may be too narrow"
            )
        return tuple(found)


def design_blocks(cells: CellCounts, field: Counts) -> BlockDesign:
    """Choose the blocks from the texture.

    Parameters
    ----------
    cells : CellCounts
        Counts of the phases (without unannotated pixels).
    field : ndarray of float64, shape (rows, columns)
        Annotated pixels per cell.

    Returns
    -------
    BlockDesign
        Blocks about 8 correlation lengths wide, but at least 36 and at most 256 of them where
        the annotated part of the image allows.
    """
    texture = texture_scale(cells, field)
    length_px = 0.0 if texture is None else texture.correlation_length_px
    side_px = _block_side_px(float(field.sum()), cells.height_px * cells.width_px, length_px)
    rows = _block_count(cells.height_px, side_px, cells.counts.shape[1])
    columns = _block_count(cells.width_px, side_px, cells.counts.shape[2])
    return BlockDesign(
        rows,
        columns,
        _observed(field, rows, columns),
        (cells.height_px / rows, cells.width_px / columns),
        length_px,
        None if texture is None else _samples(cells, field, texture, rows, columns),
        _error_growth(cells, field, rows, columns),
    )


def _block_side_px(annotated_px: float, covered_px: float, length_px: float) -> float:
    side_px = max(_WANTED_LENGTHS * length_px, math.sqrt(annotated_px / _MOST_BLOCKS))
    side_px = min(side_px, math.sqrt(annotated_px / _WANTED_BLOCKS))
    return max(side_px, math.sqrt(covered_px / _MOST_LAID))


def _observed(field: Counts, rows: int, columns: int) -> int:
    """Number of blocks in which something is annotated."""
    return int(np.count_nonzero(block_sums(field, rows, columns)))


def _block_count(length_px: int, side_px: float, cells: int) -> int:
    return min(cells, max(1, round(length_px / side_px)))


def _samples(
    cells: CellCounts, field: Counts, texture: TextureScale, rows: int, columns: int
) -> float:
    """Independent samples of the texture; a few specks on one phase are none."""
    samples = float(field.sum()) / texture.integral_range_px2
    main = cells.counts[np.argmax(cells.counts.sum(axis=(1, 2)))]
    seen_in = np.count_nonzero(block_sums(field - main, rows, columns))
    if seen_in >= LEAST_BLOCKS_WITH_PHASE:
        return samples
    return min(samples, float(_observed(field, rows, columns)))


def _error_growth(cells: CellCounts, field: Counts, rows: int, columns: int) -> float | None:
    """Standard error by blocks over that by blocks of half the side, all phases together."""
    finer = (2 * rows, 2 * columns)
    observed = _observed(field, rows, columns)
    if observed < _FEWEST_BLOCKS or finer[0] > field.shape[0] or finer[1] > field.shape[1]:
        return None
    blocks = (observed, _observed(field, *finer))
    squares = np.zeros(2)
    for counts in cells.counts:
        residual = counts - counts.sum() / field.sum() * field
        for k, shape in enumerate(((rows, columns), finer)):
            squares[k] += float((block_sums(residual, *shape) ** 2).sum()) * (
                blocks[k] / (blocks[k] - 1)
            )
    return math.sqrt(squares[0] / squares[1]) if squares[1] > 0.0 else None


def block_sums(cells: Counts, rows: int, columns: int) -> Counts:
    """Sums over rows x columns blocks of almost equal size, flat, from cells."""
    bands = np.add.reduceat(cells, even_edges(cells.shape[0], rows)[:-1], axis=0)
    return np.add.reduceat(bands, even_edges(cells.shape[1], columns)[:-1], axis=1).ravel()


@dataclass(frozen=True)
class RatioEstimate:
    """A ratio of counts and how well one image determines it.

    Attributes
    ----------
    fraction : float
        In (0, 1).
    block_error : float
        Standard error by the blocks, corrected for the correlation between them.
    standard_error : float
        The same, but no smaller than the texture as a whole allows.
    degrees_of_freedom : float
        Of the standard error, at least 1.
    independent_samples : float
        ``fraction * (1 - fraction) / standard_error**2``.
    interval : tuple of float
        Bounds of the 95 % interval, in [0, 1].
    """

    fraction: float
    block_error: float
    standard_error: float
    degrees_of_freedom: float
    independent_samples: float
    interval: tuple[float, float]


def sample_bounds(
    fraction: float, samples: float, degrees_of_freedom: float
) -> tuple[float, float]:
    """95 % interval of a fraction from independent samples that are known by an estimated error.

    Parameters
    ----------
    fraction : float
        In (0, 1).
    samples : float
        Independent samples, above 0; need not be whole.
    degrees_of_freedom : float
        Of the error that they were computed from; infinity where they are known.

    Returns
    -------
    tuple of float
        Bounds of Clopper and Pearson, after Korn and Graubard.

    Examples
    --------
    >>> [round(bound, 4) for bound in sample_bounds(0.1, 50.0, math.inf)]
    [0.0333, 0.2181]
    """
    if math.isinf(samples):
        return fraction, fraction
    tail = (1.0 - LEVEL) / 2.0
    known = scipy.special.ndtri(1.0 - tail)
    # stdtrit takes no infinite degrees of freedom.
    used = (
        known
        if math.isinf(degrees_of_freedom)
        else scipy.special.stdtrit(degrees_of_freedom, 1 - tail)
    )
    reduced = samples * float(known / used) ** 2
    seen = fraction * reduced
    low = float(scipy.special.betaincinv(seen, reduced - seen + 1.0, tail))
    high = float(scipy.special.betaincinv(seen + 1.0, reduced - seen, 1.0 - tail))
    return min(low, fraction), max(high, fraction)


class RatioIntervals:
    """95 % intervals of several ratios of counts, all from the same resampled blocks.

    Parameters
    ----------
    design : BlockDesign
        The blocks.
    field : ndarray of float64, shape (rows, columns)
        Annotated pixels per cell, at least one of them.
    cell_area_px : float
        Mean pixels of a cell.
    """

    def __init__(self, design: BlockDesign, field: Counts, cell_area_px: float) -> None:
        self.design = design
        self._pairs = LagPairs.of(field, cell_area_px)
        self._observed = block_sums(field, design.rows, design.columns) > 0.0
        generator = np.random.default_rng(design.seed)
        chances = np.full(design.blocks, 1.0 / design.blocks)
        drawn = generator.multinomial(design.blocks, chances, size=design.resamples)
        self._weights = drawn.astype(np.float64)

    def estimate(self, part: Counts, whole: Counts, *, share: float = 1.0) -> RatioEstimate | None:
        """Estimate ``part.sum() / whole.sum()``.

        Parameters
        ----------
        part, whole : ndarray of float64, shape (rows, columns)
            Pixels or masses per cell; nowhere is `part` above `whole`.
        share : float
            Part of the annotated field that `whole` stands for, in (0, 1].

        Returns
        -------
        RatioEstimate or None
            None with fewer than 4 blocks, and for a part that is nothing or everything, which
            shows no scatter.
        """
        total = float(whole.sum())
        fraction = float(part.sum()) / total if total else 0.0
        if self.design.blocks < _FEWEST_BLOCKS or not 0.0 < fraction < 1.0:
            return None
        error, freedom = self.error(part, whole)
        spread = fraction * (1.0 - fraction)
        most = FINEST_PHASE * share * (self.design.independent_samples or math.inf)
        samples = min(spread / error**2 if error > 0.0 else math.inf, most)
        freedom = max(1.0, min(freedom, samples / 2.0))
        return RatioEstimate(
            fraction=fraction,
            block_error=error,
            standard_error=math.sqrt(spread / samples),
            degrees_of_freedom=freedom,
            independent_samples=samples,
            interval=sample_bounds(fraction, samples, freedom),
        )

    def blocks_with(self, part: Counts) -> int:
        """Number of blocks in which a phase occurs."""
        return int(np.count_nonzero(self._blocks(part)))

    def error(self, part: Counts, whole: Counts) -> tuple[float, float]:
        """Standard error of ``part.sum() / whole.sum()`` by the blocks, and its degrees of freedom.

        Parameters
        ----------
        part, whole : ndarray of float64, shape (rows, columns)
            Any amounts per cell; `whole` sums to more than 0.
        """
        blocks = self.design.blocks
        parts, wholes = self._blocks(part), self._blocks(whole)
        drawn_parts, drawn_wholes = self._weights @ parts, self._weights @ wholes
        drawn = drawn_wholes > 0
        scatter = float(np.std(drawn_parts[drawn] / drawn_wholes[drawn]))
        ratio = float(part.sum() / whole.sum())
        correction = Autocovariance.of(part - ratio * whole, self._pairs).correction(
            self.design.rows, self.design.columns, blocks
        )
        error = correction * scatter * math.sqrt(blocks / (blocks - 1))
        return error, _degrees_of_freedom(parts - ratio * wholes)

    def _blocks(self, cells: Counts) -> Counts:
        return block_sums(cells, self.design.rows, self.design.columns)[self._observed]


def _degrees_of_freedom(residuals: Counts) -> float:
    """Degrees of freedom of the variance of residuals: few where a few of them make it up.

    The variance of n values of kurtosis k has the relative variance (k - 1) / n, that of a
    chi-square with f degrees of freedom 2 / f.
    """
    count = residuals.size
    square = float((residuals**2).mean())
    if square == 0.0:
        return float(count - 1)
    excess = float((residuals**4).mean()) / square**2 - 1.0
    return min(float(count - 1), 2.0 * count / excess) if excess > 0.0 else float(count - 1)

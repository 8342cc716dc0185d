"""What "none found" says: the largest share that an image could have missed.

With n independent samples none of which shows a phase, its share is below 1 - 0.05^(1/n) at 95 %
confidence, about 3 / n. n is the area over the integral range of the texture as a whole: a phase
that was not seen has no integral range of its own.

References
----------
Hanley & Lippman-Hand 1983, JAMA 249:1743, doi:10.1001/jama.1983.03330370053031 (rule of three).
Kanit et al. 2003, doi:10.1016/S0020-7683(03)00143-4 (independent samples of an image).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from petrography.minerals import UNLABELLED_CODE
from petrography.statistics.intervals import LEVEL, BlockDesign

__all__ = ["DetectionLimit", "detection_limits", "upper_limit"]


@dataclass(frozen=True)
class DetectionLimit:
    """A phase that was looked for and not found.

    Attributes
    ----------
    code : int
        Mineral code.
    upper_percent : float or None
        The share of the annotated field is below it at 95 % confidence; None where the image
        shows no texture to judge by.
    """

    code: int
    upper_percent: float | None


def upper_limit(samples: float) -> float:
    """Upper 95 % bound of a fraction of which `samples` independent samples show nothing.

    Examples
    --------
    >>> round(upper_limit(1000.0), 5)
    0.00299
    """
    return float(1.0 - (1.0 - LEVEL) ** (1.0 / samples))


def detection_limits(
    design: BlockDesign, found: Sequence[int], looked_for: Collection[int]
) -> tuple[DetectionLimit, ...]:
    """Give the limit of each phase that was looked for and not found, by code."""
    samples = design.independent_samples
    upper = None if samples is None else 100.0 * upper_limit(samples)
    missing = sorted(set(looked_for) - {*found, UNLABELLED_CODE})
    return tuple(DetectionLimit(code, upper) for code in missing)

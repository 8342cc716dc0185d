"""Which patch comes next: the class-balanced sampler of Khvostikov et al. 2021.

A class is drawn with a weight that falls with the pixels of it already shown, an image with a
weight that grows with its pixels of that class, and a position with the probability of equation 2,
P(x, y | c): the pixels of class c in the patch at (x, y) over their sum. Counting uses summed-area
tables, once per image; positions lie on a grid of `grid_px` (1 is the paper's). Two exponents soften
the choice of the image and of the position: 1 is the paper's, 0 treats all that show the class alike.

The whole plan is drawn in the main process from a seed and two arrays of counts. It is therefore the
same for any number of workers, and a run resumes exactly from the counts saved in a checkpoint.

References
----------
Khvostikov et al. 2021, doi:10.5194/isprs-archives-XLIV-2-W1-2021-113-2021, equations 1 and 2.
The paper weighs classes by the pixels accumulated; to balance, the weight must be their inverse.
Kochkarev et al. 2020, doi:10.51130/graphicon-2020-2-4-19 (the method it refines).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import ConfigurationError
from petrography.images import Labels

__all__ = ["BalancedSampler", "Patch", "SamplerState", "patch_class_counts"]


@dataclass(frozen=True)
class Patch:
    """One patch of the plan: field index, top-left corner in px, and the seed of its augmentation."""

    field: int
    row: int
    col: int
    seed: int


@dataclass(frozen=True)
class SamplerState:
    """What a checkpoint keeps: patches drawn so far and pixels shown per class."""

    drawn: int
    shown_px: tuple[int, ...]


def patch_class_counts(
    truth: Labels, classes: Sequence[int], *, patch_shape_px: tuple[int, int], grid_px: int
) -> NDArray[np.int64]:
    """Count the pixels of every class in every patch on a grid.

    Parameters
    ----------
    truth : ndarray of uint8, shape (H, W)
        Codes; codes outside `classes` (255) count for none.
    classes : sequence of int
        The codes to count.
    patch_shape_px : tuple of int
        Rows and columns of the patches.
    grid_px : int
        Distance of their top-left corners.

    Returns
    -------
    ndarray of int64, shape (K, rows, cols)
        Pixels of class k in the patch whose corner is (row * grid_px, col * grid_px).
    """
    edges = [
        (slice(0, -side_px, grid_px), slice(side_px, None, grid_px)) for side_px in patch_shape_px
    ]
    counts = []
    for code in classes:
        # Of double precision: exact, and no image is too large for it.
        table = cv2.integral((truth == code).view(np.uint8), sdepth=cv2.CV_64F)
        (top, bottom), (left, right) = edges
        counts.append(
            table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
        )
    return np.stack(counts).astype(np.int64)


class BalancedSampler:
    """Draws patches so that all classes are shown about equally often.

    Parameters
    ----------
    truths : sequence of ndarray of uint8, shape (H, W)
        Masks of the training fields; no side shorter than a patch's.
    classes : sequence of int
        Codes to balance.
    patch_shape_px : tuple of int
        Rows and columns of the patches.
    grid_px : int
        Distance of their possible corners.
    strength : float
        Share of the patches drawn for a class; the others are uniform over image and position.
    image_exponent, position_exponent : float
        Powers of the pixels of the class in an image and in a patch by which these are chosen.
    phantoms : sequence of bool
        Which fields are phantoms; none when empty.
    phantom_fraction : float
        Share of the patches drawn from phantoms.
    seed : int
        Of the whole plan.
    names : sequence of str
        Of the fields, for messages.

    Raises
    ------
    ConfigurationError
        If a field is smaller than a patch or a class occurs nowhere.
    """

    def __init__(
        self,
        truths: Sequence[Labels],
        classes: Sequence[int],
        *,
        patch_shape_px: tuple[int, int],
        grid_px: int,
        strength: float,
        seed: int,
        names: Sequence[str],
        image_exponent: float = 0.5,
        position_exponent: float = 1.0,
        phantoms: Sequence[bool] = (),
        phantom_fraction: float = 0.0,
    ) -> None:
        _require_patches_fit(truths, patch_shape_px, names)
        self._grid_px, self._strength, self._seed = grid_px, strength, seed
        self._image_exponent = image_exponent
        self._counts = [
            patch_class_counts(truth, classes, patch_shape_px=patch_shape_px, grid_px=grid_px)
            for truth in truths
        ]
        self._content = np.array([count.sum(axis=(1, 2)) for count in self._counts], dtype=float)
        _require_classes_present(self._content, classes)
        self._cumulative = [
            np.cumsum(_powered(count.reshape(len(classes), -1), position_exponent), axis=1)
            for count in self._counts
        ]
        self._kinds, self._phantom_fraction = _kinds(len(truths), phantoms), phantom_fraction
        self._drawn = 0
        self._shown_px = np.zeros(len(classes), dtype=np.int64)

    @property
    def state(self) -> SamplerState:
        """What must be kept to go on exactly from here."""
        return SamplerState(self._drawn, tuple(self._shown_px.tolist()))

    def restore(self, state: SamplerState) -> None:
        """Go on from a saved state."""
        self._drawn = state.drawn
        self._shown_px = np.array(state.shown_px, dtype=np.int64)

    def draw(self, number: int) -> list[Patch]:
        """Draw the next patches of the plan."""
        return [self._draw_one() for _ in range(number)]

    def balance(self) -> float:
        """Smallest over largest number of pixels shown of a class, in [0, 1]; 1 is balanced."""
        largest = self._shown_px.max()
        return float(self._shown_px.min() / largest) if largest else 0.0

    def _draw_one(self) -> Patch:
        rng = np.random.default_rng([self._seed, self._drawn])
        fields = self._kinds[int(rng.random() < self._phantom_fraction)]
        if rng.random() < self._strength:
            field, position = self._for_class(fields, rng)
        else:
            field = int(fields[rng.integers(len(fields))])
            position = int(rng.integers(self._cumulative[field].shape[1]))
        row, col = np.unravel_index(position, self._counts[field].shape[1:])
        self._shown_px += self._counts[field][:, row, col]
        self._drawn += 1
        return Patch(
            field, int(row) * self._grid_px, int(col) * self._grid_px, int(rng.integers(2**63))
        )

    def _for_class(self, fields: NDArray[np.int64], rng: np.random.Generator) -> tuple[int, int]:
        content = self._content[fields]
        # Squared, so that a class that fell behind catches up within a few batches.
        missing = 1.0 / np.maximum(self._shown_px, 1).astype(float) ** 2
        chosen = _choose(missing * (content.sum(axis=0) > 0), rng)
        # A root spreads the draws over the fields that show little of a rare mineral.
        field = int(fields[_choose(_powered(content[:, chosen], self._image_exponent), rng)])
        cumulative = self._cumulative[field][chosen]
        position = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
        return field, int(position)


def _kinds(fields: int, phantoms: Sequence[bool]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the photographs and of the phantoms."""
    painted = np.zeros(fields, dtype=bool)
    painted[: len(phantoms)] = phantoms
    return np.flatnonzero(~painted), np.flatnonzero(painted)


def _powered(content: NDArray[np.generic], exponent: float) -> NDArray[np.float64]:
    """Raise pixel counts to a power; what has none stays without, whatever the power."""
    counts = content.astype(np.float64)
    return np.where(counts > 0, counts**exponent, 0.0)


def _choose(weights: NDArray[np.float64], rng: np.random.Generator) -> int:
    return int(rng.choice(len(weights), p=weights / weights.sum()))


def _require_patches_fit(
    truths: Sequence[Labels], patch_shape_px: tuple[int, int], names: Sequence[str]
) -> None:
    for truth, name in zip(truths, names, strict=True):
        if any(given < wanted for given, wanted in zip(truth.shape, patch_shape_px, strict=True)):
            msg = (
                f"{name} is {truth.shape} px; wanted both sides at least patch_px {patch_shape_px}"
            )
            raise ConfigurationError(msg)


def _require_classes_present(content: NDArray[np.float64], classes: Sequence[int]) -> None:
    absent = [code for code, total in zip(classes, content.sum(axis=0), strict=True) if not total]
    if absent:
        msg = f"classes {absent} occur in no training image; drop them or split with another seed"
        raise ConfigurationError(msg)

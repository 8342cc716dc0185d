"""Least squares of the harmonics at every pixel, over the views that cover it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.registration.harmonic_design import COEFFICIENTS, Design

__all__ = ["Plane", "Sums", "fit_harmonics"]

Plane: TypeAlias = NDArray[np.float32]

# Pixels that are fitted at once: bounds the memory of the sums.
_PIXELS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Sums:
    """Fitted harmonics and sums of squares at every pixel; 0 where nothing was fitted.

    Attributes
    ----------
    coefficients : ndarray of float32, shape (5, height, width)
        Mean, cosine and sine of 2 psi, cosine and sine of 4 psi.
    explained, residual : ndarray of float32, shape (height, width)
        Sums of squares over the views: what the harmonics explain beyond the mean, what they
        leave.
    views, freedom : ndarray of int16, shape (height, width)
        Views that cover the pixel, and how many more they are than parameters; no views where
        nothing was fitted.
    """

    coefficients: NDArray[np.float32]
    explained: Plane
    residual: Plane
    views: NDArray[np.int16]
    freedom: NDArray[np.int16]

    @property
    def fitted(self) -> NDArray[np.bool_]:
        """Where there are coefficients."""
        return np.asarray(self.views > 0, dtype=np.bool_)


def fit_harmonics(light: NDArray[np.float32], covered: NDArray[np.bool_], design: Design) -> Sums:
    """Fit a design to the views that cover each pixel.

    Parameters
    ----------
    light : ndarray of float32, shape (views, height, width)
        Linear luminance.
    covered : ndarray of bool, shape (views, height, width)
        Where a view shows the field.
    design : Design
        Harmonics and angles.
    """
    shape = light.shape[1:]
    sums = Sums(
        np.zeros((COEFFICIENTS, *shape), dtype=np.float32),
        np.zeros(shape, dtype=np.float32),
        np.zeros(shape, dtype=np.float32),
        np.zeros(shape, dtype=np.int16),
        np.zeros(shape, dtype=np.int16),
    )
    for rows in _bands(shape):
        for pattern, pixels in _patterns(covered[:, rows]):
            _fit_pixels(light[:, rows], pixels, pattern, design, sums, rows)
    return sums


def _patterns(
    covered: NDArray[np.bool_],
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Sets of views, shape (views,), each with the pixels that just these views cover."""
    flat = covered.reshape(len(covered), -1)
    packed = np.ascontiguousarray(np.packbits(flat, axis=0).T)
    keys = packed.view(f"V{packed.shape[1]}").ravel()
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    for number, pixel in enumerate(first):
        yield flat[:, pixel], (which == number).reshape(covered.shape[1:])


def _bands(shape: tuple[int, ...]) -> Iterator[slice]:
    height_px, width_px = shape
    step = max(1, _PIXELS_AT_ONCE // max(1, width_px))
    yield from (slice(row, row + step) for row in range(0, height_px, step))


def _fit_pixels(
    light: NDArray[np.float32],
    pixels: NDArray[np.bool_],
    pattern: NDArray[np.bool_],
    design: Design,
    sums: Sums,
    rows: slice,
) -> None:
    """Fit the pixels that the same views cover, and write them into the sums."""
    solver = design.solver(pattern)
    if solver is None:
        return
    values = light[:, pixels][pattern].astype(np.float64)
    fitted = solver.inverse @ values
    left = values - solver.rows @ fitted
    for place, coefficient in zip(design.kept, fitted, strict=True):
        sums.coefficients[place, rows][pixels] = coefficient
    turning = fitted[1:]
    explained = np.einsum("in,ij,jn->n", turning, solver.information, turning, optimize=True)
    sums.explained[rows][pixels] = explained
    sums.residual[rows][pixels] = np.sum(left**2, axis=0)
    sums.views[rows][pixels] = int(pattern.sum())
    sums.freedom[rows][pixels] = solver.freedom

"""A section seen through windows: phases, labels and grains of pixels, whatever the oversampling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels
from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.arrangement import Section, majority_labels
from petrography.phantoms.coarse_grids import Shape
from petrography.phantoms.recipes import VOID
from petrography.phantoms.textures import OVERSAMPLING
from petrography.phantoms.windows import Window

__all__ = ["Samples"]


@dataclass(frozen=True)
class Samples:
    """The samples that the pixels of a section are made of.

    Attributes
    ----------
    section : Section
        Phases and grains.
    shape_px : tuple of int
        Rows and columns in image pixels.
    per_px : int
        Canvas pixels of the section along the side of an image pixel: 2, or 1 where a canvas pixel
        is an image pixel.
    """

    section: Section
    shape_px: Shape
    per_px: int

    def phases(self, window: Window) -> NDArray[np.uint8]:
        """Phase of each sample, shape (per_px * height, per_px * width)."""
        return self._part(self.section.phases, window)

    def first_phases(self, window: Window) -> NDArray[np.uint8]:
        """Phase of the upper left sample of each pixel."""
        return self.phases(window)[:: self.per_px, :: self.per_px]

    def labels(self, window: Window) -> Labels:
        """Code of the phase that fills most of each pixel, as a mask names it."""
        phases = self._part(self.section.named, window)
        if self.per_px == 1:
            return np.where(phases == VOID, np.uint8(BACKGROUND_CODE), phases)
        return majority_labels(phases)

    def _part(self, canvas: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
        rows = slice(window.rows.start * self.per_px, window.rows.stop * self.per_px)
        columns = slice(window.columns.start * self.per_px, window.columns.stop * self.per_px)
        return canvas[rows, columns]

    def grains(self, window: Window) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Grain of ore and grain of gangue of each pixel."""
        rows, columns = (
            np.arange(side.start, side.stop) * self.per_px // OVERSAMPLING
            for side in (window.rows, window.columns)
        )
        place = np.ix_(rows, columns)
        return self.section.ore_grains.cells[place], self.section.gangue_grains.cells[place]

    def coverage(self, window: Window) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Give, phase by phase, the share of each pixel that it fills; the shares sum to 1."""
        phases = self.phases(window)
        for code in np.unique(phases).tolist():
            filled = phases == code
            share = np.zeros(window.shape, dtype=np.float32)
            for row in range(self.per_px):
                for column in range(self.per_px):
                    share += filled[row :: self.per_px, column :: self.per_px]
            share /= self.per_px**2
            yield code, share

    def mean_by_grain(
        self, values: dict[int, NDArray[np.float64]], window: Window
    ) -> NDArray[np.float32]:
        """Mean over the samples of each pixel of what belongs to their phases and grains.

        Parameters
        ----------
        values : dict of int to ndarray of float64, shape (N, 3)
            By phase, for each of its grains; one row for a phase without grains.
        window : Window
            Inside the section.

        Returns
        -------
        ndarray of float32, shape (height, width, 3)
            The means.
        """
        count = max(len(rows) for rows in values.values())
        table = np.zeros((len(values), count, 3), dtype=np.float32)
        first = np.zeros(256, dtype=np.int32)
        for place, (code, rows) in enumerate(values.items()):
            table[place, : len(rows)] = rows
            first[code] = place * count
        ore, gangue = self.grains(window)
        phases = self.phases(window)
        mean = np.zeros((*window.shape, 3), dtype=np.float32)
        for row in range(self.per_px):
            for column in range(self.per_px):
                sample = phases[row :: self.per_px, column :: self.per_px]
                grain = np.where(sample == BACKGROUND_CODE, gangue, ore)
                grain[sample == VOID] = 0
                grain += first[sample]
                mean += np.take(table.reshape(-1, 3), grain, axis=0)
        mean /= self.per_px**2
        return mean

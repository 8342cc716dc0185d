"""A thin section of sandstone in transmitted light: absorption, retardation, twins, cloudiness.

In plane-polarised light phases differ by colour, cloudiness and relief only; between crossed polars
each crystal shows ``sin²2ψ sin²(πΓ/λ)`` with the retardation Γ = d Δn sin²τ of its cut. Quartz is
clear and extinguishes in waves, alkali feldspar is cloudy, plagioclase is twinned in lamellae,
lithic fragments and matrix are aggregates of small crystals, and pores are filled with blue resin.

References
----------
Deer, Howie & Zussman 2013, *An Introduction to the Rock-Forming Minerals*, doi:10.1180/DHZ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels
from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.chance import Chance
from petrography.phantoms.coarse_grids import Shape
from petrography.phantoms.gaussian_fields import level_for_fraction
from petrography.phantoms.interference import interference_rgb
from petrography.phantoms.polarised_light import Polars
from petrography.phantoms.polish import Relief
from petrography.phantoms.rock_crystals import (
    PLAGIOCLASE_CODE,
    QUARTZ_CODE,
    ROCK_PHASES,
    Crystals,
    draw_crystals,
)
from petrography.phantoms.samples import Samples
from petrography.phantoms.windows import SmoothField, Window, fine_field, smooth_field

__all__ = ["ThinSection", "thin_section"]

_Floats = NDArray[np.float32]

_THICKNESS_UM = (25.0, 31.0)
_RESIN = (0.04, 0.20, 0.55)
_SPECK_TRANSMISSION = 0.55
_SPECK_PX, _CLOUD_PX, _WAVE_PX, _PORE_PX = 1.5, 9.0, 40.0, 70.0
_PORE_SHARE = (0.1, 0.7)
# Twin lamellae of unequal widths: two waves whose periods have no common measure.
_SECOND_TWIN_WAVE = 1.618


@dataclass(frozen=True)
class ThinSection:
    """A thin section under the microscope; a `Specimen`.

    Attributes
    ----------
    samples : Samples
        Phases and grains.
    thickness_um : float
        Of the section.
    grains, small_crystals : Crystals
        Sand grains, and the crystals of aggregates.
    waves, clouds, pores : SmoothField
        Standard normal fields of undulose extinction, cloudiness and the places of pores.
    pore_level : float
        Background is pore where `pores` is above.
    chance : Chance
        Source of the finest specks.
    """

    samples: Samples
    thickness_um: float
    grains: Crystals
    small_crystals: Crystals
    waves: SmoothField
    clouds: SmoothField
    pores: SmoothField
    pore_level: float
    chance: Chance

    @property
    def shape_px(self) -> Shape:
        """Rows and columns in image pixels."""
        return self.samples.shape_px

    def labels(self, window: Window) -> Labels:
        """Code of the phase that fills most of each pixel."""
        return self.samples.labels(window)

    def anisotropic(self, window: Window) -> NDArray[np.bool_]:
        """Where the phase of a pixel changes with the stage: all but matrix and pore."""
        return np.asarray(self.labels(window) != BACKGROUND_CODE)

    def light(
        self, window: Window, polars: Polars, turned_rad: float, relief: Relief
    ) -> NDArray[np.float32]:
        """Light that the pixels of a window let through to the camera.

        Parameters
        ----------
        window : Window
            Inside the section.
        polars : Polars
            Plane-polarised light or crossed polars.
        turned_rad : float
            How far the stage has turned, from the column axis towards the row axis.
        relief : Relief
            Light on the steps between phases.

        Returns
        -------
        ndarray of float32, shape (height, width, 3)
            Linear RGB; the light of the lamp is 1. In the frame of the section.
        """
        light = np.zeros((*window.shape, 3), dtype=np.float32)
        grains, small = self.samples.grains(window)
        waves, clouds = self.waves.on(window), self.clouds.on(window)
        pores = self.pores.on(window) > self.pore_level
        specks = fine_field(window, _SPECK_PX, self.chance, "dark specks")
        for code, coverage in self.samples.coverage(window):
            place = np.nonzero(coverage)
            pixels = _Pixels(
                rows=place[0] + window.row,
                columns=place[1] + window.column,
                grain=grains[place],
                small=small[place],
                wave=waves[place],
                cloud=clouds[place],
                pore=pores[place] & (code == BACKGROUND_CODE),
                speck=specks[place],
            )
            part = self._transmission(code, pixels)
            if polars.analyser:
                part *= self._interference(code, pixels, polars, turned_rad)
            light[place] += part * coverage[place][:, None]
        light *= relief.factor(self.samples.first_phases(window), turned_rad)[..., None]
        return light

    def _transmission(self, code: int, pixels: _Pixels) -> _Floats:
        """Colour in plane-polarised light, shape (N, 3)."""
        phase = ROCK_PHASES[code]
        shade = np.float32(phase.grain_spread) * self.grains.tone[pixels.grain]
        shade += np.float32(phase.cloudiness) * pixels.cloud
        brightness = np.exp(shade, out=shade)
        brightness[pixels.speck > phase.speck_level] *= np.float32(_SPECK_TRANSMISSION)
        if phase.aggregate:
            brightness *= self.small_crystals.darkness[pixels.small]
        # Brown where it is dark, as clay and weathered feldspar are.
        colour = np.power(np.array(phase.transmission, dtype=np.float32), 1.0 / brightness[:, None])
        colour[pixels.pore] = _RESIN
        return np.asarray(colour, dtype=np.float32)

    def _interference(
        self, code: int, pixels: _Pixels, polars: Polars, turned_rad: float
    ) -> _Floats:
        """What crossed polars leave of the light, shape (N, 3): Fresnel's formula by colour."""
        phase = ROCK_PHASES[code]
        crystals, number = (
            (self.small_crystals, pixels.small) if phase.aggregate else (self.grains, pixels.grain)
        )
        cut = np.where(pixels.pore, np.float32(0.0), crystals.cut[number])
        if phase.aggregate:
            # Some fragments are coarse and bright, others almost too fine to be resolved.
            cut *= np.clip(0.55 + 0.3 * self.grains.tone[pixels.grain], 0.1, 1.0)
        beat = interference_rgb(1e3 * self.thickness_um * phase.birefringence * cut)
        psi = self._axis_rad(code, crystals, number, pixels) + np.float32(turned_rad)
        doubled = 2.0 * psi
        beat *= (np.sin(doubled) * np.sin(doubled - 2.0 * polars.uncrossing_rad))[:, None]
        beat += np.float32(np.sin(polars.uncrossing_rad) ** 2 + polars.extinction_ratio)
        return beat

    def _axis_rad(
        self, code: int, crystals: Crystals, number: NDArray[np.int32], pixels: _Pixels
    ) -> _Floats:
        """Direction of the slow ray at each pixel, shape (N,)."""
        axis = crystals.axis_rad[number]
        if code == QUARTZ_CODE:
            return axis + crystals.undulation_rad[number] * pixels.wave
        if code == PLAGIOCLASE_CODE:
            across = pixels.rows * np.cos(axis) - pixels.columns * np.sin(axis)
            phase = 2.0 * np.pi * across / crystals.twin_period_px[number]
            lamella = np.sin(phase) + np.sin(phase / _SECOND_TWIN_WAVE) > 0.0
            extinction = crystals.twin_extinction_rad[number]
            return np.asarray(axis + np.where(lamella, extinction, -extinction), dtype=np.float32)
        return axis


@dataclass(frozen=True)
class _Pixels:
    """Pixels that show one phase; all arrays have the shape (N,)."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    grain: NDArray[np.int32]
    small: NDArray[np.int32]
    wave: _Floats
    cloud: _Floats
    pore: NDArray[np.bool_]
    speck: _Floats


def thin_section(samples: Samples, chance: Chance) -> ThinSection:
    """Grind a section thin and impregnate its pores.

    Parameters
    ----------
    samples : Samples
        Phases and grains.
    chance : Chance
        Source of chance.

    Returns
    -------
    ThinSection
        Ready to be lit.
    """
    section, shape, rng = samples.section, samples.shape_px, chance.stream("thin section")
    return ThinSection(
        samples=samples,
        thickness_um=rng.uniform(*_THICKNESS_UM),
        grains=draw_crystals(section.ore_orientations, chance.stream("grains")),
        small_crystals=draw_crystals(section.gangue_orientations, chance.stream("small crystals")),
        waves=smooth_field(shape, _WAVE_PX, chance.stream("waves")),
        clouds=smooth_field(shape, _CLOUD_PX, chance.stream("clouds")),
        pores=smooth_field(shape, _PORE_PX, chance.stream("pores")),
        pore_level=level_for_fraction(rng.uniform(*_PORE_SHARE)),
        chance=chance,
    )

"""From a section to the light that it reflects, in any polarisation and at any turn of the stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels
from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.anisotropy import ANISOTROPIES, INTERNAL_REFLECTIONS
from petrography.phantoms.arrangement import Section
from petrography.phantoms.chance import Chance
from petrography.phantoms.coarse_grids import Shape
from petrography.phantoms.gaussian_fields import level_for_fraction
from petrography.phantoms.optics import linear_rgb
from petrography.phantoms.polarised_light import Polars, oblique_ray, reflected_through_polars
from petrography.phantoms.polish import Polish, Relief, draw_polish
from petrography.phantoms.recipes import VOID, Recipe
from petrography.phantoms.samples import Samples
from petrography.phantoms.windows import SmoothField, Window, smooth_field

__all__ = ["END_MEMBERS", "Material", "PolishedSection", "polished_section"]

# Reflectances that the grains of a phase range between: the two rays of an anisotropic phase, the
# ends of a solid solution, the several minerals of gangue.
END_MEMBERS: dict[int, tuple[str, ...]] = {
    0: ("silicate", "quartz o", "calcite o", "calcite e", "resin"),
    2: ("galena",),
    3: ("magnetite",),
    6: ("pyrite",),
    7: ("pentlandite",),
    8: ("sphalerite",),
    11: ("tennantite", "tetrahedrite"),
    14: ("native gold",),
} | {code: (rays.across_name, rays.along_name) for code, rays in ANISOTROPIES.items()}
# One composition in the whole image instead of another in each grain.
_SOLID_SOLUTIONS = frozenset({11})
# Standard deviation of the logarithm of brightness from grain to grain: polish, composition.
_GRAIN_SPREAD = {BACKGROUND_CODE: 0.06, 1: 0.012, 5: 0.02, 4: 0.02}
_ISOTROPIC_GRAIN_SPREAD = 0.004
# What comes back out of a pit, as a fraction of the light.
_VOID_FRACTION = 0.004
# Correlation length of the places that glow by internal reflection.
_GLOW_PX = 22.0
# Standard deviations over which the glow rises from nothing to its full strength.
_GLOW_RISE = 2.5


@dataclass(frozen=True)
class Material:
    """Optical constants of one phase, grain by grain; grain n is cell n of its mosaic.

    Attributes
    ----------
    along, across : ndarray of float64, shape (N, 3)
        Reflectance, linear RGB, of the ray in the plane of the optic axis and of the other.
    phase_difference_rad : ndarray of float64, shape (N, 3)
        Between the two.
    axis_rad : ndarray of float64, shape (N, 1)
        Direction of the axis in the section.
    shade : ndarray of float64, shape (N, 3)
        Brightness factor.
    """

    along: NDArray[np.float64]
    across: NDArray[np.float64]
    phase_difference_rad: NDArray[np.float64]
    axis_rad: NDArray[np.float64]
    shade: NDArray[np.float64]

    def light(self, polars: Polars, turned_rad: float) -> NDArray[np.float64]:
        """Linear RGB of each grain, shape (N, 3)."""
        psi = self.axis_rad + turned_rad
        lit = reflected_through_polars(
            self.along, self.across, self.phase_difference_rad, psi, polars
        )
        return np.asarray(lit * self.shade)


@dataclass(frozen=True)
class PolishedSection:
    """A polished section under the microscope; a `Specimen`.

    Attributes
    ----------
    samples : Samples
        Phases and grains.
    materials : dict of int to Material
        By phase.
    polish : Polish
        Stains and scratches.
    glow : SmoothField
        Standard normal field of the internal reflections.
    """

    samples: Samples
    materials: dict[int, Material]
    polish: Polish
    glow: SmoothField

    @property
    def shape_px(self) -> Shape:
        """Rows and columns in image pixels."""
        return self.samples.shape_px

    def labels(self, window: Window) -> Labels:
        """Code of the phase that fills most of each pixel."""
        return self.samples.labels(window)

    def anisotropic(self, window: Window) -> NDArray[np.bool_]:
        """Where the phase of a pixel changes with the turn of the stage."""
        changes = np.zeros(256, dtype=bool)
        changes[list(ANISOTROPIES)] = True
        return changes[self.labels(window)]

    def light(
        self, window: Window, polars: Polars, turned_rad: float, relief: Relief
    ) -> NDArray[np.float32]:
        """Light that the pixels of a window send to the camera.

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
            Linear RGB under a perfectly white balanced lamp; a mirror is 1. In the frame of the
            section: the picture itself is not turned.
        """
        table = {code: m.light(polars, turned_rad) for code, m in self.materials.items()}
        light = self.samples.mean_by_grain(table, window)
        phases = self.samples.first_phases(window)
        if polars.analyser:
            light += self._internal_reflections(window, phases)
        shading = self.polish.factor(window, phases)
        shading *= relief.factor(phases, turned_rad)
        light *= shading[..., None]
        return light

    def _internal_reflections(
        self, window: Window, phases: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        level = np.full(256, np.inf, dtype=np.float32)
        colours = np.zeros((256, 3), dtype=np.float32)
        for code, glow in INTERNAL_REFLECTIONS.items():
            level[code] = level_for_fraction(glow.coverage)
            # It is unpolarised: the analyser takes half.
            colours[code] = 0.5 * np.array(glow.rgb)
        strength = self.glow.on(window) - level[phases]
        strength *= np.float32(1.0 / _GLOW_RISE)
        np.clip(strength, 0.0, 1.0, out=strength)
        return np.asarray(colours[phases] * strength[..., None], dtype=np.float32)


def polished_section(samples: Samples, recipe: Recipe, chance: Chance) -> PolishedSection:
    """Give the phases of a section their optical constants and polish it.

    Parameters
    ----------
    samples : Samples
        Phases and grains.
    recipe : Recipe
        The ore.
    chance : Chance
        Source of chance.

    Returns
    -------
    PolishedSection
        Ready to be lit.
    """
    materials = {
        code: _material(code, samples.section, recipe, chance) for code in recipe.area_fractions
    }
    materials[VOID] = _opaque(np.full((1, 3), _VOID_FRACTION))
    glow = smooth_field(samples.shape_px, _GLOW_PX, chance.stream("glow"))
    return PolishedSection(samples, materials, draw_polish(samples.shape_px, chance), glow)


def _material(code: int, section: Section, recipe: Recipe, chance: Chance) -> Material:
    rng = chance.stream("colour", code)
    gangue = code == BACKGROUND_CODE
    orientations = section.gangue_orientations if gangue else section.ore_orientations
    count = len(orientations.in_plane_rad)
    shade = _shade(code, count, recipe, rng)
    if code not in ANISOTROPIES:
        if gangue:
            shade *= chance.stream("polish").uniform(*recipe.camera.gangue_polish)
        return _opaque(_mixture(code, count, rng) * shade)
    rays, polar = ANISOTROPIES[code], orientations.polar_rad[:, None].astype(np.float64)
    phase_difference = np.deg2rad(rays.phase_difference_deg)
    return Material(
        along=oblique_ray(rays.across(), rays.along(), polar),
        across=np.tile(rays.across(), (count, 1)),
        # Both rays are alike in a section across the axis.
        phase_difference_rad=phase_difference * np.sin(polar) ** 2,
        axis_rad=orientations.in_plane_rad[:, None].astype(np.float64),
        shade=shade,
    )


def _mixture(code: int, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Reflectance of each grain between the end members of its phase, shape (N, 3)."""
    ends = np.array([linear_rgb(name) for name in END_MEMBERS[code]])
    draws = 1 if code in _SOLID_SOLUTIONS else count
    mixture = rng.dirichlet(np.ones(len(ends)), draws) @ ends
    return np.broadcast_to(mixture, (count, 3))


def _opaque(reflectance: NDArray[np.float64]) -> Material:
    """Isotropic material of the given reflectance by grain, shape (N, 3)."""
    nothing = np.zeros_like(reflectance)
    shade = np.ones_like(reflectance)
    return Material(reflectance, reflectance, nothing, nothing[:, :1], shade)


def _shade(code: int, count: int, recipe: Recipe, rng: np.random.Generator) -> NDArray[np.float64]:
    spread = _GRAIN_SPREAD.get(code, _ISOTROPIC_GRAIN_SPREAD)
    tarnish = recipe.tarnish.get(code, 1.0)
    of_phase = tarnish * recipe.camera.phase_shade * rng.standard_normal()
    tint = tarnish * recipe.camera.phase_tint * rng.standard_normal(3) * (1.0, 0.0, 1.0)
    return np.exp(of_phase + tint + spread * rng.standard_normal((count, 1)))

"""Polarised light on phantoms: laws of Jones calculus, published values, interference colours."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from petrography.phantoms.anisotropy import ANISOTROPIES, INTERNAL_REFLECTIONS
from petrography.phantoms.interference import interference_rgb
from petrography.phantoms.optics import encode_srgb
from petrography.phantoms.polarised_light import (
    Polars,
    oblique_ray,
    reflected,
    reflected_through_polars,
    transmitted,
)
from petrography.phantoms.recipes import VOID
from petrography.phantoms.surface import END_MEMBERS

CROSSED = Polars(analyser=True)
PLAIN = Polars(analyser=False)
ANGLES = np.deg2rad(np.arange(0.0, 360.0, 5.0))

share = st.floats(0.0, 1.0)
angle = st.floats(-10.0, 10.0)


def harmonics(intensity: NDArray[np.float64]) -> dict[int, float]:
    """Amplitude of cos kψ and sin kψ together, k = 1 to 6, of a full turn in equal steps."""
    spectrum = np.fft.rfft(intensity) * 2.0 / intensity.size
    return {order: float(abs(spectrum[order])) for order in range(1, 7)}


class TestReflection:
    @given(along=share, across=share, delta=angle, psi=angle, uncrossing=angle)
    def test_no_light_is_made(
        self, along: float, across: float, delta: float, psi: float, uncrossing: float
    ) -> None:
        plain = reflected(along, across, psi)
        polars = Polars(analyser=True, uncrossing_rad=uncrossing)
        crossed = reflected_through_polars(along, across, delta, psi, polars)
        assert min(along, across) - 1e-12 <= plain <= max(along, across) + 1e-12
        assert -1e-15 <= crossed <= plain + 1e-12

    @given(along=share, across=share, delta=angle, psi=angle, uncrossing=angle)
    def test_analyser_and_its_opposite_share_the_light(
        self, along: float, across: float, delta: float, psi: float, uncrossing: float
    ) -> None:
        passed = [
            reflected_through_polars(
                along, across, delta, psi, Polars(analyser=True, uncrossing_rad=uncrossing + turn)
            )
            for turn in (0.0, math.pi / 2.0)
        ]
        assert sum(passed) == pytest.approx(reflected(along, across, psi), abs=1e-12)

    @given(reflectance=share, psi=angle, uncrossing=st.floats(-0.4, 0.4))
    def test_isotropic_grains_are_dark_but_for_uncrossing(
        self, reflectance: float, psi: float, uncrossing: float
    ) -> None:
        dark = reflected_through_polars(reflectance, reflectance, 0.0, psi, CROSSED)
        assert dark == pytest.approx(0.0, abs=1e-30)
        polars = Polars(analyser=True, uncrossing_rad=uncrossing)
        lit = reflected_through_polars(reflectance, reflectance, 0.0, psi, polars)
        assert lit == pytest.approx(reflectance * math.sin(uncrossing) ** 2, abs=1e-12)

    def test_plain_light_has_the_period_of_180_degrees_and_no_other(self) -> None:
        amplitudes = harmonics(reflected_through_polars(0.4, 0.3, 0.1, ANGLES, PLAIN))
        assert amplitudes.pop(2) == pytest.approx(0.05)
        assert max(amplitudes.values()) < 1e-12

    def test_crossed_polars_have_the_period_of_90_degrees_and_no_other(self) -> None:
        intensity = reflected_through_polars(0.4, 0.3, 0.1, ANGLES, CROSSED)
        expected = (0.7 - 2.0 * math.sqrt(0.12) * math.cos(0.1)) / 8.0
        amplitudes = harmonics(intensity)
        assert amplitudes.pop(4) == pytest.approx(expected)
        assert max(amplitudes.values()) < 1e-12
        assert intensity.min() == pytest.approx(0.0, abs=1e-15)

    def test_uncrossing_mixes_both_periods(self) -> None:
        polars = Polars(analyser=True, uncrossing_rad=math.radians(1.5))
        amplitudes = harmonics(reflected_through_polars(0.4, 0.37, 0.08, ANGLES, polars))
        assert amplitudes[2] > 0.3 * amplitudes[4] > 0.0
        assert max(amplitudes[order] for order in (1, 3, 5, 6)) < 1e-12

    @pytest.mark.parametrize(
        ("mineral", "percent", "peaks_percent"),
        [
            ("covellite", (7.0, 24.1), (1.28, 1.30, 1.34)),
            ("marcasite", (48.8, 56.0), (0.062, 0.126, 0.316)),
            ("hematite", (29.7, 25.0), (0.051, 0.084, 0.183)),
            ("pyrrhotite", (35.0, 39.6), (0.035, 0.081, 0.217)),
            ("arsenopyrite", (50.2, 52.4), (0.006, 0.068, 0.255)),
            ("chalcopyrite", (43.85, 45.05), (0.002, 0.057, 0.22)),
            ("bornite", (20.6, 20.9), (0.000, 0.026, 0.10)),
            ("calcite", (6.2, 3.8), (0.073, 0.079, 0.097)),
        ],
    )
    def test_peak_between_crossed_polars_as_tabulated(
        self, mineral: str, percent: tuple[float, float], peaks_percent: tuple[float, ...]
    ) -> None:
        # Reflectances at 546 nm, phase differences 0, 4 and 8 degrees; the table has two digits.
        delta = np.deg2rad([0.0, 4.0, 8.0])
        first, second = (value / 100.0 for value in percent)
        peaks = 100.0 * reflected_through_polars(first, second, delta, math.pi / 4.0, CROSSED)
        assert peaks == pytest.approx(peaks_percent, rel=0.06, abs=0.0015), mineral

    def test_leak_follows_the_plain_light(self) -> None:
        leaky = Polars(analyser=True, extinction_ratio=1e-3)
        leak = reflected_through_polars(0.4, 0.3, 0.1, ANGLES, leaky)
        leak = leak - reflected_through_polars(0.4, 0.3, 0.1, ANGLES, CROSSED)
        assert leak == pytest.approx(1e-3 * reflected(0.4, 0.3, ANGLES))

    def test_section_across_the_axis_is_isotropic_and_along_it_shows_the_full_difference(
        self,
    ) -> None:
        rays = oblique_ray(0.35, 0.40, np.array([0.0, math.pi / 4.0, math.pi / 2.0]))
        assert rays == pytest.approx([0.35, 0.375, 0.40])

    def test_mean_over_all_directions_is_two_parts_ordinary_one_part_extraordinary(self) -> None:
        rng = np.random.default_rng(0)
        polar = np.arccos(rng.uniform(0.0, 1.0, 200_000))
        psi = rng.uniform(0.0, math.pi, 200_000)
        mean = reflected(oblique_ray(0.3, 0.6, polar), 0.3, psi).mean()
        # A spread of 0.09 over 200 000 draws gives a standard error of 2e-4.
        assert mean == pytest.approx((2 * 0.3 + 0.6) / 3.0, abs=1e-3)


class TestMineralTables:
    def test_reflectances_are_possible(self) -> None:
        for rays in ANISOTROPIES.values():
            for colour in (rays.along(), rays.across()):
                assert (colour >= 0.0).all()
                assert (colour <= 1.0).all()

    def test_every_anisotropic_phase_has_its_rays_among_the_end_members(self) -> None:
        assert set(ANISOTROPIES) <= set(END_MEMBERS)
        assert set(INTERNAL_REFLECTIONS) <= set(END_MEMBERS)
        assert VOID not in END_MEMBERS

    def test_order_of_strength_between_crossed_polars_is_that_of_the_textbooks(self) -> None:
        # Covellite extreme; marcasite, arsenopyrite strong; chalcopyrite, bornite weak.
        def peak(code: int) -> float:
            rays = ANISOTROPIES[code]
            delta = np.deg2rad(rays.phase_difference_deg)
            light = reflected_through_polars(
                rays.along(), rays.across(), delta, math.pi / 4.0, CROSSED
            )
            return float(light.mean())

        assert peak(12) > 2.0 * peak(13) > 0.0
        assert min(peak(13), peak(9), peak(5)) > 2.0 * max(peak(1), peak(4))


class TestTransmission:
    @given(retardation=st.floats(0.0, 3000.0), psi=angle, uncrossing=angle)
    def test_intensity_is_a_share_of_the_light(
        self, retardation: float, psi: float, uncrossing: float
    ) -> None:
        polars = Polars(analyser=True, uncrossing_rad=uncrossing)
        assert -1e-12 <= transmitted(retardation, 550.0, psi, polars) <= 1.0 + 1e-12
        assert transmitted(retardation, 550.0, psi, PLAIN) == 1.0

    def test_parallel_polars_show_what_crossed_ones_hide(self) -> None:
        parallel = Polars(analyser=True, uncrossing_rad=math.pi / 2.0)
        both = [transmitted(230.0, 550.0, ANGLES, polars) for polars in (CROSSED, parallel)]
        assert sum(both) == pytest.approx(np.ones(ANGLES.size))

    def test_extinct_four_times_in_a_turn(self) -> None:
        amplitudes = harmonics(transmitted(230.0, 550.0, ANGLES, CROSSED))
        assert amplitudes.pop(4) == pytest.approx(0.5 * math.sin(math.pi * 230.0 / 550.0) ** 2)
        assert max(amplitudes.values()) < 1e-12

    @pytest.mark.parametrize(
        ("crystal", "retardation_nm", "srgb"),
        [
            ("quartz, 25 µm", 225.0, (227, 247, 255)),
            ("quartz, 30 µm", 270.0, (249, 255, 244)),
            ("augite", 550.0, (110, 0, 171)),
            ("muscovite", 900.0, (255, 229, 0)),
        ],
    )
    def test_interference_colours_of_the_chart(
        self, crystal: str, retardation_nm: float, srgb: tuple[int, int, int]
    ) -> None:
        colour = np.rint(255.0 * encode_srgb(interference_rgb(retardation_nm)))
        assert np.abs(colour - srgb).max() <= 2.0, crystal

    def test_retardation_beyond_the_table_counts_as_its_last(self) -> None:
        assert interference_rgb(1e6).tolist() == interference_rgb(2200.0).tolist()

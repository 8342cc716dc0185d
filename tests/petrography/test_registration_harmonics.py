"""Harmonics of crossed polars: known amplitudes and phases, noise, masks, and the test on top."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.registration import (
    CHANNELS,
    HarmonicStack,
    RegistrationReport,
    StageView,
    anisotropy,
    anisotropy_picture,
    overlay,
    overlay_views,
    xpl_harmonics,
)
from petrography.registration.linear_light import linear_luminance, quantum_variance
from petrography.registration.view_registration import identity

SIX = (0.0, 30.0, 60.0, 90.0, 120.0, 150.0)
Floats = NDArray[np.float64]


def turning(
    angles_deg: tuple[float, ...],
    *,
    mean: float = 0.3,
    two: tuple[float, float] = (0.0, 0.0),
    four: tuple[float, float] = (0.0, 0.0),
    shape: tuple[int, int] = (6, 7),
) -> Floats:
    """Brightness of a grain: amplitude and phase of each harmonic."""
    views = [
        mean
        + two[0] * np.cos(np.radians(2 * (angle - two[1])))
        + four[0] * np.cos(np.radians(4 * (angle - four[1])))
        for angle in angles_deg
    ]
    return np.array(views)[:, None, None] * np.ones(shape)


@settings(max_examples=40, deadline=None)
@given(
    two=st.tuples(st.floats(0.01, 0.2), st.floats(5.0, 175.0)),
    four=st.tuples(st.floats(0.01, 0.2), st.floats(5.0, 85.0)),
    angles_deg=st.permutations((*SIX, 15.0, 200.0)),
)
def test_amplitudes_and_phases_are_found(
    two: tuple[float, float], four: tuple[float, float], angles_deg: list[float]
) -> None:
    stack = xpl_harmonics(turning(tuple(angles_deg), two=two, four=four), angles_deg)

    np.testing.assert_allclose(stack.mean, 0.3, atol=1e-5)
    np.testing.assert_allclose(stack.amplitude_2psi, two[0], atol=1e-5)
    np.testing.assert_allclose(stack.phase_2psi_deg, two[1], atol=0.01)
    np.testing.assert_allclose(stack.amplitude_4psi, four[0], atol=1e-5)
    np.testing.assert_allclose(stack.phase_4psi_deg, four[1], atol=0.01)
    assert stack.valid.all()
    assert stack.warnings == ()


@pytest.mark.parametrize("angle_deg", [0.0, 10.0, 44.0])
def test_jones_calculus_between_crossed_polars(angle_deg: float) -> None:
    """I = |r1 - r2|^2 / 4 sin^2 2 psi: a pure 4-psi signal of as much mean as amplitude."""
    r1, r2 = 0.6, 0.62 * np.exp(0.1j)
    peak = abs(r1 - r2) ** 2 / 4.0
    angles = np.array(SIX)
    views = peak * np.sin(np.radians(2 * (angles - angle_deg))) ** 2
    stack = xpl_harmonics(views[:, None, None] * np.ones((4, 4)), SIX)

    np.testing.assert_allclose(stack.mean, peak / 2, rtol=1e-4)
    np.testing.assert_allclose(stack.amplitude_4psi, peak / 2, rtol=1e-4)
    np.testing.assert_allclose(stack.amplitude_2psi, 0.0, atol=1e-6)
    # Brightest at 45 degrees from extinction.
    np.testing.assert_allclose(stack.phase_4psi_deg, (angle_deg + 45.0) % 90.0, atol=0.01)


def noisy(
    seed: int,
    sigma: float,
    *,
    mean: float = 0.3,
    two: tuple[float, float] = (0.0, 0.0),
    four: tuple[float, float] = (0.0, 0.0),
) -> Floats:
    rng = np.random.default_rng(seed)
    views = turning(SIX, mean=mean, two=two, four=four, shape=(60, 80))
    return views + sigma * rng.standard_normal(views.shape)


def test_any_order_of_views_gives_the_same_bits() -> None:
    views = noisy(1, 0.02, four=(0.05, 20.0))
    order = [3, 0, 5, 1, 4, 2]

    first = xpl_harmonics(views, SIX)
    second = xpl_harmonics(views[order], [SIX[one] for one in order])

    np.testing.assert_array_equal(first.channels(), second.channels())
    np.testing.assert_array_equal(first.noise, second.noise)


def test_turning_the_stage_by_half_a_turn_changes_nothing() -> None:
    views = noisy(2, 0.01, two=(0.04, 20.0), four=(0.05, 20.0))
    turned = [angle + 180.0 * (number % 2) for number, angle in enumerate(SIX)]

    first, second = xpl_harmonics(views, SIX), xpl_harmonics(views, turned)

    np.testing.assert_allclose(first.channels(), second.channels(), atol=1e-6)


def test_channels_are_named_and_their_rotation_free_part_leads() -> None:
    stack = xpl_harmonics(turning(SIX, two=(0.1, 30.0), four=(0.2, 10.0)), SIX)

    channels = stack.channels()

    assert channels.shape == (6, 7, len(CHANNELS))
    assert channels.dtype == np.float32
    np.testing.assert_allclose(channels[0, 0, :3], [0.3, 0.1, 0.2], atol=1e-5)
    cosine, sine = channels[0, 0, 5:]
    assert np.degrees(np.arctan2(sine, cosine)) / 4 == pytest.approx(10.0, abs=0.01)


def test_noise_is_measured() -> None:
    stack = xpl_harmonics(noisy(3, 0.02), SIX)

    # The larger of two estimates, and the play of the exposure, make it a little more.
    assert 0.019 <= float(np.median(stack.noise)) <= 0.026


@pytest.mark.parametrize("views", [6, 8, 12])
@pytest.mark.parametrize("wanted", [1e-3, 0.02])
def test_isotropic_grains_stay_below_the_noise_floor(views: int, wanted: float) -> None:
    """False positives are at most as many as promised, and not none: the test has not gone deaf."""
    angles = [180.0 * number / views for number in range(views)]
    rng = np.random.default_rng(views)
    light = 0.2 + 0.02 * rng.standard_normal((views, 250, 250))

    found = anisotropy(xpl_harmonics(light, angles), false_positive_fraction=wanted)

    assert found.tested.all()
    assert found.anisotropic.mean() <= wanted * 1.1
    assert (found.noise_floor > 0).all()
    if wanted > 0.01:
        assert found.anisotropic.mean() >= wanted / 20
    np.testing.assert_array_equal(found.isotropic, ~found.anisotropic)


def test_weak_anisotropy_is_found_above_its_floor_only() -> None:
    floor = float(np.median(anisotropy(xpl_harmonics(noisy(4, 0.01), SIX)).noise_floor))

    strong = anisotropy(xpl_harmonics(noisy(5, 0.01, four=(2.0 * floor, 33.0)), SIX))
    weak = anisotropy(xpl_harmonics(noisy(6, 0.01, four=(0.2 * floor, 33.0)), SIX))

    assert strong.anisotropic.mean() >= 0.99
    assert weak.anisotropic.mean() <= 0.02
    np.testing.assert_allclose(np.median(strong.strength), 2.0 * floor, rtol=0.1)


def test_dark_grains_are_not_more_anisotropic_for_being_dark() -> None:
    dark, bright = (
        anisotropy(xpl_harmonics(noisy(7, 0.01, mean=mean), SIX)) for mean in (0.01, 0.6)
    )
    assert dark.anisotropic.mean() <= 2e-3
    assert bright.anisotropic.mean() <= 2e-3


def test_an_exposure_that_plays_makes_nothing_anisotropic() -> None:
    exposures = np.array([1.0, 1.01, 0.99, 1.008, 0.995, 1.004])[:, None, None]
    stack = xpl_harmonics(noisy(8, 0.001, mean=0.5) * exposures, SIX)

    assert anisotropy(stack).anisotropic.mean() <= 2e-3


def test_pixels_that_few_views_cover_are_left_out() -> None:
    views = noisy(9, 0.01, four=(0.1, 0.0))
    valid = np.ones(views.shape, dtype=np.bool_)
    valid[0, :10] = False
    valid[:3, 10:20] = False
    views[~valid] = 50.0

    stack = xpl_harmonics(views, SIX, valid)
    found = anisotropy(stack)

    assert stack.valid[:10].all()
    assert not stack.valid[10:20].any()
    assert not stack.channels()[10:20].any()
    # Five views leave nothing over, but the noise of like pixels is known.
    assert not stack.sums.freedom[:10].any()
    assert found.anisotropic[:10].mean() > 0.9
    assert not found.tested[10:20].any()
    np.testing.assert_allclose(stack.amplitude_4psi[:10].mean(), 0.1, atol=0.01)


def test_white_pixels_are_not_believed() -> None:
    views = np.full((6, 20, 30, 3), 100, dtype=np.uint8)
    views[:4, :5] = 255
    views[:2, 5:10] = 255

    stack = xpl_harmonics(views, SIX)

    assert not stack.valid[:5].any()
    assert stack.valid[5:].all()


def test_levels_become_light() -> None:
    grey = np.full((6, 8, 9, 3), 188, dtype=np.uint8)
    stack = xpl_harmonics(grey, SIX)

    # IEC 61966-2-1: level 188 is half of white.
    np.testing.assert_allclose(stack.mean, 0.5, atol=0.005)
    np.testing.assert_allclose(
        linear_luminance(grey[0]), linear_luminance(grey[0, ..., 0]), rtol=1e-6
    )
    # A step of a camera between two levels is never seen as anisotropy.
    assert anisotropy(stack).tested.all()
    assert float(quantum_variance(np.float32([0.5]))[0]) > float(
        quantum_variance(np.float32([0.01]))[0]
    )


def test_smoothing_lowers_the_noise_and_stays_inside_the_mask() -> None:
    views = noisy(10, 0.02)
    valid = np.ones(views.shape, dtype=np.bool_)
    valid[:, :, 40:] = False
    views[~valid] = 90.0

    rough, smooth = (xpl_harmonics(views, SIX, valid, smoothing_px=sigma) for sigma in (0.0, 1.5))

    inside = valid[0]
    assert np.median(smooth.noise[inside]) < 0.6 * np.median(rough.noise[inside])
    np.testing.assert_allclose(smooth.mean[inside], 0.3, atol=0.05)


def test_angles_that_alias_fall_back_to_four_psi() -> None:
    stack = xpl_harmonics(turning((0.0, 60.0, 120.0), four=(0.1, 20.0)), (0.0, 60.0, 120.0))

    assert stack.model == "mean+4psi"
    np.testing.assert_allclose(stack.amplitude_4psi, 0.1, atol=1e-5)
    np.testing.assert_array_equal(stack.amplitude_2psi, 0.0)
    assert "only 4 psi" in stack.warnings[0]


def test_without_a_view_to_spare_nothing_is_tested() -> None:
    stack = xpl_harmonics(turning((0.0, 30.0, 60.0), four=(0.1, 20.0)), (0.0, 30.0, 60.0))
    found = anisotropy(stack)

    assert np.isnan(stack.noise).all()
    assert "no view is left to measure the noise" in stack.warnings[-1]
    assert not found.tested.any()
    assert not found.anisotropic.any()
    np.testing.assert_allclose(found.strength, 0.1, atol=1e-3)


def test_narrow_fans_of_angles_are_warned_of() -> None:
    stack = xpl_harmonics(turning(tuple(np.arange(6) * 15.0)), np.arange(6) * 15.0)

    assert any("poorly (condition number" in warning for warning in stack.warnings)


BAD = {
    "no views": ([], [], None, "0 XPL views (nothing)"),
    "an angle is missing": (turning(SIX), SIX[:5], None, "6 XPL views"),
    "mixed sizes": (
        [np.zeros((4, 4)), np.zeros((4, 5)), np.zeros((4, 4))],
        (0, 30, 60),
        None,
        "wanted views of one shape",
    ),
    "mixed types": (
        [np.zeros((4, 4)), np.zeros((4, 4), dtype=np.uint8), np.zeros((4, 4))],
        (0, 30, 60),
        None,
        "uint8",
    ),
    "endless angle": (turning(SIX), (*SIX[:5], float("nan")), None, "finite"),
    "masks of another size": (turning(SIX), SIX, np.ones((6, 2, 2), dtype=bool), "masks have"),
    "two views": (turning((0.0, 45.0)), (0.0, 45.0), None, "2 XPL views at 0, 45 degrees"),
    "quarter turns": (
        turning((0.0, 90.0, 180.0, 270.0)),
        (0.0, 90.0, 180.0, 270.0),
        None,
        "differ modulo 90",
    ),
    "colours in floating point": (np.zeros((6, 4, 4, 3)), SIX, None, "wanted luminance, 2 axes"),
}


@pytest.mark.parametrize("case", BAD)
def test_views_that_cannot_be_fitted_are_refused(case: str) -> None:
    views, angles_deg, valid, said = BAD[case]
    with pytest.raises(InvalidParameterError) as refusal:
        xpl_harmonics(views, angles_deg, valid)
    assert said in str(refusal.value)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0, float("nan")])
def test_an_impossible_false_positive_fraction_is_refused(fraction: float) -> None:
    stack = xpl_harmonics(turning(SIX), SIX)
    with pytest.raises(InvalidParameterError, match="above 0 and below 1"):
        anisotropy(stack, false_positive_fraction=fraction)


def two_grains() -> HarmonicStack:
    views = np.concatenate([noisy(11, 0.01), noisy(12, 0.01, four=(0.2, 10.0))], axis=2)
    valid = np.ones(views.shape, dtype=np.bool_)
    valid[:, :20] = False
    return xpl_harmonics(views, SIX, valid)


def test_the_picture_tells_the_grains_apart_and_has_a_scale() -> None:
    picture = anisotropy_picture(anisotropy(two_grains()))

    assert picture.dtype == np.uint8
    assert picture.shape == (60 + 46, 240, 3)
    assert (picture[:20, :160] == 255).all()
    assert np.median(picture[20:60, :80]) == 60
    # The bright end of viridis is yellow.
    red, green, blue = np.median(picture[20:60, 80:160].reshape(-1, 3), axis=0)
    assert min(red, green) > 2 * blue
    legend = picture[60:]
    assert (legend == 255).any()
    assert len(np.unique(legend[10, 4:120].reshape(-1, 3), axis=0)) > 50


def test_a_picture_of_nothing_is_white() -> None:
    valid = np.zeros((6, 6, 7), dtype=np.bool_)
    picture = anisotropy_picture(anisotropy(xpl_harmonics(turning(SIX), SIX, valid)))

    assert (picture[:6] == 255).all()


def test_harmonics_of_very_large_images_are_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay, "_MOST_VALUES", 40 * 50 * 22 // 4)
    rng = np.random.default_rng(13)
    views = [
        StageView(f"x{angle:g}", rng.integers(80, 90, (40, 50, 3)).astype(np.uint8), "XPL", angle)
        for angle in SIX
    ]
    report = RegistrationReport(
        reference="x0",
        height_px=40,
        width_px=50,
        views=tuple(
            identity(view.name).model_copy(update={"rotation_deg": -angle})
            for view, angle in zip(views[1:], SIX[1:], strict=True)
        ),
    )

    found = overlay_views(views[0], views[1:], report)

    assert found.report.xpl is not None
    assert (found.report.xpl.height_px, found.report.xpl.width_px) == (20, 25)
    assert found.harmonics is not None
    assert found.harmonics.valid.all()

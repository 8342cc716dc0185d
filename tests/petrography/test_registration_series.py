"""Series on a stage: plane-polarised views are matched, crossed polars follow their partners."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from petrography.errors import InvalidParameterError, MissingPartError, RegistrationError
from petrography.images import Image
from petrography.phantoms import StageSeries, phantom, stage_series
from petrography.registration import (
    RegistrationReport,
    StageView,
    overlay_views,
    register_views,
    warp_to_reference,
)
from petrography.registration.crossed_polars import compare_with_partner, place_by_partners
from petrography.registration.view_registration import identity
from tests.petrography.stage_truth import error_px

SHAPE = (260, 320)


@pytest.fixture(scope="module")
def series() -> StageSeries:
    return stage_series("S3", 5, *SHAPE, views=4, step_deg=25.0, uncrossing_deg=0.0)


@pytest.fixture(scope="module")
def reference(series: StageSeries) -> StageView:
    return StageView("ppl0", series.ppl[0].image, "PPL", 0.0)


@pytest.fixture(scope="module")
def views(series: StageSeries) -> list[StageView]:
    """Crossed polars first: their partners must be found all the same."""
    crossed = [
        StageView(f"xpl{number}", view.image, "XPL", view.stage_angle_deg)
        for number, view in enumerate(series.xpl)
    ]
    plain = [
        StageView(f"ppl{number}", view.image, "PPL", view.stage_angle_deg)
        for number, view in enumerate(series.ppl[1:], start=1)
    ]
    return [*crossed, *plain]


@pytest.fixture(scope="module")
def report(reference: StageView, views: list[StageView]) -> RegistrationReport:
    return register_views(reference, views)


def true_errors_px(report: RegistrationReport, series: StageSeries) -> dict[str, float]:
    known = {f"xpl{number}": view for number, view in enumerate(series.xpl)}
    known |= {f"ppl{number}": view for number, view in enumerate(series.ppl)}
    return {
        view.name: error_px(view.as_matrix(), known[view.name].matrix, SHAPE)
        for view in report.views
    }


def test_a_stage_that_turns_off_centre(report: RegistrationReport, series: StageSeries) -> None:
    assert max(true_errors_px(report, series).values()) <= 0.3
    assert [view.name for view in report.views] == [
        *("xpl0", "xpl1", "xpl2", "xpl3"),
        *("ppl1", "ppl2", "ppl3"),
    ]
    assert (report.reference, report.height_px, report.width_px) == ("ppl0", *SHAPE)


def test_crossed_polars_are_carried(report: RegistrationReport) -> None:
    for number in range(4):
        crossed = report.view(f"xpl{number}")
        assert (crossed.method, crossed.carried_by) == ("carried", f"ppl{number}")
    assert report.view("xpl2").matrix == report.view("ppl2").matrix
    assert report.analyser_shift_px == (0.0, 0.0)
    assert report.warnings == ()


def test_the_report_survives_json(report: RegistrationReport) -> None:
    assert RegistrationReport.model_validate_json(report.model_dump_json()) == report
    for view in report.views:
        numbers = [*np.ravel(view.matrix).tolist(), view.rmse_px, view.correlation]
        assert all(len(repr(number).partition(".")[2]) <= 8 for number in numbers)


def test_views_may_be_read_when_their_turn_comes(
    reference: StageView, views: list[StageView], report: RegistrationReport
) -> None:
    told: list[tuple[int, int]] = []
    lazy = [replace(view, pixels=view.read) for view in views]

    found = register_views(reference, lazy, on_progress=lambda *step: told.append(step))

    assert found == report
    assert told == [(number, len(views)) for number in range(len(views))]


def test_a_shift_by_the_analyser_is_measured_and_one_moved_view_is_seen(
    reference: StageView, views: list[StageView]
) -> None:
    """All crossed views lie 6 px to the right of where they should, and one 20 px lower."""
    shifted = [
        replace(view, pixels=np.roll(view.read(), (20 if view.name == "xpl2" else 0, 6), (0, 1)))
        if view.light == "XPL"
        else view
        for view in views
    ]

    report = register_views(reference, shifted)

    assert report.analyser_shift_px == pytest.approx((-6.0, 0.0), abs=0.5)
    plain, crossed = (report.view(name).as_matrix() for name in ("ppl3", "xpl3"))
    np.testing.assert_allclose(plain @ [100.0, 90.0, 1.0], crossed @ [106.0, 90.0, 1.0], atol=0.5)
    moved = report.view("xpl2")
    assert (moved.method, moved.carried_by) != ("carried", "ppl2")
    plain = report.view("ppl2").as_matrix()
    np.testing.assert_allclose(
        plain @ [100.0, 90.0, 1.0], moved.as_matrix() @ [106.0, 110.0, 1.0], atol=1.0
    )
    assert report.warnings[0].startswith("xpl2: moved by more than 3 px")


def test_extinct_views_are_laid_as_their_partners_with_a_warning(reference: StageView) -> None:
    dark = StageView("dark", np.full((*SHAPE, 3), 2, dtype=np.uint8), "XPL", 360.0)

    report = register_views(reference, [dark])

    np.testing.assert_array_equal(report.view("dark").as_matrix(), np.eye(2, 3))
    assert report.analyser_shift_px is None
    assert "could not be" not in report.warnings[0]
    assert "no view between crossed polars could be compared" in report.warnings[0]


@pytest.mark.parametrize("strange", ["black", "another section"])
def test_a_view_that_alone_shows_nothing_in_common_is_doubted(
    reference: StageView, views: list[StageView], strange: str
) -> None:
    black = np.full((*SHAPE, 3), 2, dtype=np.uint8)
    pixels = black if strange == "black" else phantom("S2", 77, *SHAPE).image
    mixed = [replace(view, pixels=pixels) if view.name == "xpl2" else view for view in views]

    (warning,) = register_views(reference, mixed).warnings

    assert warning.startswith("xpl2: shows nothing that can be compared")
    assert register_views(reference, views).warnings == ()


def test_crossed_polars_of_another_size_are_matched_by_themselves(
    reference: StageView, series: StageSeries
) -> None:
    cut = np.ascontiguousarray(series.xpl[0].image[10:-10])
    report = register_views(reference, [StageView("cut", cut, "XPL", 0.0)])

    found = report.view("cut")
    assert found.carried_by is None
    np.testing.assert_allclose(found.as_matrix()[:, 2], [0.0, 10.0], atol=1.0)


def test_nothing_to_place() -> None:
    assert place_by_partners([], SHAPE).views == ()


def test_a_pair_that_shows_nothing_in_common_has_no_shift(series: StageSeries) -> None:
    compared = compare_with_partner(
        "x", np.zeros((*SHAPE, 3), dtype=np.uint8), series.ppl[0].image, identity("p")
    )
    assert compared.own is None
    assert compared.shift_px is None


def test_the_reference_may_lie_between_crossed_polars(series: StageSeries) -> None:
    reference = StageView("x0", series.xpl[0].image, "XPL")
    view = StageView("p0", series.ppl[0].image, "PPL", 0.0)

    found = register_views(reference, [view]).view("p0")

    np.testing.assert_allclose(found.as_matrix(), np.eye(2, 3), atol=1.0)


def test_crossed_polars_at_an_unknown_angle_are_matched_by_themselves(
    reference: StageView, series: StageSeries
) -> None:
    report = register_views(reference, [StageView("x", series.xpl[0].image, "XPL")])

    np.testing.assert_allclose(report.view("x").as_matrix(), np.eye(2, 3), atol=1.0)
    assert report.view("x").carried_by is None


def test_angles_count_from_that_of_the_reference(series: StageSeries) -> None:
    reference = StageView("first", series.ppl[0].image, "PPL", 100.0)
    view = StageView("second", series.ppl[1].image, "PPL", 125.0)

    report = register_views(reference, [view])

    assert error_px(report.view("second").as_matrix(), series.ppl[1].matrix, SHAPE) <= 0.3


OTHER: Image = phantom("S3", 77, *SHAPE).image
BAD = {
    "one view": ([], MissingPartError, "only the reference ppl0"),
    "names": ([("ppl0", OTHER)], InvalidParameterError, "2 views are called 'ppl0'"),
    "another section": ([("other", OTHER)], RegistrationError, "other cannot be registered"),
    "blank": ([("grey", OTHER * 0 + 80)], RegistrationError, "grey is blank"),
    "saturated": ([("white", OTHER * 0 + 255)], RegistrationError, "white is saturated"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_series_that_does_not_fit_is_refused(reference: StageView, case: str) -> None:
    given, error, said = BAD[case]
    with pytest.raises(error, match=said):
        register_views(reference, [StageView(name, pixels) for name, pixels in given])


@pytest.mark.parametrize("angle_deg", [math.inf, -math.inf, math.nan, 1.26e308, -3600.5])
def test_angles_that_no_stage_has_are_refused(reference: StageView, angle_deg: float) -> None:
    said = f"stage angle of odd is {angle_deg:g}; wanted -3600 to 3600 degrees"
    odd = StageView("odd", OTHER, "XPL", angle_deg)
    with pytest.raises(InvalidParameterError, match=re.escape(said)):
        register_views(reference, [odd])
    with pytest.raises(InvalidParameterError, match=re.escape(said)):
        register_views(replace(odd, light="PPL"), [StageView("x", OTHER, "XPL", -1.26e308)])


def test_crossed_polars_without_a_partner_that_do_not_fit_are_refused(
    reference: StageView,
) -> None:
    with pytest.raises(RegistrationError, match="x40 cannot be registered"):
        register_views(reference, [StageView("x40", OTHER, "XPL", 40.0)])


def test_views_laid_over_the_reference(
    reference: StageView, views: list[StageView], report: RegistrationReport, series: StageSeries
) -> None:
    drawn: dict[str, Image] = {}

    overlay = overlay_views(reference, views, report, on_registered=drawn.__setitem__)

    assert list(drawn) == [view.name for view in views]
    warped, valid = warp_to_reference(series.ppl[2].image, report.view("ppl2").as_matrix(), SHAPE)
    np.testing.assert_array_equal(drawn["ppl2"], warped)
    # Pleochroic grains are few: most of the picture is that of the reference.
    apart = np.abs(warped.astype(float) - series.ppl[0].image).mean(axis=2)[valid]
    assert np.median(apart) <= 4.0
    assert not drawn["ppl2"][~valid].any()
    assert overlay.report.views == report.views


def test_harmonics_of_a_series(
    reference: StageView, views: list[StageView], report: RegistrationReport, series: StageSeries
) -> None:
    """Four views of 25 degrees do with the 4-psi harmonic alone."""
    overlay = overlay_views(reference, views, report)

    summary, found = overlay.report.xpl, overlay.anisotropy
    assert summary is not None
    assert found is not None
    assert summary.views == ("xpl0", "xpl1", "xpl2", "xpl3")
    np.testing.assert_allclose(summary.turns_deg, [0.0, 25.0, 50.0, 75.0], atol=0.5)
    assert summary.model == "mean+4psi"
    assert "only 4 psi was fitted" in summary.warnings[0]
    assert (summary.height_px, summary.width_px) == SHAPE
    # Covellite lights up like no other mineral; gangue glows at any turn.
    covellite, gangue = (found.tested & (series.labels == code) for code in (12, 0))
    assert found.anisotropic[covellite].mean() >= 0.8
    assert found.anisotropic[gangue].mean() <= 0.05


def test_fewer_than_three_crossed_views_have_no_harmonics(
    reference: StageView, views: list[StageView], report: RegistrationReport
) -> None:
    overlay = overlay_views(reference, views[:2], report)

    assert overlay.harmonics is None
    assert overlay.report == report


def test_angles_that_tell_nothing_are_a_warning(reference: StageView, series: StageSeries) -> None:
    same = [StageView(f"x{number}", series.xpl[0].image, "XPL", 0.0) for number in range(3)]
    report = register_views(reference, same)

    overlay = overlay_views(reference, same, report)

    assert overlay.anisotropy is None
    assert overlay.report.xpl is None
    assert overlay.report.warnings[-1].startswith("no anisotropy map: 3 XPL views at 0, 0, 0")


def test_a_reference_between_crossed_polars_counts_and_is_not_drawn(series: StageSeries) -> None:
    reference = StageView("x0", series.xpl[0].image, "XPL", 0.0)
    others = [StageView(f"x{number}", series.xpl[number].image, "XPL") for number in (1, 2, 3)]
    found = tuple(
        identity(view.name).model_copy(update={"rotation_deg": -25.0 * number})
        for number, view in enumerate(others, start=1)
    )
    report = RegistrationReport(reference="x0", height_px=SHAPE[0], width_px=SHAPE[1], views=found)
    drawn: dict[str, Image] = {}

    overlay = overlay_views(reference, others, report, on_registered=drawn.__setitem__)

    assert overlay.report.xpl is not None
    assert overlay.report.xpl.views == ("x0", "x1", "x2", "x3")
    assert list(drawn) == ["x1", "x2", "x3"]

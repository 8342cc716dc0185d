"""Views of the analysed place inside an analysis: laid over it, and anisotropy by phase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from petrography.errors import (
    ImageTooLargeError,
    InvalidParameterError,
    RegistrationError,
    UnsupportedImageError,
)
from petrography.image_codec import ImageLimits, decode_image, encode_png
from petrography.model_card import sha256_hex
from petrography.phantoms import StageSeries, phantom, stage_series
from petrography.pipeline import Analysis, AnalysisRequest, analyse
from petrography.registration import StageView, overlay_views, register_views
from tests.image_files import png_header
from tests.petrography.pipeline_runs import NearestColourPredictor, view_readers
from tests.tiny_model import tiny_card

HEIGHT_PX, WIDTH_PX = 260, 320


@pytest.fixture(scope="module")
def series() -> StageSeries:
    return stage_series("S2", 5, HEIGHT_PX, WIDTH_PX, views=4, step_deg=22.5)


@pytest.fixture(scope="module")
def readers(series: StageSeries) -> dict[str, Callable[[], bytes]]:
    return view_readers(series)


def request_of(series: StageSeries, names: list[str]) -> AnalysisRequest:
    views = []
    for name in names:
        view = (series.ppl if name.startswith("ppl") else series.xpl)[int(name[3:])]
        light = name[:3].upper()
        angle = view.stage_angle_deg
        views.append({"part": name, "light": light, "stage_angle_deg": angle})
    return AnalysisRequest.model_validate({"views": views})


def run(
    series: StageSeries,
    readers: dict[str, Callable[[], bytes]],
    names: list[str],
    request: AnalysisRequest | None = None,
) -> Analysis:
    return analyse(
        readers["ppl0"](),
        request or request_of(series, names),
        card=tiny_card(),
        predictor_for=NearestColourPredictor,
        analysis_id="a-1",
        limits=ImageLimits(),
        software={},
        parts={name: readers[name] for name in names},
    )


NAMES = ["ppl1", "ppl2", "ppl3", "xpl0", "xpl1", "xpl2", "xpl3"]


@pytest.fixture(scope="module")
def analysis(series: StageSeries, readers: dict[str, Callable[[], bytes]]) -> Analysis:
    return run(series, readers, NAMES)


def test_the_views_lie_as_a_registration_finds(
    series: StageSeries, readers: dict[str, Callable[[], bytes]], analysis: Analysis
) -> None:
    images = {name: decode_image(read()).pixels for name, read in readers.items()}
    views = [
        StageView(one.part, images[one.part], one.light, one.stage_angle_deg)
        for one in request_of(series, NAMES).views
    ]
    reference = StageView("image", images["ppl0"], "PPL", 0.0)
    overlay = overlay_views(reference, views, register_views(reference, views))
    assert analysis.result.registration == overlay.report
    for name, view in zip(NAMES[:3], series.ppl[1:], strict=True):
        found = analysis.result.registration.view(name).as_matrix()
        assert np.abs(found - view.matrix)[:, 2].max() < 0.5


def test_what_a_lens_did_not_see_of_a_view_is_not_known(series: StageSeries) -> None:
    shown = np.ones((HEIGHT_PX, WIDTH_PX), dtype=np.bool_)
    shown[:, :60] = False
    reference = StageView("image", series.ppl[0].image, "PPL", 0.0)
    views = []
    for index in range(4):
        for light, taken in (("PPL", series.ppl), ("XPL", series.xpl)):
            name = f"{light}{index}"
            views.append(StageView(name, taken[index].image, light, taken[index].stage_angle_deg))
    report = register_views(reference, views)
    whole, partly = [], []
    overlay_views(reference, views, report, on_crossed=lambda _, valid: whole.append(valid))
    masked = [replace(view, valid=shown) for view in views]
    found = overlay_views(reference, masked, report, on_crossed=lambda *one: partly.append(one))
    # The first view lies as the reference: one pixel more is mixed with what was not seen.
    assert np.array_equal(partly[0][1][2:-2, 2:-2], whole[0][2:-2, 2:-2] & (columns() > 60))
    for before, (pixels, after) in zip(whole, partly, strict=True):
        assert 0.1 < (before & ~after).mean() < 0.3
        assert not (after & ~before).any()
        assert not pixels[~after].any()
    assert found.harmonics is not None
    fitted_views = np.sum([after for _, after in partly], axis=0)
    assert (fitted_views[found.harmonics.valid] >= 3).all()


def columns() -> NDArray[np.intp]:
    return np.indices((HEIGHT_PX - 4, WIDTH_PX - 4))[1] + 2


def test_phases_are_told_apart_by_what_turns_with_the_stage(
    series: StageSeries, analysis: Analysis
) -> None:
    result = analysis.result
    assert result.anisotropy is not None
    assert {phase.code for phase in result.anisotropy} == {entry.code for entry in result.modal}
    tested_px = sum(phase.tested_px for phase in result.anisotropy)
    height_px, width_px = series.labels.shape
    assert tested_px == pytest.approx(
        result.registration.xpl.tested_percent / 100.0 * height_px * width_px, abs=1.0
    )
    turning_px = sum(
        phase.anisotropic_percent / 100.0 * phase.tested_px
        for phase in result.anisotropy
        if phase.anisotropic_percent is not None
    )
    share = 100.0 * turning_px / tested_px
    assert share == pytest.approx(result.registration.xpl.anisotropic_percent, abs=0.01)


def test_the_map_is_a_file_of_the_result_and_views_are_in_the_provenance(
    readers: dict[str, Callable[[], bytes]], analysis: Analysis
) -> None:
    assert "anisotropy.png" in {one.name for one in analysis.result.artefacts}
    picture = decode_image(analysis.artefacts["anisotropy.png"]).pixels
    assert picture.shape[1] == WIDTH_PX
    assert analysis.result.provenance["views"] == {
        name: sha256_hex(readers[name]()) for name in NAMES
    }
    assert analysis.result.provenance["views_pixels"] == {
        name: sha256_hex(decode_image(readers[name]()).pixels.data) for name in NAMES
    }
    assert "registration" in analysis.result.timings_s


def test_views_change_no_label(
    series: StageSeries, readers: dict[str, Callable[[], bytes]], analysis: Analysis
) -> None:
    alone = run(series, readers, [])
    assert alone.artefacts["labels.png"] == analysis.artefacts["labels.png"]
    assert alone.result.registration is None
    assert alone.result.anisotropy is None
    assert "anisotropy.png" not in alone.artefacts


def test_two_crossed_views_tell_no_anisotropy(
    series: StageSeries, readers: dict[str, Callable[[], bytes]]
) -> None:
    analysis = run(series, readers, ["xpl0", "ppl1", "xpl1"])
    assert analysis.result.anisotropy is None
    assert len(analysis.result.registration.views) == 3


def test_another_section_is_refused_by_its_name(
    series: StageSeries, readers: dict[str, Callable[[], bytes]]
) -> None:
    foreign = encode_png(phantom("S1", 99, HEIGHT_PX, WIDTH_PX).image)
    mixed = readers | {"ppl1": lambda: foreign}
    with pytest.raises(RegistrationError, match="ppl1"):
        run(series, mixed, ["ppl1"])


def test_a_large_view_of_a_small_image_is_refused_before_it_is_decoded(
    series: StageSeries, readers: dict[str, Callable[[], bytes]]
) -> None:
    # 200 million pixels, of which only the header is there.
    large = readers | {"ppl1": partial(bytes, png_header(20_000, 10_000, 8, 2))}
    with pytest.raises(ImageTooLargeError, match=r"ppl1 .*limit is 150000000 for an image that"):
        run(series, large, ["ppl1"])


def test_a_view_that_is_no_image_is_refused(
    series: StageSeries, readers: dict[str, Callable[[], bytes]]
) -> None:
    with pytest.raises(UnsupportedImageError, match="ppl1"):
        run(series, readers | {"ppl1": lambda: b"no image"}, ["ppl1"])


@pytest.mark.parametrize("described", [["ppl1"], ["ppl1", "ppl2", "ppl3"], ["ppl1", "ppl1"]])
def test_views_are_those_that_the_request_describes(
    series: StageSeries, readers: dict[str, Callable[[], bytes]], described: list[str]
) -> None:
    with pytest.raises(InvalidParameterError, match="request names"):
        run(series, readers, ["ppl1", "ppl2"], request_of(series, described))

from __future__ import annotations

import csv
import io
import json

import jsonschema
import numpy as np
import pytest
from pydantic import ValidationError

from petrography.calibration import (
    Corrections,
    LensModel,
    apply_flat_field,
    build_reference,
    fit_calibration,
    optics_id,
    photographed,
    undistort,
)
from petrography.errors import InvalidParameterError, UnsupportedImageError
from petrography.image_codec import (
    decode_labels,
    encode_png,
)
from petrography.model_card import sha256_hex
from petrography.pipeline import (
    AnalysisRequest,
    measure,
)
from petrography.pipeline.measurement import MeasuringOptions
from petrography.report import modal_table, result_schema
from petrography.segmentation import Segmentation
from tests.petrography.flat_fields import flat_field_of
from tests.petrography.pipeline_runs import painted_blocks, run
from tests.tiny_model import CODES, COLOURS, tiny_card


@pytest.fixture
def painted():
    return painted_blocks()


def test_a_painted_section_comes_back_as_it_was_painted(painted):
    truth, image = painted
    analysis = run(encode_png(image), AnalysisRequest(um_per_px=0.5))
    assert np.array_equal(decode_labels(analysis.artefacts["labels.png"]), truth)
    shares = {entry.code: entry.area_percent for entry in analysis.result.modal}
    for code in CODES:
        assert shares[code] == pytest.approx(100 * (truth == code).mean(), abs=1e-4)
    assert analysis.result.scale.um_per_px == 0.5
    # The card of the tiny model says that it has never seen ore; nothing else was degraded.
    assert [one for one in analysis.result.degradations if "phantoms only" not in one] == []


def test_result_json_is_the_result_and_fits_its_schema(painted):
    jsonschema = pytest.importorskip("jsonschema", reason="needs the dev extra")
    analysis = run(encode_png(painted[1]))
    content = json.loads(analysis.artefacts["result.json"])
    jsonschema.Draft202012Validator(result_schema()).validate(content)
    assert content == analysis.result.model_dump(mode="json")


def test_equal_input_gives_equal_files(painted):
    first, second = (run(encode_png(painted[1])).artefacts for _ in range(2))
    for name in set(first) - {"result.json"}:  # it holds the timings
        assert first[name] == second[name], name


def test_without_a_scale_nothing_physical_is_claimed(painted):
    analysis = run(encode_png(painted[1]))
    assert analysis.result.scale is None
    assert all(entry.area_um2 is None for entry in analysis.result.modal)
    assert any("scale missing" in one for one in analysis.result.degradations)
    assert any("in pixels only" in one for one in analysis.result.degradations)
    rows = list(csv.DictReader(io.StringIO(analysis.artefacts["grains.csv"].decode())))
    assert rows
    assert all(row["area_um2"] == row["ecd_um"] == "" for row in rows)


def test_an_association_closes_the_other_classes(painted):
    analysis = run(encode_png(painted[1]), AnalysisRequest(association="Ccp"))
    assert {entry.code for entry in analysis.result.modal} <= {0, 1}
    assert analysis.result.provenance["parameters"]["possible_codes"] == [0, 1]


def test_an_association_with_minerals_that_the_model_does_not_know_is_a_degradation(painted):
    data = encode_png(painted[1])
    known = run(data, AnalysisRequest(association="Ccp,Gn")).result.degradations
    beyond = run(data, AnalysisRequest(association=" s1 ")).result.degradations
    assert not any("does not know" in one for one in known)
    assert any("s1 holds Bn, Sp, Tnt/Ttr, which tiny does not know" in one for one in beyond)


def test_labels_have_the_size_of_the_image_at_any_resampling(painted):
    truth, image = painted
    for factor in (0.25, 0.4, 1.7, 2.0):
        labels = decode_labels(
            run(encode_png(image), AnalysisRequest(resampling_factor=factor)).artefacts[
                "labels.png"
            ]
        )
        assert labels.shape == truth.shape
        # Only a seam of a pixel or two along the blocks of 24 px may change.
        assert (labels == truth).mean() > (0.8 if factor < 1 else 0.95)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2), (63, 65)])
def test_an_image_smaller_than_a_tile_is_analysed_with_a_warning(shape):
    image = np.full((*shape, 3), COLOURS[1], dtype=np.uint8)
    analysis = run(encode_png(image))
    assert np.all(decode_labels(analysis.artefacts["labels.png"]) == CODES[1])
    assert any(f"{shape[1]} x {shape[0]} px" in one for one in analysis.result.quality.warnings)


def test_over_exposure_is_warned_of():
    image = np.full((80, 80, 3), COLOURS[1], dtype=np.uint8)
    image[:20] = 255
    warnings = run(encode_png(image)).result.quality.warnings
    assert any("25.0% of the pixels are over-exposed" in one for one in warnings)


def test_phantom_weights_say_so_in_every_report(painted):
    card = tiny_card(training=tiny_card().training.model_dump() | {"phantom_fraction": 1.0})
    assert any(
        "phantoms only" in one for one in run(encode_png(painted[1]), card=card).result.degradations
    )
    honest = tiny_card(training=tiny_card().training.model_dump() | {"phantom_fraction": 0.0})
    assert not any(
        "phantoms" in one for one in run(encode_png(painted[1]), card=honest).result.degradations
    )


def test_provenance_names_what_was_analysed_and_by_what(painted):
    data = encode_png(painted[1])
    provenance = json.loads(
        run(data, started_utc="2026-01-01T00:00:00Z").artefacts["provenance.json"]
    )
    assert provenance["image"]["sha256"] == sha256_hex(data)
    assert provenance["image"]["pixels_sha256"] == sha256_hex(painted[1].tobytes())
    assert provenance["started_utc"] == "2026-01-01T00:00:00Z"
    assert provenance["model"]["onnx_sha256"] == tiny_card().onnx_sha256
    assert provenance["software"] == {"petroserve": "0"}


def test_stages_and_tiles_are_reported_in_order(painted):
    stages, tiles = [], []
    run(
        encode_png(painted[1]),
        on_stage=lambda name, seconds: stages.append((name, seconds >= 0)),
        on_progress=lambda done, total: tiles.append((done, total)),
    )
    assert stages == [(name, True) for name in ("decode", "segmentation", "statistics", "report")]
    assert tiles == [(done, 9) for done in range(1, 10)]  # 144 x 192 px in tiles of 64


def test_the_listener_stops_the_analysis(painted):
    def stop(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(encode_png(painted[1]), on_progress=stop)


def test_a_bad_association_is_refused_before_the_image_is_read():
    with pytest.raises(InvalidParameterError, match="association names"):
        run(b"no image", AnalysisRequest(association="quartzite"))


def test_bytes_that_are_no_image_are_refused():
    with pytest.raises(UnsupportedImageError):
        run(b"no image")


@pytest.mark.parametrize(
    "fields",
    [
        {"um_per_px": 0},
        {"um_per_px": -0.5},
        {"um_per_px": float("nan")},
        {"um_per_px": float("inf")},
        {"resampling_factor": 0},
        {"outputs": ["../labels.png"]},
        {"unknown": 1},
        {"min_grain_area_px": 0},
        {"association": "x" * 300},
        {"sample": {"id": "x" * 300}},
    ],
)
def test_an_impossible_request_is_refused(fields):
    with pytest.raises(ValidationError):
        AnalysisRequest(**fields)


def test_a_label_image_is_measured_alone(painted):
    measured = measure(painted[0], MeasuringOptions(min_grain_area_px=1))
    assert measured.composition.field_px == painted[0].size
    assert measured.grains.area_px.sum() == (painted[0] != 0).sum()


def test_colours_unlike_those_of_the_training_are_warned_of(painted):
    near = run(encode_png(painted[1])).result.quality
    assert near.colour_distance < 1.0
    assert not any("CIEDE2000" in one for one in near.warnings)
    green = run(encode_png(np.full((80, 80, 3), (0, 255, 0), dtype=np.uint8))).result.quality
    assert green.colour_distance > 9.0
    assert any("CIEDE2000 units from those" in one for one in green.warnings)


def behind_a_filter(image):
    """A blue filter in front of the lamp: gains in linear light."""
    light = (image / 255.0) ** 2.2 * (0.1, 0.3, 1.0)
    return np.rint(255.0 * light ** (1 / 2.2)).astype(np.uint8)


def calibration_of(truth, image):
    reference = build_reference([(image, truth)], name="the section itself", source="painted")
    return fit_calibration(behind_a_filter(image), truth, reference)


def test_a_calibration_gives_the_map_back_that_a_filter_took(painted):
    truth, image = painted
    filtered, calibration = behind_a_filter(image), calibration_of(truth, image)
    request = AnalysisRequest(calibration=calibration.id)

    def accuracy(analysis):
        return (decode_labels(analysis.artefacts["labels.png"]) == truth).mean()

    before = run(encode_png(filtered))
    after = run(encode_png(filtered), request, corrections=Corrections(calibration))
    assert accuracy(before) < 0.8
    assert accuracy(after) > 0.99
    assert after.result.quality.colour_distance < before.result.quality.colour_distance
    assert after.result.provenance["calibration"] == calibration.model_dump(mode="json")
    assert before.result.provenance["calibration"] is None


def test_shading_and_distortion_are_corrected_before_the_colours(painted):
    truth, image = painted
    height_px, width_px = truth.shape
    light = np.linspace(0.6, 1.0, width_px)[None, :, None] * np.ones((height_px, 1, 3))
    flat_field = flat_field_of(light)
    lens = LensModel(height_px=height_px, width_px=width_px, k1=0.05)
    shaded = ((image / 255.0) ** 2.2 * light) ** (1 / 2.2) * 255.0
    pixels = np.rint(shaded).astype(np.uint8)
    corrections = Corrections(None, flat_field, lens)
    request = AnalysisRequest(flat_field=optics_id(flat_field), lens=optics_id(lens))

    analysis = run(encode_png(pixels), request, corrections=corrections)

    wanted = run(encode_png(undistort(apply_flat_field(pixels, flat_field), lens)))
    labels, whole = (decode_labels(one.artefacts["labels.png"]) for one in (analysis, wanted))
    assert np.array_equal(labels, np.where(photographed(lens), whole, 255))
    assert analysis.artefacts["labels.png"] != run(encode_png(pixels)).artefacts["labels.png"]
    assert analysis.result.provenance["lens"] == lens.model_dump(mode="json")
    assert analysis.result.provenance["flat_field"] == optics_id(flat_field)


def test_what_the_lens_did_not_see_is_not_measured(painted):
    _, image = painted
    height_px, width_px = image.shape[:2]
    lens = LensModel(height_px=height_px, width_px=width_px, k1=0.1)
    # One mineral everywhere: black would be another phase.
    ore = np.broadcast_to(COLOURS[1], image.shape).copy()
    request = AnalysisRequest(lens=optics_id(lens))

    analysis = run(encode_png(ore), request, corrections=Corrections(lens=lens))

    shown = photographed(lens)
    labels = decode_labels(analysis.artefacts["labels.png"])
    assert np.array_equal(labels == 255, ~shown)
    (phase,) = analysis.result.modal
    assert (phase.code, phase.area_px, phase.area_percent) == (CODES[1], shown.sum(), 100.0)
    assert analysis.result.contacts.codes == (CODES[1],)
    share = f"{1.0 - shown.mean():.2%} of the image"
    assert any(share in one and "255" in one for one in analysis.result.degradations)
    assert analysis.result.uncertainty.mean_confidence > 0.99


def test_what_no_field_reached_is_in_no_mean_and_told(painted):
    truth, image = painted
    reached = np.zeros(truth.shape, dtype=bool)
    reached[: truth.shape[0] // 4] = True

    def joined(segment_image, workspace):
        seen = segment_image(image)
        return Segmentation(
            np.where(reached, seen.labels, 255).astype(np.uint8),
            np.where(reached, 204, 0).astype(np.uint8),
        )

    result = run(encode_png(image), None, in_parts=joined).result

    assert result.modal_basis.unlabelled_px == np.count_nonzero(~reached)
    assert result.uncertainty.mean_confidence == pytest.approx(0.8)
    share = f"{1.0 - reached.mean():.2%} of the image"
    assert any("no field" in one and share in one for one in result.degradations)


def test_a_lens_of_another_size_is_refused(painted):
    lens = LensModel(height_px=100, width_px=100, k1=0.05)
    with pytest.raises(InvalidParameterError, match="100"):
        run(
            encode_png(painted[1]),
            AnalysisRequest(lens=optics_id(lens)),
            corrections=Corrections(lens=lens),
        )


def test_a_calibration_other_than_the_named_one_is_refused(painted):
    truth, image = painted
    calibration = calibration_of(truth, image)
    for request, given in (
        (AnalysisRequest(calibration="another"), calibration),
        (AnalysisRequest(), calibration),
        (AnalysisRequest(calibration=calibration.id), None),
    ):
        with pytest.raises(InvalidParameterError, match="calibration"):
            run(encode_png(image), request, corrections=Corrections(given))


def test_a_filter_is_noticed_before_any_map(painted):
    _, image = painted
    assert not run(encode_png(image)).result.quality.calibrate_first
    quality = run(encode_png(behind_a_filter(image))).result.quality
    assert quality.calibrate_first
    assert quality.hue_distance > 3.0
    assert any(one.startswith("calibrate first") for one in quality.warnings)


def test_the_held_out_confusion_widens_intervals_and_corrects(painted):
    single = {
        "data": "painted ore",
        "images": [f"p{k}" for k in range(6)],
        "association": None,
        "resampling": "1",
        "mean_iou": 0.5,
        "pixel_accuracy": 0.9,
        "iou": {},
        "baseline_mean_iou": 0.1,
        "baseline_pixel_accuracy": 0.1,
        "baseline_iou": {},
        "confusion": [[90, 10, 0, 0], [0, 80, 0, 20], [0, 0, 0, 0], [5, 0, 0, 95]],
        "confusion_codes": list(CODES),
    }
    card = tiny_card(evaluations=[single])
    analysis = run(encode_png(painted[1]), AnalysisRequest(um_per_px=0.5), card=card)
    result = analysis.result
    jsonschema.validate(json.loads(analysis.artefacts["result.json"]), result_schema())
    assert result.modal_correction.data == "painted ore"
    assert result.modal_correction.effective_size_source == "default"
    assert {"total_ci95", "corrected_percent", "corrected_ci95"} <= result.definitions.keys()
    assert any(one.startswith("Gn: no held-out pixels") for one in result.quality.warnings)
    assert sum(one.corrected_percent for one in result.modal) == pytest.approx(100, abs=1e-3)
    for one in result.modal:
        assert one.total_ci95[0] <= one.ci95[0] < one.ci95[1] <= one.total_ci95[1]
    (pyrite,) = [one for one in result.modal if one.code == 6]
    assert pyrite.corrected_percent < pyrite.area_percent
    rows = list(csv.DictReader(io.StringIO(analysis.artefacts["modal.csv"].decode())))
    assert [float(row["corrected_percent"]) for row in rows] == [
        one.corrected_percent for one in result.modal
    ]
    assert "with map errors" in modal_table(result)


def test_without_a_held_out_confusion_nothing_is_corrected(painted):
    result = run(encode_png(painted[1]), AnalysisRequest(um_per_px=0.5)).result
    assert result.modal_correction is None
    assert all(one.total_ci95 is None and one.corrected_percent is None for one in result.modal)
    assert "with map errors" not in modal_table(result)

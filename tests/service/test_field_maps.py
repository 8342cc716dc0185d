"""Maps of fields joined to the map of their panorama."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import petroserve
from petrography.image_codec import decode_labels, encode_png
from petrography.images import Image
from petrography.phantoms import SectionFields, section_fields
from petrography.segmentation import Segmentation
from petrography.stitching import Stitching, merge_labels, stitch
from service.engine import segment_fields
from tests.petrography.panorama_truth import as_field, as_fields


@pytest.fixture(scope="module")
def section() -> SectionFields:
    return section_fields("S2", 7, 2, 2, height_px=240, width_px=320, overlap=0.35)


@pytest.fixture(scope="module")
def stitching(section: SectionFields) -> Stitching:
    blank = as_field("blank", np.full((240, 320, 3), 128, dtype=np.uint8))
    fields = as_fields(section)
    return stitch([*fields[:2], blank, *fields[2:]])


def test_every_drawn_field_is_segmented_once_and_lies_on_its_side_of_the_seams(
    stitching: Stitching,
) -> None:
    numbers = itertools.count(1)

    def numbered(pixels: Image) -> Segmentation:
        shape = pixels.shape[:2]
        number = next(numbers)
        return Segmentation(np.full(shape, number, np.uint8), np.full(shape, 10 * number, np.uint8))

    seen = segment_fields(stitching, numbered)
    assert seen.labels.shape == seen.confidence.shape == stitching.shape
    assert set(np.unique(seen.labels)) - {255} == {1, 2, 3, 4}
    assert next(numbers) == 5
    covered = seen.labels != 255
    assert np.array_equal(seen.confidence[covered], 10 * seen.labels[covered])
    assert not seen.confidence[~covered].any()


def test_the_map_is_that_of_merging_label_images(
    stitching: Stitching, section: SectionFields
) -> None:
    truths = {field.image.tobytes(): field.labels for field in section.fields}

    def known(pixels: Image) -> Segmentation:
        labels = truths[pixels.tobytes()]
        return Segmentation(labels, np.full(labels.shape, 255, np.uint8))

    labels = [field.labels for field in section.fields]
    nothing = np.zeros((240, 320), dtype=np.uint8)
    wanted = np.concatenate(list(merge_labels(stitching, [*labels[:2], nothing, *labels[2:]])))
    assert np.array_equal(segment_fields(stitching, known).labels, wanted)


def test_maps_that_do_not_fit_into_memory_are_read_again(
    stitching: Stitching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def brightness(pixels: Image) -> Segmentation:
        return Segmentation(pixels[..., 0].copy(), pixels[..., 1].copy())

    wanted = segment_fields(stitching, brightness)
    for kept_bytes in (0, 240 * 320 + 1):
        monkeypatch.setattr("service.engine.field_maps._KEPT_BYTES", kept_bytes)
        seen = segment_fields(stitching, brightness, folder=tmp_path)
        np.testing.assert_array_equal(seen.labels, wanted.labels)
        np.testing.assert_array_equal(seen.confidence, wanted.confidence)
    with pytest.raises(FileNotFoundError):
        segment_fields(stitching, brightness, folder=tmp_path / "nowhere")


@pytest.mark.parametrize("segmented", ["fields", "panorama"])
def test_a_panorama_is_analysed_on_the_command_line(
    section: SectionFields, model_folder: Path, tmp_path: Path, segmented: str
) -> None:
    tiles = []
    for field in section.fields:
        tiles.append(tmp_path / f"{field.name}.png")
        tiles[-1].write_bytes(encode_png(field.image))
    out, report = tmp_path / "p.tif", tmp_path / "p.json"
    words = ["stitch", *tiles, "--out", out, "--report", report, "--models", model_folder]
    words += ["--analyse", tmp_path / "analysis", "--segment", segmented]
    assert petroserve.main([str(word) for word in words]) == 0
    labels = decode_labels((tmp_path / "analysis" / "labels.png").read_bytes())
    content = json.loads(report.read_text())
    assert labels.shape == (content["height_px"], content["width_px"])
    result = json.loads((tmp_path / "analysis" / "result.json").read_text())
    assert result["provenance"]["parameters"]["segmented"] == segmented
    # A rectangle of places has corners that no field reaches: black in the panorama, no mineral.
    unlabelled_px = result["modal_basis"]["unlabelled_px"]
    assert unlabelled_px == np.count_nonzero(labels == 255) > 0
    share = f"{unlabelled_px / labels.size:.2%} of the image"
    assert any("no field" in one and share in one for one in result["degradations"])

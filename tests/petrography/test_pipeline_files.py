from __future__ import annotations

import errno
from functools import partial

import numpy as np
import pytest

from petrography.image_codec import (
    JPEG_MAX_SIDE_PX,
    decode_image,
    decode_labels,
    encode_png,
)
from petrography.model_card import sha256_hex
from petrography.pipeline import (
    MEDIA_TYPES,
    ON_REQUEST,
    AnalysisRequest,
    analyse_into,
    wanted_files,
    writing,
)
from petrography.pipeline.file_sink import FilesInMemory
from tests.petrography.pipeline_runs import painted_blocks, run
from tests.tiny_model import CODES, COLOURS


@pytest.fixture
def painted():
    return painted_blocks()


class DiskThatRefuses(FilesInMemory):
    """Takes all files but one."""

    def __init__(self, refused):
        super().__init__()
        self.refused = refused

    def create(self, name):
        if name == self.refused:
            raise OSError(errno.ENOSPC, "no space left", name)
        return super().create(name)


@pytest.mark.parametrize("refused", ["labels.png", "grains.csv", "provenance.json"])
def test_a_file_that_cannot_be_written_fails_the_analysis(painted, refused):
    # One that is begun before the statistics are there, one after them, and the last.
    sink = DiskThatRefuses(refused)
    with pytest.raises(OSError, match="no space left"):
        run(encode_png(painted[1]), do=partial(analyse_into, sink))
    assert "result.json" not in sink.content


def test_files_are_the_same_written_side_by_side_or_one_by_one(painted, monkeypatch):
    data = encode_png(painted[1])
    monkeypatch.setattr(writing, "_MAP_THREADS", 4)
    monkeypatch.setattr(writing, "_TABLE_THREADS", 4)
    side_by_side = run(data).result.artefacts
    monkeypatch.setattr(writing, "_MAP_THREADS", 1)
    monkeypatch.setattr(writing, "_TABLE_THREADS", 1)
    assert run(data).result.artefacts == side_by_side


def test_only_wanted_artefacts_are_made(painted):
    request = AnalysisRequest(outputs=("labels.png", "modal.csv"))
    analysis = run(encode_png(painted[1]), request)
    assert set(analysis.artefacts) == {"labels.png", "modal.csv", "provenance.json", "result.json"}


def test_every_artefact_is_listed_with_its_digest(painted):
    analysis = run(encode_png(painted[1]), href_prefix="/v1/analyses/a-1/")
    listed = {one.name: one for one in analysis.result.artefacts}
    assert set(analysis.artefacts) == set(listed) | {"result.json"}
    # That one takes views between crossed polars.
    assert set(analysis.artefacts) == set(MEDIA_TYPES) - {"anisotropy.png"} - ON_REQUEST
    for name, one in listed.items():
        assert one.sha256 == sha256_hex(analysis.artefacts[name])
        assert one.href == f"/v1/analyses/a-1/{name}"


@pytest.mark.parametrize("shape", [(1, 100_000), (100_000, 1)])
def test_an_image_too_long_for_a_jpeg_has_a_smaller_overlay_and_says_so(shape):
    image = np.full((*shape, 3), COLOURS[1], dtype=np.uint8)
    image[: shape[0] // 4 or 1, : shape[1] // 4 or 1] = COLOURS[2]
    analysis = run(encode_png(image))
    assert decode_labels(analysis.artefacts["labels.png"]).shape == shape
    assert decode_labels(analysis.artefacts["labels.ome.tif"]).shape == shape
    seen = decode_image(analysis.artefacts["overlay.jpg"]).pixels
    assert max(seen.shape) <= JPEG_MAX_SIDE_PX
    assert any("overlay.jpg shows the map at 1/2" in one for one in analysis.result.degradations)
    shares = {entry.code: entry.area_percent for entry in analysis.result.modal}
    assert shares[CODES[2]] == pytest.approx(25.0, abs=0.1)


def test_above_the_limit_of_png_the_maps_are_pyramids_and_the_result_says_so(painted, monkeypatch):
    data = encode_png(painted[1])
    whole = run(data, AnalysisRequest(outputs=("labels.png", "confidence.png"))).artefacts
    monkeypatch.setattr(wanted_files, "MAX_PNG_PX", painted[0].size - 1)

    analysis = run(data)

    assert not {"labels.png", "confidence.png"} & set(analysis.artefacts)
    assert {one.name for one in analysis.result.artefacts} == set(analysis.artefacts) - {
        "result.json"
    }
    for stem in ("labels", "confidence"):
        same = decode_labels(analysis.artefacts[f"{stem}.ome.tif"])
        np.testing.assert_array_equal(same, decode_labels(whole[f"{stem}.png"]))
    (said,) = (one for one in analysis.result.degradations if "labels.png" in one)
    assert f"{painted[0].size} pixels" in said
    assert f"at most {painted[0].size - 1}" in said
    assert "labels.ome.tif, confidence.ome.tif" in said


def test_only_a_png_that_was_wanted_has_a_stand_in(painted, monkeypatch):
    data = encode_png(painted[1])
    monkeypatch.setattr(wanted_files, "MAX_PNG_PX", painted[0].size - 1)
    one = run(data, AnalysisRequest(outputs=("confidence.png", "modal.csv")))
    always = {"provenance.json", "result.json"}
    assert set(one.artefacts) == {"confidence.ome.tif", "modal.csv"} | always
    assert any("confidence.ome.tif instead of confidence.png" in d for d in one.result.degradations)
    none = run(data, AnalysisRequest(outputs=("modal.csv",)))
    assert set(none.artefacts) == {"modal.csv"} | always
    assert not any(".png" in one for one in none.result.degradations)


def test_the_limit_of_png_itself_is_still_a_png(painted, monkeypatch):
    monkeypatch.setattr(wanted_files, "MAX_PNG_PX", painted[0].size)
    analysis = run(encode_png(painted[1]))
    assert {"labels.png", "confidence.png"} <= set(analysis.artefacts)
    assert "confidence.ome.tif" not in analysis.artefacts

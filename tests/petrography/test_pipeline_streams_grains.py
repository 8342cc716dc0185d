"""Files of grains are written grain by grain, and name the photograph."""

from __future__ import annotations

import io
import json
from functools import partial

import numpy as np
import pytest

from petrography.image_codec import encode_png
from petrography.model_card import sha256_hex
from petrography.pipeline import AnalysisRequest, analyse_into
from petrography.pipeline.file_sink import FilesInMemory
from petrography.report import Sample, grain_bands, label_image_files, label_image_result
from petrography.statistics import measure_grains, modal_composition
from tests.petrography.pipeline_runs import run
from tests.tiny_model import COLOURS

BY_GRAIN = ("grains.geojson", "grains.coco.json", "grains.csv")


class CountedWrites(FilesInMemory):
    """Keeps the most bytes that were written into each file at a time."""

    def __init__(self):
        super().__init__()
        self.largest = {}

    def create(self, name):
        file, largest = super().create(name), self.largest

        def write(part, write=file.write):
            largest[name] = max(largest.get(name, 0), len(part))
            return write(part)

        file.write = write
        return file


@pytest.fixture(scope="module")
def dotted():
    """Photograph of 400 grains of 4 x 4 px."""
    index = np.zeros((160, 160), dtype=np.intp)
    index.reshape(20, 8, 20, 8)[:, 2:6, :, 2:6] = 1
    return encode_png(COLOURS[index])


def test_no_file_of_grains_is_made_as_a_whole(dotted):
    sink = CountedWrites()
    request = AnalysisRequest(outputs=BY_GRAIN, min_grain_area_px=1)
    run(dotted, request, do=partial(analyse_into, sink))
    for name in BY_GRAIN:
        assert sink.content[name].count(b"\n") in {1, 401}
        assert sink.largest[name] < len(sink.content[name]) / 4


@pytest.mark.parametrize(
    ("field", "named"),
    [(None, None), ("B7 field-03.jpg", "B7 field-03.jpg"), ("../ann/secret.png", None)],
)
def test_coco_names_the_photograph_and_never_a_path(dotted, field, named):
    request = AnalysisRequest(outputs=("grains.coco.json",), sample=Sample(field=field))
    analysis = run(dotted, request)
    image = json.loads(analysis.artefacts["grains.coco.json"])["images"][0]
    assert image["file_name"] == (named or f"{sha256_hex(dotted)[:16]}.png")


def test_a_measured_label_image_is_named_and_says_what_is_not_drawn(monkeypatch):
    monkeypatch.setattr(grain_bands, "_MAX_RECTANGLE_PX", 100)
    labels = np.ones((40, 40), dtype=np.uint8)
    labels[:4, :4] = 6
    grains = measure_grains(labels)
    result = label_image_result(modal_composition(labels), grains, identity="a" * 64)
    assert any("outlines of 1 grains" in one for one in result.degradations)
    files = label_image_files(result, grains, outputs=("grains.coco.json",), file_name="map.png")
    document = json.loads(io.BytesIO(files["grains.coco.json"]).read())
    assert document["images"][0]["file_name"] == "map.png"
    assert [one["category_id"] for one in document["annotations"]] == [6]

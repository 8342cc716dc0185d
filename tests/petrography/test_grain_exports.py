"""Grains for other programs: band by band, GeoJSON for QuPath, COCO for trainers."""

from __future__ import annotations

import io
import json
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import shapely
import shapely.geometry
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from petrography.minerals import MINERALS
from petrography.report import (
    grain_bands as bands,
)
from petrography.report import (
    too_large_to_draw,
    write_grains_coco,
    write_grains_geojson,
)
from petrography.report.grain_bands import grain_bands
from petrography.statistics import Grains, measure_grains

Labels = NDArray[np.uint8]

BLOBS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=14),
    elements=st.sampled_from([0, 1, 1, 6]),
)


def grains_coco(grains: Grains, **options: Any) -> bytes:
    target = io.BytesIO()
    write_grains_coco(grains, target, **options)
    return target.getvalue()


def grains_geojson(grains: Grains, **options: Any) -> bytes:
    target = io.BytesIO()
    write_grains_geojson(grains, target, **options)
    return target.getvalue()


def section() -> Labels:
    """Grains of all heights: one as tall as the image, one that touches itself by a corner."""
    labels = np.zeros((700, 60), dtype=np.uint8)
    labels[:, 4:8] = 1
    labels[10:400, 20:50] = 8
    labels[100:300, 30:40] = 0
    labels[120:130, 32:38] = 8
    labels[600:610, 20:30] = 6
    labels[610:620, 30:40] = 6
    return labels


# --- bands -----------------------------------------------------------------------------------


@given(BLOBS, st.integers(1, 15))
@settings(deadline=None, max_examples=150)
def test_each_grain_is_whole_in_one_band(labels: Labels, band_rows: int) -> None:
    grains = measure_grains(labels, min_area_px=1)
    rebuilt = np.zeros_like(grains.component_map)
    expected = 1
    for band in grain_bands(grains, band_rows=band_rows):
        assert band.first_number == expected
        expected += band.count
        numbers = band.numbers[1:-1, 1:-1]
        assert np.count_nonzero(numbers) == np.count_nonzero(band.numbers)
        height, width = numbers.shape
        rows = slice(band.top_row, band.top_row + height)
        window = rebuilt[rows, band.left_column : band.left_column + width]
        inside = numbers > 0
        assert (window[inside] == 0).all()
        window[inside] = numbers[inside] + band.first_number - 1
    assert expected == len(grains) + 1
    assert (rebuilt == grains.component_map).all()


def test_a_band_holds_few_rows_of_the_map() -> None:
    labels = np.zeros((4000, 30), dtype=np.uint8)
    labels[::5, 3:20] = 1
    grains = measure_grains(labels)
    assert max(len(band.numbers) for band in grain_bands(grains, band_rows=100)) <= 202


def test_an_image_of_few_megapixels_is_one_band_and_a_larger_one_is_not() -> None:
    striped = np.zeros((12_000, 1000), dtype=np.uint8)
    striped[::50, 3:900] = 1
    large, small = measure_grains(striped), measure_grains(striped[:9000])
    assert len(list(grain_bands(small))) == 1
    bands = list(grain_bands(large))
    assert len(bands) > 1
    assert max(band.numbers.size for band in bands) < 10_000_000


# --- GeoJSON ---------------------------------------------------------------------------------


def test_qupath_finds_what_it_reads_in_every_feature() -> None:
    grains = measure_grains(section())
    collection = json.loads(grains_geojson(grains, identity="a1", um_per_px=0.5))
    assert collection.keys() == {"type", "features"}
    for number, feature in enumerate(collection["features"], start=1):
        assert feature.keys() == {"type", "id", "geometry", "properties"}
        assert UUID(feature["id"]).version == 5
        shape = shapely.geometry.shape(feature["geometry"])
        assert shapely.is_valid(shape), shapely.is_valid_reason(shape)
        rows, columns = np.nonzero(grains.component_map == number)
        assert shape.area == len(rows)
        assert shapely.contains_xy(shape, columns + 0.5, rows + 0.5).all()
        assert rings_are_closed(feature["geometry"])
        properties = feature["properties"]
        assert properties["objectType"] == "detection"
        assert {"name", "color"} == properties["classification"].keys()
        # A dictionary of finite numbers: lists of pairs are the form of older versions.
        assert all(isinstance(value, int | float) for value in properties["measurements"].values())


def rings_are_closed(geometry: dict[str, Any]) -> bool:
    polygons = geometry["coordinates"]
    polygons = [polygons] if geometry["type"] == "Polygon" else polygons
    return all(len(ring) >= 5 and ring[0] == ring[-1] for polygon in polygons for ring in polygon)


def test_features_are_written_one_after_the_other() -> None:
    class Counting(io.BytesIO):
        longest = 0

        def write(self, part: Any, /) -> int:
            self.longest = max(self.longest, len(part))
            return super().write(part)

    labels = np.kron(np.eye(40, dtype=np.uint8), np.ones((6, 6), dtype=np.uint8))
    labels[:, ::6] = 0
    grains = measure_grains(labels)
    target = Counting()
    write_grains_geojson(grains, target, identity="a1")
    assert len(grains) == 40
    assert target.longest < 2 * len(target.getvalue()) / 40


def test_no_grains_are_an_empty_collection() -> None:
    empty = measure_grains(np.zeros((4, 4), dtype=np.uint8))
    assert json.loads(grains_geojson(empty, identity="a1"))["features"] == []


# --- COCO ------------------------------------------------------------------------------------


def read_coco(grains: Grains, folder: Any, capsys: pytest.CaptureFixture[str]) -> COCO:
    path = folder / "grains.coco.json"
    path.write_bytes(grains_coco(grains, file_name="section.png"))
    coco = COCO(str(path))
    capsys.readouterr()
    return coco


# Its decoder has not followed NumPy 2 in a keyword.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_every_grain_back(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    grains = measure_grains(section())
    coco = read_coco(grains, tmp_path, capsys)
    assert coco.imgs[1] == {"id": 1, "width": 60, "height": 700, "file_name": "section.png"}
    for number, code in enumerate(grains.code.tolist(), start=1):
        annotation = coco.anns[number]
        assert (coco.annToMask(annotation) == (grains.component_map == number)).all()
        assert coco.cats[annotation["category_id"]]["name"] == MINERALS[code].name
        encoded = coco.annToRLE(annotation)
        assert annotation["area"] == coco_mask.area(encoded)
        assert annotation["bbox"] == coco_mask.toBbox(encoded).tolist()
        assert annotation["iscrowd"] == 0


@given(BLOBS)
@settings(deadline=None, max_examples=150)
def test_masks_of_any_grains_come_back(labels: Labels) -> None:
    grains = measure_grains(labels, min_area_px=1)
    annotations = json.loads(grains_coco(grains))["annotations"]
    assert len(annotations) == len(grains)
    for annotation in annotations:
        counts = annotation["segmentation"]["counts"]
        inside = np.arange(len(counts)) % 2
        mask = np.repeat(inside, counts).reshape(labels.shape, order="F")
        assert (mask == (grains.component_map == annotation["id"])).all()
        assert all(counts[1:]), "runs that meet are one run"


def test_equal_grains_give_equal_bytes() -> None:
    first, second = measure_grains(section()), measure_grains(section())
    assert grains_coco(first) == grains_coco(second)
    assert grains_geojson(first, identity="a") == grains_geojson(second, identity="a")


def test_a_grain_that_reaches_over_too_much_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    grains = measure_grains(section(), min_area_px=1)
    whole = {one["id"]: one for one in json.loads(grains_geojson(grains, identity="a"))["features"]}
    annotated = json.loads(grains_coco(grains))["annotations"]
    monkeypatch.setattr(bands, "_MAX_RECTANGLE_PX", 390 * 30 - 1)
    left_out = too_large_to_draw(grains)
    assert grains.code[left_out].tolist() == [8]
    features = json.loads(grains_geojson(grains, identity="a"))["features"]
    assert len(features) == len(grains) - 1
    assert all(whole[one["id"]] == one for one in features)
    drawn = json.loads(grains_coco(grains))["annotations"]
    assert drawn == [one for one in annotated if one["id"] != 2]

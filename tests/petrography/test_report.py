"""Report: result.json and its schema, tables, exact outlines, the picture."""

from __future__ import annotations

import csv
import io
import json
import math
import uuid
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import shapely
import shapely.geometry
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pydantic import ValidationError

from petrography.errors import DamagedResultError, InvalidParameterError, LabelImageError
from petrography.minerals import MINERALS, UNLABELLED_CODE
from petrography.report import (
    Quality,
    Result,
    Sample,
    Scale,
    definitions,
    grain_entries,
    grain_polygons,
    modal_basis,
    modal_entries,
    modal_table,
    overlay,
    parse_result,
    result_json,
    result_schema,
    result_schema_json,
    rounded_elements,
    tabulated_grains,
    tabulated_modal,
    write_grains_geojson,
)
from petrography.statistics import Grains, measure_grains, modal_composition, summarise_grains
from tests.petrography.written_csv import csv_text

Labels = NDArray[np.uint8]

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "result.schema.json"
BLOBS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=14),
    elements=st.sampled_from([0, 1, 1, 6]),
)


def section() -> Labels:
    labels = np.zeros((120, 160), dtype=np.uint8)
    labels[10:20, 10:20] = 1
    labels[40:100, 50:140] = 8
    labels[60:80, 80:100] = 0
    labels[100:104, 100:104] = 6
    labels[110, 5:8] = 2
    return labels


def report(labels: Labels, *, um_per_px: float | None = None, **fields: Any) -> Result:
    composition, grains = modal_composition(labels), measure_grains(labels)
    known: dict[str, Any] = {
        "id": "a1",
        "model": None,
        "scale": None if um_per_px is None else Scale(um_per_px=um_per_px, source="request"),
        "modal": modal_entries(composition, um_per_px=um_per_px),
        "modal_basis": modal_basis(composition),
        "element_percent": rounded_elements(composition),
        "grains": grain_entries(summarise_grains(grains), um_per_px=um_per_px),
        "quality": Quality(
            focus=0.1,
            clipping=0.0,
            dark_fraction=0.0,
            hue_distance=None,
            calibrate_first=False,
            colour_distance=None,
            warnings=(),
        ),
        "degradations": (),
        "uncertainty": None,
        "timings_s": {"statistics": 0.1},
        "artefacts": (),
        "definitions": definitions(composition, grains),
        "provenance": {},
    }
    return Result(**(known | fields))


def polygon_area(rings: list[NDArray[np.int64]]) -> float:
    x_y = [ring.T for ring in rings]
    return sum(float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) / 2 for x, y in x_y)


# --- result.json -----------------------------------------------------------------------------


def test_the_committed_schema_is_the_generated_one() -> None:
    # After a wanted change: write result_schema_json() to the file again.
    assert SCHEMA_FILE.read_text(encoding="utf-8") == result_schema_json()


@pytest.mark.parametrize("um_per_px", [None, 0.5])
@pytest.mark.parametrize("labels", [section(), np.zeros((1, 1), np.uint8), np.full((9, 9), 32)])
def test_results_keep_the_schema_and_read_back_equal(
    labels: Labels, um_per_px: float | None
) -> None:
    result = report(labels.astype(np.uint8), um_per_px=um_per_px)
    text = result_json(result)
    jsonschema.Draft202012Validator.check_schema(result_schema())
    jsonschema.validate(json.loads(text), result_schema())
    assert parse_result(text, source="result.json") == result


@pytest.mark.parametrize("refusal", [InvalidParameterError, DamagedResultError])
def test_what_is_no_result_is_refused_as_the_caller_wants_and_in_few_words(
    refusal: type[InvalidParameterError | DamagedResultError],
) -> None:
    other = json.dumps({f"key{number}": number for number in range(9999)}).encode()
    with pytest.raises(refusal, match=r"^field\.json is no result\.json: id: Field req") as refused:
        parse_result(other, source="field.json", refusal=refusal)
    assert len(str(refused.value)) < 500


def test_the_fixed_names_are_there() -> None:
    found = json.loads(result_json(report(section(), um_per_px=0.5)))
    assert {
        "id", "version", "status", "sample", "model", "scale", "modal", "modal_basis",
        "element_percent", "grains", "contacts", "quality", "degradations", "uncertainty",
        "timings_s", "artefacts", "definitions", "provenance",
    } <= found.keys()  # fmt: skip
    assert {"code", "symbol", "name", "area_percent", "ci95", "area_um2", "mass_percent"} <= found[
        "modal"
    ][0].keys()
    assert found["grains"]["Ccp"]["count"] == 1
    assert found["grains"]["Ccp"]["area_um2"] == 25.0
    assert found["grains"]["Ccp"]["ecd_um"]["area_p80"] == pytest.approx(
        math.sqrt(400 / math.pi) / 2, abs=5e-4
    )


def test_without_a_scale_physical_fields_are_null() -> None:
    result = report(section())
    assert result.scale is None
    assert all(entry.area_um2 is None for entry in result.modal)
    assert all(entry.ecd_um is None for entry in result.grains.values())
    assert result.grains["Ccp"].ecd_px is not None


def test_definitions_carry_the_settings_that_were_used() -> None:
    labels = section()
    stated = definitions(modal_composition(labels), measure_grains(labels, min_area_px=7))
    assert "below 7 px" in stated["minimum_size"]
    assert "8-connected" in stated["grain"]
    assert f"{modal_composition(labels).design.blocks} blocks" in stated["ci95"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_json_cannot_hold_are_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        report(section(), provenance={"deep": [{"inside": value}]})
    with pytest.raises(ValidationError, match="finite"):
        report(section(), timings_s={"statistics": value})


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="extra"):
        report(section(), purity={})


# --- tables ----------------------------------------------------------------------------------


def test_modal_csv_has_a_row_a_phase_and_empty_cells_for_null() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(tabulated_modal(report(section()))))))
    assert [row["symbol"] for row in rows] == ["Bg", "Ccp", "Gn", "Py/Mrc", "Sp"]
    background, copper, *_ = rows
    assert (background["ore_percent"], background["grains"], background["area_um2"]) == ("", "", "")
    assert float(copper["area_percent"]) == pytest.approx(100 * 100 / labels_size(), abs=1e-4)
    assert float(copper["ci95_low"]) < float(copper["area_percent"]) < float(copper["ci95_high"])


def labels_size() -> int:
    return section().size


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("SEC-0001", "SEC-0001"),
        ('a,"b"\nc', 'a,"b"\nc'),
    ],
)
def test_free_text_is_no_formula_and_breaks_no_row(text: str, cell: str) -> None:
    result = report(section(), sample=Sample.model_construct(id=text))
    rows = list(csv.DictReader(io.StringIO(csv_text(tabulated_modal(result)), newline="")))
    assert {row["sample_id"] for row in rows} == {cell}
    assert len(rows) == len(result.modal)


def test_grains_csv_starts_as_agreed_and_is_empty_where_unscaled() -> None:
    grains = measure_grains(section())
    text = csv_text(tabulated_grains(grains))
    assert text.startswith("id,code,symbol,area_px,area_um2,ecd_px,ecd_um,")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(grains) == 3
    assert (rows[0]["area_px"], rows[0]["area_um2"], rows[0]["ecd_um"]) == ("100", "", "")
    scaled = next(csv.DictReader(io.StringIO(csv_text(tabulated_grains(grains, um_per_px=0.5)))))
    assert (scaled["area_um2"], scaled["ecd_px"], scaled["ecd_um"]) == ("25.000", "11.284", "5.642")


def test_the_terminal_table_is_aligned() -> None:
    lines = modal_table(report(section())).split("\n")
    assert lines[0].split() == ["symbol", "name", "area", "%", "95", "%", "interval", "ore", "%", "grains"]  # fmt: skip
    assert len({len(line) for line in lines}) == 1
    assert lines[2].startswith("Ccp     chalcopyrite")
    assert lines[1].split()[-2:] == ["–", "–"]


# --- outlines --------------------------------------------------------------------------------


def test_a_square_is_four_corners() -> None:
    labels = np.zeros((30, 30), dtype=np.uint8)
    labels[5:15, 8:18] = 1
    [[[ring]]] = grain_polygons(measure_grains(labels))
    assert ring.tolist() == [[8, 5], [18, 5], [18, 15], [8, 15], [8, 5]]


def test_a_hole_is_an_inner_ring_and_a_grain_inside_it_another_grain() -> None:
    labels = np.zeros((9, 9), dtype=np.uint8)
    labels[1:8, 1:8] = 1
    labels[2:7, 2:7] = 0
    labels[4, 4] = 1
    outer, inner = grain_polygons(measure_grains(labels, min_area_px=1))
    assert [len(polygon) for polygon in outer] == [2]
    assert [len(polygon) for polygon in inner] == [1]
    assert polygon_area(outer[0]) == 24


def test_pixels_that_touch_by_a_corner_are_pieces_of_one_grain() -> None:
    labels = np.eye(3, dtype=np.uint8)
    (pieces,) = grain_polygons(measure_grains(labels, min_area_px=1))
    assert [polygon_area(piece) for piece in pieces] == [1, 1, 1]


@given(BLOBS)
@settings(deadline=None, max_examples=150)
def test_outlines_are_valid_and_have_the_area_of_the_grain(labels: Labels) -> None:
    grains = measure_grains(labels, min_area_px=1)
    traced = list(grain_polygons(grains))
    assert len(traced) == len(grains)
    for number, polygons in enumerate(traced, start=1):
        shape = shapely.MultiPolygon([(rings[0], rings[1:]) for rings in polygons])
        assert shapely.is_valid(shape), shapely.is_valid_reason(shape)
        assert shape.area == grains.area_px[number - 1]
        rows, columns = np.nonzero(grains.component_map == number)
        assert shapely.contains_xy(shape, columns + 0.5, rows + 0.5).all()
        for rings in polygons:
            assert polygon_area(rings[:1]) > 0
            assert all(polygon_area([hole]) < 0 for hole in rings[1:])


def test_no_grains_no_outlines() -> None:
    assert list(grain_polygons(measure_grains(np.zeros((4, 4), dtype=np.uint8)))) == []


# --- GeoJSON ---------------------------------------------------------------------------------


def read_geojson(grains: Grains, **options: Any) -> list[dict[str, Any]]:
    target = io.BytesIO()
    write_grains_geojson(grains, target, **({"identity": "a1"} | options))
    collection = json.loads(target.getvalue())
    assert collection["type"] == "FeatureCollection"
    features: list[dict[str, Any]] = collection["features"]
    return features


def test_features_are_what_qupath_reads() -> None:
    grains = measure_grains(section())
    features = read_geojson(grains, um_per_px=0.5)
    for feature, area_px, code in zip(features, grains.area_px, grains.code, strict=True):
        assert feature["type"] == "Feature"
        assert str(uuid.UUID(feature["id"])) == feature["id"]
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        assert shape.area == area_px
        properties = feature["properties"]
        assert properties["objectType"] == "detection"
        assert properties["classification"] == {
            "name": MINERALS[int(code)].name,
            "color": list(MINERALS[int(code)].colour_rgb),
        }
        assert properties["measurements"]["area_px"] == area_px
        assert properties["measurements"]["area_um2"] == area_px / 4


def test_a_grain_in_one_piece_is_a_polygon_and_in_several_a_multipolygon() -> None:
    labels = np.zeros((9, 9), dtype=np.uint8)
    labels[0:3, 0:3] = 1
    labels[3, 3] = 1
    labels[6:9, 6:9] = 1
    types = [
        feature["geometry"]["type"]
        for feature in read_geojson(measure_grains(labels, min_area_px=1))
    ]
    assert types == ["MultiPolygon", "Polygon"]


def test_identifiers_are_fixed_by_the_analysis() -> None:
    grains = measure_grains(section())
    assert read_geojson(grains) == read_geojson(grains)
    first, second = (
        {f["id"] for f in read_geojson(grains, identity=name)} for name in ("a1", "a2")
    )
    assert len(first) == 3
    assert not first & second


def test_without_a_scale_measurements_are_in_pixels_only() -> None:
    measured = read_geojson(measure_grains(section()))[0]["properties"]["measurements"]
    assert {"area_px", "ecd_px", "touches_edge", "feret_max_px"} <= measured.keys()
    assert not [name for name in measured if "_um" in name]


# --- overlay ---------------------------------------------------------------------------------


def test_background_stays_the_photograph_and_minerals_are_tinted() -> None:
    labels = section()
    labels[0:5, 0:5] = 255
    photograph = np.random.default_rng(0).integers(0, 256, (*labels.shape, 3), dtype=np.uint8)
    before = photograph.copy()
    picture = overlay(photograph, labels, legend=False)
    assert picture.shape == photograph.shape
    bare = (labels == 0) | (labels == 255)
    assert (picture[bare] == photograph[bare]).all()
    assert (photograph == before).all()
    # Inside a grain: 65 % photograph, 35 % colour, within rounding; its rim is the pure colour.
    colour = np.array(MINERALS[8].colour_rgb)
    np.testing.assert_allclose(picture[50, 60], 0.65 * before[50, 60] + 0.35 * colour, atol=1)
    assert picture[40, 50].tolist() == list(MINERALS[8].colour_rgb)


def test_the_picture_does_not_depend_on_how_it_is_cut_into_bands() -> None:
    rng = np.random.default_rng(2)
    labels = np.kron(rng.choice([0, 1, 6], (70, 8)), np.ones((16, 16))).astype(np.uint8)
    photograph = rng.integers(0, 256, (*labels.shape, 3), dtype=np.uint8)
    whole = overlay(photograph, labels, legend=False)
    # 1120 rows are painted in bands of 512; cut at row 560 the halves are painted in others.
    upper = overlay(photograph[:600], labels[:600], legend=False)
    assert (whole[:560] == upper[:560]).all()


@pytest.mark.parametrize("shape", [(1, 1), (7, 40), (300, 90), (400, 1200)])
def test_the_legend_fits_below_pictures_of_any_size(shape: tuple[int, int]) -> None:
    labels = np.resize(np.arange(14, dtype=np.uint8), shape)
    picture = overlay(np.zeros((*shape, 3), dtype=np.uint8), labels)
    assert picture.shape[1:] == (shape[1], 3)
    assert picture.shape[0] > shape[0]


def test_where_nothing_is_labelled_there_is_no_legend() -> None:
    photograph = np.full((40, 60, 3), 90, dtype=np.uint8)
    picture = overlay(photograph, np.full((40, 60), UNLABELLED_CODE, dtype=np.uint8))
    assert np.array_equal(picture, photograph)


def test_each_phase_has_a_swatch_in_the_legend() -> None:
    labels = section()
    picture = overlay(np.zeros((*labels.shape, 3), dtype=np.uint8), labels)
    strip = picture[labels.shape[0] :].reshape(-1, 3)
    for code in np.unique(labels):
        assert (strip == MINERALS[int(code)].colour_rgb).all(axis=1).sum() > 50


def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(LabelImageError, match="same size"):
        overlay(np.zeros((4, 4, 3), dtype=np.uint8), np.zeros((4, 5), dtype=np.uint8))

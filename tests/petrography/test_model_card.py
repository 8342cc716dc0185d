from __future__ import annotations

import json

import pytest

from petrography.errors import ModelCardError
from petrography.model_card import parse_card, sha256_hex
from tests.tiny_model import card_fields, nearest_colour_model


@pytest.fixture(scope="module")
def fields():
    return card_fields(nearest_colour_model().SerializeToString())


def parsed(fields):
    return parse_card(json.dumps(fields).encode(), source="model.json")


def test_a_card_comes_back_as_it_was_written(fields):
    card = parsed(fields)
    assert parse_card(card.model_dump_json().encode(), source="again") == card


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"onnx_sha256": "abc"}, "onnx_sha256: String should match"),
        ({"classes": [0, 99]}, r"unknown: \[99\]"),
        ({"classes": [0, 1, 1]}, "must be different mineral codes"),
        ({"classes": [0]}, "classes: .*at least 2"),
        ({"mean": [0.0]}, "channels, mean and std must have the same length"),
        ({"std": [1.0, 0.0, 1.0]}, "std.1: Input should be greater than 0"),
        ({"um_per_px": float("nan")}, "um_per_px: Input should be"),
        ({"um_per_px": -1}, "um_per_px: Input should be greater than 0"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"name": "../evil"}, "name: String should match"),
        ({"version": 0}, "version: Input should be greater"),
        ({"training_colours_rgb": {"3": [1, 2, 3]}}, r"training_colours_rgb names \{3\}"),
        ({"schema_version": 2}, "schema_version: Input should be 1"),
    ],
)
def test_every_mistake_is_named(fields, changes, message):
    with pytest.raises(ModelCardError, match=f"model.json is no valid model card: .*{message}"):
        parsed(fields | changes)


@pytest.mark.parametrize(
    ("tile", "message"),
    [
        ({"size_px": 64, "multiple_px": 16, "mode": "halo", "halo_px": 32}, "leaves no core"),
        ({"size_px": 72, "multiple_px": 16, "mode": "blend"}, "must be multiples of multiple_px"),
        ({"size_px": 16, "multiple_px": 16, "mode": "blend"}, "size_px: Input should be greater"),
        ({"size_px": 64, "multiple_px": 16, "mode": "crop"}, "mode: Input should be 'halo'"),
        (
            {"size_px": 64, "multiple_px": 8, "mode": "blend", "overlap_fraction": 0.9},
            "overlap_fraction: Input should be less",
        ),
    ],
)
def test_an_impossible_tile_is_named(fields, tile, message):
    with pytest.raises(ModelCardError, match=message):
        parsed(fields | {"tile": tile})


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_card_is_refused(data):
    with pytest.raises(ModelCardError, match=r"model\.json is no valid model card"):
        parse_card(data, source="model.json")


@pytest.mark.parametrize("field", ["classes", "onnx_sha256", "training", "calibration", "tile"])
def test_a_missing_field_is_named(fields, field):
    with pytest.raises(ModelCardError, match=f"{field}: Field required"):
        parsed({name: value for name, value in fields.items() if name != field})


def test_digest_of_nothing():
    # FIPS 180-4, SHA-256 of the empty message.
    assert sha256_hex(b"").startswith("e3b0c44298fc1c14")

"""A colour reference that cannot be used is refused when it is read, and a calibration names it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from petrography.calibration import (
    ColourCalibration,
    ColourReference,
    build_reference,
    fit_calibration,
    lumenstone_reference,
    parse_calibration,
    parse_reference,
)
from petrography.errors import InvalidParameterError
from petrography.stored_documents import content_sha256
from tests.petrography.coloured_patches import patches, reference_of

ONE = {"code": 1, "colour_rgb": [200.0, 180.0, 90.0], "spread": 1.0, "images": 1, "area_px": 9}


def content(**changes: Any) -> bytes:
    return json.dumps({"name": "n", "source": "s", "colours": [ONE], **changes}).encode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colours": [ONE, ONE]}, r"codes \[1\] more than once"),
        ({"white_rgb": [0.0, 0.0, 0.0]}, "at least 1 in every channel"),
        ({"white_rgb": [200.0, 200.0, 0.5]}, "at least 1 in every channel"),
        ({"white_rgb": [float("nan"), 200.0, 200.0]}, "0 to 255"),
        ({"white_rgb": [200.0, 200.0, 300.0]}, "0 to 255"),
        ({"colours": [ONE | {"colour_rgb": [-1.0, 2.0, 3.0]}]}, "0 to 255"),
        ({"colours": [ONE | {"spread": float("inf")}]}, "finite number"),
    ],
)
def test_a_reference_that_cannot_be_used_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        parse_reference(content(**changes), source="ref.json")
    with pytest.raises(ValidationError, match=words):
        ColourReference.model_validate_json(content(**changes))


def test_a_reference_is_not_built_with_a_white_without_light() -> None:
    with pytest.raises(InvalidParameterError, match="at least 1 in every channel"):
        build_reference([patches()], "n", "s", white_rgb=(0.0, 0.0, 0.0))


def test_a_calibration_names_the_digest_of_its_reference() -> None:
    pixels, labels = patches()
    reference = reference_of(pixels, labels)
    other = reference.model_copy(update={"source": "elsewhere"})
    one, two = (fit_calibration(pixels, labels, each) for each in (reference, other))

    assert one.reference_sha256 == reference.sha256 != other.sha256
    assert one.reference == two.reference
    assert one.id != two.id


def test_the_date_of_a_calibration_is_no_part_of_its_id() -> None:
    made = fit_calibration(*patches(), lumenstone_reference())
    dated = made.model_copy(update={"made_utc": "2026-01-31T12:00:00+00:00"})

    assert parse_calibration(dated.model_dump_json().encode(), source="c.json") == dated
    assert dated.id == made.id


def test_a_calibration_of_old_is_still_read() -> None:
    old = fit_calibration(*patches(), lumenstone_reference()).model_dump(mode="json")
    for name in ("id", "made_utc", "reference_sha256"):
        del old[name]

    read = ColourCalibration.model_validate_json(json.dumps({"id": content_sha256(old), **old}))

    assert read.reference_sha256 is None
    with pytest.raises(ValidationError, match="altered"):
        ColourCalibration.model_validate_json(
            json.dumps({"id": content_sha256(old), **old, "reference_sha256": "0" * 64})
        )

"""A matcher in an ONNX file, from its ports to a panorama."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import petroserve
from petrography.errors import ConfigurationError
from petrography.image_codec import encode_png
from petrography.phantoms import SectionFields, phantom, section_fields
from petrography.stitching import stitch
from service.runtime import OnnxMatcher, open_matcher
from service.settings import Settings
from tests.patch_matcher import patch_matcher
from tests.petrography.panorama_truth import as_fields, error_px
from tests.tiny_model import nearest_colour_model

HEIGHT_PX, WIDTH_PX = 160, 208
SHIFT_X, SHIFT_Y = 70, 24
SETTINGS = Settings(provider="cpu", threads=1)


def opened(folder: Path, content: bytes) -> OnnxMatcher:
    path = folder / "matcher.onnx"
    path.write_bytes(content)
    return open_matcher(path, SETTINGS)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    return phantom("S2", 4, 2 * HEIGHT_PX, 2 * WIDTH_PX).image


@pytest.fixture(scope="module")
def section() -> SectionFields:
    return section_fields("S2", 7, 2, 2, height_px=240, width_px=320, overlap=0.35)


@pytest.mark.parametrize(
    "names", [("keypoints0", "keypoints1", "confidence"), ("mkpts0_f", "mkpts1_f", "mconf")]
)
def test_pairs_are_a_known_shift_apart(
    tmp_path: Path, scene: np.ndarray, names: tuple[str, str, str]
) -> None:
    matcher = opened(tmp_path, patch_matcher(HEIGHT_PX, WIDTH_PX, names=names))
    first = scene[:HEIGHT_PX, :WIDTH_PX]
    second = scene[SHIFT_Y : SHIFT_Y + HEIGHT_PX, SHIFT_X : SHIFT_X + WIDTH_PX]
    matches = matcher(first, second)
    gaps = matches.first_xy - matches.second_xy - [SHIFT_X, SHIFT_Y]
    seen = (matches.first_xy >= [SHIFT_X + 8, SHIFT_Y + 8]).all(axis=1)
    assert seen.sum() > 20
    assert np.median(np.abs(gaps[seen])) == 0.0


def test_points_of_a_reduced_picture_are_those_of_the_given_one(
    tmp_path: Path, scene: np.ndarray
) -> None:
    matcher = opened(tmp_path, patch_matcher(HEIGHT_PX, WIDTH_PX))
    matches = matcher(scene, scene)
    # The picture is shown at half its size: half a pixel there is one of the given picture.
    assert np.median(np.abs(matches.first_xy - matches.second_xy)) <= 1.0
    assert matches.first_xy[0] == pytest.approx([15.5, 15.5])
    assert matches.first_xy.max() > 1.5 * WIDTH_PX


def test_a_panorama_by_a_matcher_is_as_good_as_one_by_features(
    tmp_path: Path, section: SectionFields
) -> None:
    told: list[tuple[str, int, int]] = []
    report = stitch(
        as_fields(section),
        matcher=opened(tmp_path, patch_matcher(240, 320)),
        on_progress=lambda *step: told.append(step),
    ).report
    assert {edge.method for edge in report.edges} == {"matcher"}
    assert len(report.tiles) == 4
    assert error_px(report, section) <= 0.5
    assert ("look", 4, 4) in told
    assert ("compare", 6, 6) in told
    assert ("measure", 4, 4) in told


def test_the_command_line_takes_a_matcher(tmp_path: Path, section: SectionFields) -> None:
    tiles = []
    for field in section.fields:
        tiles.append(tmp_path / f"{field.name}.png")
        tiles[-1].write_bytes(encode_png(field.image))
    matcher = tmp_path / "matcher.onnx"
    matcher.write_bytes(patch_matcher(240, 320))
    report = tmp_path / "report.json"
    words = [*tiles, "--out", tmp_path / "p.tif", "--report", report, "--matcher", matcher]
    assert petroserve.main(["stitch", *map(str, words)]) == 0
    assert {edge["method"] for edge in json.loads(report.read_text())["edges"]} == {"matcher"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no graph", "cannot be opened"),
        (nearest_colour_model().SerializeToString(), "wanted outputs keypoints0, keypoints1"),
    ],
)
def test_what_is_no_matcher_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        opened(tmp_path, content)

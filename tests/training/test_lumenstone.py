from __future__ import annotations

import cv2
import numpy as np
import pytest

from petrography.errors import ConfigurationError
from tests.training.lumenstone_folder import S1_CODES, S2_CODES, paint_folder
from training.lumenstone import Layout, data_sha256, find_fields, load_field, load_fields

SUBSETS = {"S1v1": "S1", "S2v1": "S2"}


@pytest.fixture
def folder(tmp_path):
    return paint_folder(tmp_path, per_subset=10)


def test_finds_images_with_their_masks_and_associations(folder):
    fields = find_fields(folder, SUBSETS)
    assert [field.name for field in fields[:2]] == ["S1v1/a00", "S1v1/a01"]
    assert {field.annotated for field in fields} == {S1_CODES, S2_CODES}
    assert len(fields) == 20


def test_loads_image_truth_and_what_the_subset_annotates(folder):
    field = load_field(find_fields(folder, SUBSETS)[0])
    assert field.image.shape == (80, 112, 3)
    assert field.truth.shape == (80, 112)
    assert field.annotated == S1_CODES
    assert set(np.unique(field.truth)) == set(S1_CODES)


def test_resampling_keeps_image_and_truth_together(folder):
    field = load_field(find_fields(folder, SUBSETS)[0], resampling_factor=0.5)
    assert field.image.shape[:2] == field.truth.shape == (40, 56)
    assert set(np.unique(field.truth)) <= set(S1_CODES)


def test_many_fields_come_in_the_order_asked_for(folder):
    paths = find_fields(folder, SUBSETS)[::-1]
    assert [field.name for field in load_fields(paths)] == [path.name for path in paths]


def test_an_image_without_mask_is_named(folder):
    (folder / "S1v1" / "masks" / "train" / "a03.png").unlink()
    with pytest.raises(ConfigurationError, match=r"a03\.png has no mask; wanted .*a03\.png"):
        find_fields(folder, SUBSETS)


def test_a_mask_with_foreign_codes_is_named(folder):
    path = folder / "S1v1" / "masks" / "train" / "a03.png"
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    mask[:4, :4] = 5
    cv2.imwrite(str(path), mask)
    with pytest.raises(ConfigurationError, match=r"a03\.png.*holds codes \[5\]"):
        load_field(find_fields(folder, SUBSETS)[3])


def test_a_mask_of_another_size_is_named(folder):
    path = folder / "S1v1" / "masks" / "train" / "a03.png"
    cv2.imwrite(str(path), np.zeros((80, 111), dtype=np.uint8))
    with pytest.raises(ConfigurationError, match=r"a03\.png.*\(80, 112\), mask is \(80, 111\)"):
        load_field(find_fields(folder, SUBSETS)[3])


def test_a_corrupt_image_is_named(folder):
    (folder / "S1v1" / "imgs" / "train" / "a03.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    with pytest.raises(ConfigurationError, match=r"a03\.png.*cannot be used"):
        load_field(find_fields(folder, SUBSETS)[3])


@pytest.mark.parametrize(
    ("subsets", "message"),
    [
        ({"S9": "S1"}, "S9/imgs/train is no folder"),
        ({"S1v1": "S7"}, "association names 'S7'; wanted"),
    ],
)
def test_a_wrong_layout_is_explained(folder, subsets, message):
    with pytest.raises(ConfigurationError, match=message):
        find_fields(folder, subsets)


def test_digest_changes_with_one_pixel(folder):
    paths = find_fields(folder, SUBSETS)
    before = data_sha256(paths)
    mask = cv2.imread(str(paths[0].mask), cv2.IMREAD_UNCHANGED)
    mask[0, 0] = 8 if mask[0, 0, 0] != 8 else 6
    cv2.imwrite(str(paths[0].mask), mask)
    assert data_sha256(paths) != before


@pytest.fixture
def elsewhere(tmp_path):
    """Photographs and masks of another layout, 1 for chalcopyrite and 4 for pyrite."""
    folder = paint_folder(tmp_path / "lumenstone", per_subset=2)
    for kind, name in (("imgs", "ppl"), ("masks", "truth")):
        (folder / "S1v1" / kind / "train").rename(tmp_path / name)
    for mask in (tmp_path / "truth").iterdir():
        truth = np.zeros((80, 112), dtype=np.uint8)
        truth[:16], truth[16:32], truth[32:33] = 1, 4, 255
        cv2.imwrite(str(mask), truth)
    return tmp_path


def test_another_layout_with_codes_of_its_own_is_read(elsewhere):
    layout = Layout(images="ppl", masks="truth", mask_codes={0: 0, 1: 1, 4: 6})
    (first, second) = find_fields(elsewhere, {"mine": "0,1,6"}, layout=layout)
    field = load_field(first)
    assert (first.name, second.name) == ("mine/a00", "mine/a01")
    assert field.annotated == (0, 1, 6)
    assert field.truth[[0, 20, 32, 60], 0].tolist() == [1, 6, 255, 0]


def test_a_mask_code_without_meaning_is_named(elsewhere):
    layout = Layout(images="ppl", masks="truth", mask_codes={0: 0, 1: 1})
    paths = find_fields(elsewhere, {"mine": "0,1,6"}, layout=layout)
    with pytest.raises(
        ConfigurationError, match=r"a00\.png cannot be used: mask holds codes \[4\]"
    ):
        load_field(paths[0])


def test_a_pattern_that_names_something_else_is_refused(elsewhere):
    with pytest.raises(ConfigurationError, match=r"may name \{subset\} and \{split\}"):
        find_fields(elsewhere, {"mine": "0,1"}, layout=Layout(images="{folder}"))

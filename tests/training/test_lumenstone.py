from __future__ import annotations

import cv2
import numpy as np
import pytest

from petrography.errors import ConfigurationError
from tests.training.lumenstone_folder import S1_CODES, paint_folder
from training.lumenstone import data_sha256, find_fields, load_field, load_fields, split_fields

SUBSETS = {"S1v1": "S1", "S2v1": "S2"}


@pytest.fixture
def folder(tmp_path):
    return paint_folder(tmp_path, per_subset=10)


def test_finds_images_with_their_masks_and_associations(folder):
    fields = find_fields(folder, SUBSETS)
    assert [field.name for field in fields[:2]] == ["S1v1/a00", "S1v1/a01"]
    assert {field.association for field in fields} == {"S1", "S2"}
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


def test_split_is_by_image_and_keeps_groups_together(folder):
    groups = (("S1v1/a00", "S1v1/a01", "S1v1/a02"), ("S2v1/03", "S2v1/04"))
    paths = find_fields(folder, SUBSETS)
    for seed in range(20):
        train, validation = split_fields(paths, validation_fraction=0.3, same_ore=groups, seed=seed)
        kept, held = {one.name for one in train}, {one.name for one in validation}
        assert not kept & held
        assert kept | held == {one.name for one in paths}
        assert all(set(group) <= kept or set(group) <= held for group in groups)
        for association in ("S1", "S2"):
            share = [one for one in validation if one.association == association]
            assert 3 <= len(share) <= 5


def test_a_group_across_associations_is_kept_together(folder):
    group = ("S1v1/a00", "S2v1/03")
    for seed in range(20):
        train, validation = split_fields(
            find_fields(folder, SUBSETS), validation_fraction=0.3, same_ore=(group,), seed=seed
        )
        assert sum(set(group) <= {one.name for one in side} for side in (train, validation)) == 1


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ((("S1v1/a00", "S1v1/zz"),), r"names \['S1v1/zz'\], which are not among"),
        ((("S1v1/a00", "S1v1/a01"), ("S1v1/a00", "S1v1/a02")), r"\['S1v1/a00'\] in two groups"),
    ],
)
def test_wrong_groups_are_named(folder, groups, message):
    with pytest.raises(ConfigurationError, match=message):
        split_fields(find_fields(folder, SUBSETS), validation_fraction=0.3, same_ore=groups)


def test_split_does_not_change_between_calls_and_changes_with_the_seed(folder):
    paths = find_fields(folder, SUBSETS)
    splits = [
        tuple(one.name for one in split_fields(paths, validation_fraction=0.3, seed=seed)[1])
        for seed in (0, 0, 1)
    ]
    assert splits[0] == splits[1] != splits[2]


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
        ({"S1v1": "S7"}, "association 'S7'; wanted"),
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

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import ConfigurationError
from tests.training.lumenstone_folder import S1_CODES, S2_CODES, paint_folder
from training.lumenstone import FieldPaths, find_fields
from training.splits import deal_folds, split_fields

SUBSETS = {"S1v1": "S1", "S2v1": "S2"}


@pytest.fixture
def folder(tmp_path):
    return paint_folder(tmp_path, per_subset=10)


def test_split_is_by_image_and_keeps_groups_together(folder):
    groups = (("S1v1/a00", "S1v1/a01", "S1v1/a02"), ("S2v1/03", "S2v1/04"))
    paths = find_fields(folder, SUBSETS)
    for seed in range(20):
        train, validation = split_fields(paths, validation_fraction=0.3, same_ore=groups, seed=seed)
        kept, held = {one.name for one in train}, {one.name for one in validation}
        assert not kept & held
        assert kept | held == {one.name for one in paths}
        assert all(set(group) <= kept or set(group) <= held for group in groups)
        for codes in (S1_CODES, S2_CODES):
            share = [one for one in validation if one.annotated == codes]
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


def photographs(of_s1: int, of_s2: int, tmp_path) -> list[FieldPaths]:
    return [
        FieldPaths(f"{subset}/{number:02d}", tmp_path, tmp_path, codes)
        for subset, codes, count in (("S1v1", S1_CODES, of_s1), ("S2v1", S2_CODES, of_s2))
        for number in range(count)
    ]


def names_of(paths) -> list[str]:
    return [path.name for path in paths]


@settings(max_examples=50, deadline=None)
@given(
    of_s1=st.integers(6, 30),
    of_s2=st.integers(5, 30),
    folds=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_every_image_is_kept_once_and_folds_are_even(tmp_path_factory, of_s1, of_s2, folds, seed):
    paths = photographs(of_s1, of_s2, tmp_path_factory.getbasetemp())
    same_ore = [("S1v1/00", "S1v1/01")]
    kept = [
        deal_folds(paths, folds=folds, fold=fold, same_ore=same_ore, seed=seed)
        for fold in range(folds)
    ]
    held = [name for _, validation in kept for name in names_of(validation)]
    assert sorted(held) == sorted(path.name for path in paths)
    for train, validation in kept:
        assert not set(names_of(train)) & set(names_of(validation))
        assert len(train) + len(validation) == len(paths)
        together = set(same_ore[0]) & set(names_of(validation))
        assert len(together) in (0, 2)
    for codes in (S1_CODES, S2_CODES):
        sizes = [sum(path.annotated == codes for path in validation) for _, validation in kept]
        assert max(sizes) - min(sizes) <= 2


def test_a_group_across_associations_is_in_one_fold(tmp_path):
    paths = photographs(6, 6, tmp_path)
    group = ("S1v1/00", "S2v1/03")
    held = [
        {path.name for path in deal_folds(paths, folds=3, fold=fold, same_ore=[group])[1]}
        for fold in range(3)
    ]
    assert sum(map(len, held)) == 12
    assert [len(one & set(group)) for one in held].count(2) == 1


def test_more_folds_than_groups_are_refused(tmp_path):
    with pytest.raises(
        ConfigurationError, match="3 groups of images, S2v1/00 among them, make no 4"
    ):
        deal_folds(photographs(9, 3, tmp_path), folds=4, fold=0)

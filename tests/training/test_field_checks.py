"""What is wrong with the data of a run is said before anything is trained."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from tests.training.lumenstone_folder import config_toml, paint_folder
from training.config import read_config
from training.run import load_data

pytestmark = pytest.mark.torch


@pytest.fixture
def folder(tmp_path):
    return paint_folder(tmp_path / "data")


def loaded(folder, tmp_path, *changes):
    text = config_toml(folder, tmp_path / "runs")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_data(read_config(text, source="run.toml"))


def test_a_code_that_is_no_class_is_refused_by_the_name_of_its_mask(folder, tmp_path):
    fewer = ("classes = [0, 1, 2, 3,", "classes = [0, 1, 2,")
    with pytest.raises(
        ConfigurationError, match=r"S2v1.masks.train.0\d\.png holds codes \[3\].*mask_codes"
    ):
        loaded(folder, tmp_path, fewer)
    codes = ", ".join(f"{code} = {255 if code == 3 else code}" for code in range(12))
    mapped = ("validation_fraction", f"mask_codes = {{ {codes} }}\nvalidation_fraction")
    data = loaded(folder, tmp_path, fewer, mapped)
    assert not any((one.truth == 3).any() for one in (*data.train, *data.validation))


@pytest.mark.parametrize("kept", [True, False])
def test_a_mask_without_an_annotated_pixel_is_refused(folder, tmp_path, kept):
    data = loaded(folder, tmp_path)
    subset, stem = (data.validation if kept else data.train)[0].name.split("/")
    mask = folder / subset / "masks" / "train" / f"{stem}.png"
    cv2.imwrite(str(mask), np.full((80, 112), 255, dtype=np.uint8))
    with pytest.raises(ConfigurationError, match=rf"{stem}\.png has no annotated pixel"):
        loaded(folder, tmp_path)


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (("validation_fraction = 0.25", "validation_fraction = 0.01"), "8 images .* and 0 to"),
        (('S1v1 = "S1", ', ""), "3 images .* and 1 to"),
    ],
)
def test_too_few_validation_images_are_refused(folder, tmp_path, change, left):
    with pytest.raises(ConfigurationError, match=f"the split leaves {left} validate on"):
        loaded(folder, tmp_path, change, ('same_ore = [["S1v1/a00", "S1v1/a01"]]\n', ""))


def test_a_group_of_all_images_leaves_nothing_to_train_on(folder, tmp_path):
    names = [f'"S1v1/a0{n}", "S2v1/0{n}"' for n in range(4)]
    everything = ('[["S1v1/a00", "S1v1/a01"]]', f"[[{', '.join(names)}]]")
    with pytest.raises(ConfigurationError, match="leaves 0 images to train on and 8 to"):
        loaded(folder, tmp_path, everything)


def test_one_image_on_both_sides_of_the_split_is_refused_by_both_names(folder, tmp_path):
    data = loaded(folder, tmp_path)
    ours, theirs = (
        next(one.name for one in side if one.name.startswith("S2v1"))
        for side in (data.train, data.validation)
    )
    for kind in ("imgs", "masks"):
        source, target = (
            folder / "S2v1" / kind / "train" / f"{name.split('/')[1]}.png"
            for name in (ours, theirs)
        )
        target.write_bytes(source.read_bytes())
    with pytest.raises(ConfigurationError, match=f"{ours}, which is trained .* {theirs}, which is"):
        loaded(folder, tmp_path)
    on_all = ("validation_fraction", "train_on_all = true\nvalidation_fraction")
    assert len(loaded(folder, tmp_path, on_all).train) == 8


def test_two_images_of_one_stem_are_refused(folder, tmp_path):
    image = folder / "S2v1" / "imgs" / "train" / "01.png"
    cv2.imwrite(str(image.with_suffix(".jpg")), cv2.imread(str(image)))
    with pytest.raises(
        ConfigurationError, match=r"01\.jpg and .*01\.png have one name and one mask"
    ):
        loaded(folder, tmp_path)

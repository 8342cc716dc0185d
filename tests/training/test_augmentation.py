from __future__ import annotations

import numpy as np
import pytest

from training.augmentation import _pose, augmented_patch
from training.config import AugmentationConfig

STILL = AugmentationConfig(
    rotation_deg=0, flip=False, scale=0, exposure=0, white_balance=0, contrast=0, blur_px=0, noise=0
)


@pytest.fixture
def field():
    rng = np.random.default_rng(0)
    truth = np.kron(
        rng.choice([0, 1, 6], size=(12, 16)).astype(np.uint8), np.ones((8, 8), np.uint8)
    )
    image = np.repeat((truth * 40)[..., None], 3, axis=2).astype(np.uint8)
    return image, truth


def cut(field, config, seed=0, row=8, col=24, shape_px=(32, 32)):
    image, truth = field
    return augmented_patch(
        image,
        truth,
        row=row,
        col=col,
        patch_shape_px=shape_px,
        config=config,
        rng=np.random.default_rng(seed),
    )


def test_without_change_it_is_a_crop(field):
    image, truth = cut(field, STILL)
    assert np.array_equal(truth, field[1][8:40, 24:56])
    # Decoding and encoding the light may round by one level.
    assert np.abs(image.astype(int) - field[0][8:40, 24:56]).max() <= 1


def test_a_patch_need_not_be_square(field):
    image, truth = cut(field, STILL, shape_px=(24, 40))
    assert image.shape == (24, 40, 3)
    assert np.array_equal(truth, field[1][8:32, 24:64])
    # Half a turn about its middle: what was first comes last.
    turned = STILL.model_copy(update={"rotation_deg": 180.0})
    poses = [_pose((8, 24), (24, 40), turned, np.random.default_rng(seed)) for seed in range(20)]
    middle = np.array([19.5, 11.5, 1.0])
    assert np.allclose([pose @ middle for pose in poses], [24 + 19.5, 8 + 11.5])


@pytest.mark.parametrize("seed", range(8))
def test_image_and_truth_move_together(field, seed):
    config = STILL.model_copy(update={"rotation_deg": 180.0, "flip": True, "scale": 0.3})
    image, truth = cut(field, config, seed)
    inside = truth != 255
    # Nearest and linear sampling differ along boundaries only.
    agreement = (np.rint(image[..., 0] / 40.0) == truth)[inside].mean()
    assert agreement > 0.75
    assert inside.mean() > 0.3


def test_outside_of_the_field_nothing_is_annotated(field):
    _, truth = cut(field, STILL, row=80, col=0)
    assert (truth[16:] == 255).all()
    assert (truth[:16] != 255).all()


def test_exposure_keeps_chromaticity_in_linear_light(field):
    image, truth = field
    coloured = (image // 2 + np.array([60, 40, 20], dtype=np.uint8)).astype(np.uint8)
    config = STILL.model_copy(update={"exposure": 0.3})
    changed, _ = cut((coloured, truth), config, seed=4)
    before = (coloured[8:40, 24:56] / 255.0) ** 2.2
    after = (changed / 255.0) ** 2.2
    assert abs(after.mean() / before.mean() - 1) > 0.05
    ratio = after.mean(axis=(0, 1)) / before.mean(axis=(0, 1))
    assert np.ptp(ratio) / ratio.mean() < 0.05


def linear_means(image):
    return ((image / 255.0) ** 2.2).mean(axis=(0, 1))


def grey_field(level):
    return np.full((96, 128, 3), level, np.uint8), np.zeros((96, 128), np.uint8)


def test_another_lamp_moves_red_and_blue_apart_and_keeps_green():
    config = STILL.model_copy(update={"other_lamp_fraction": 1.0, "other_lamp": 0.2})
    red, green, blue = np.log(
        [linear_means(cut(grey_field(120), config, seed)[0]) for seed in range(200)]
    ).T - np.log((120 / 255.0) ** 2.2)
    assert np.abs(green).max() < 0.01
    # A level is worth 0.018 of the logarithm at 120.
    assert np.abs(red + blue).max() < 0.04
    assert red.std() == pytest.approx(0.2, rel=0.2)  # 200 draws: standard error 5 %


def test_only_the_wanted_share_of_patches_has_another_lamp():
    config = STILL.model_copy(update={"other_lamp_fraction": 0.25, "other_lamp": 0.3})
    changed = [
        np.ptp(linear_means(cut(grey_field(120), config, seed)[0])) > 0 for seed in range(400)
    ]
    assert np.mean(changed) == pytest.approx(0.25, abs=0.07)  # three standard errors


@pytest.mark.parametrize("level", [90, 180])
def test_flare_adds_the_same_light_to_bright_and_dark(level):
    config = STILL.model_copy(update={"flare": 0.015})
    added = [
        linear_means(cut(grey_field(level), config, seed)[0])[0] - (level / 255.0) ** 2.2
        for seed in range(200)
    ]
    assert np.std(added) == pytest.approx(0.015, rel=0.2)
    assert abs(np.mean(added)) < 0.004


def test_less_light_than_none_is_black():
    config = STILL.model_copy(update={"flare": 0.2})
    levels = [int(cut(grey_field(20), config, seed)[0].max()) for seed in range(20)]
    assert min(levels) == 0
    assert max(levels) > 20


def test_the_seed_decides_everything(field):
    config = AugmentationConfig()
    first, again, other = (cut(field, config, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])

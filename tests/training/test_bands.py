from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from tests.training.band_folder import BANDS, band_config, paint_bands, spectrum
from tests.training.lumenstone_folder import S2_CODES, config_toml, photograph
from training.augmentation import augmented_patch
from training.config import AugmentationConfig, read_config
from training.lumenstone import find_fields, load_field
from training.networks.build import MEAN, STD, build_network
from training.normalisation import input_statistics
from training.run import prepare_run

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return paint_bands(tmp_path_factory.mktemp("bands"))


@pytest.fixture
def config(folder, tmp_path):
    return read_config(band_config(folder, tmp_path), source="run.toml")


def test_stacks_of_every_kind_are_loaded_alike(folder):
    fields = [load_field(one, channels=BANDS) for one in find_fields(folder, {"bands": "S2"})]
    assert [field.image.shape for field in fields] == [(80, 112, 16)] * 4
    for field in fields:
        for code in S2_CODES:
            levels = field.image[field.truth == code].mean(axis=0)
            # The mean of hundreds of pixels with noise of 4 levels.
            assert np.abs(levels - spectrum(code)).max() < 1.0


def test_a_stack_of_another_number_of_bands_stops_the_run_by_name(folder, tmp_path):
    text = band_config(folder, tmp_path).replace(f"channels = {list(BANDS)}", 'channels = ["a"]')
    text = text.replace('shown = ["620 nm", "540 nm", "460 nm"]\n', "")
    with pytest.raises(ConfigurationError, match=r"0\d\.\w+ has 16 channels.*wanted 1 bands"):
        prepare_run(text, source="run.toml")


def test_a_photograph_among_the_stacks_stops_the_run_by_name(tmp_path):
    import cv2

    root = paint_bands(tmp_path / "mixed", count=3)
    truth = cv2.imread(str(root / "bands/masks/train/00.png"), cv2.IMREAD_UNCHANGED)
    image = photograph(truth, np.random.default_rng(0))
    cv2.imwrite(str(root / "bands/imgs/train/99.png"), image)
    cv2.imwrite(str(root / "bands/masks/train/99.png"), truth)
    with pytest.raises(ConfigurationError, match=r"99\.png has 3 channels; wanted 16 bands"):
        prepare_run(band_config(root, tmp_path), source="run.toml")


def test_stacks_in_a_run_on_photographs_stop_it_by_name(folder, tmp_path):
    text = config_toml(folder, tmp_path).replace('S1v1 = "S1", S2v1 = "S2"', 'bands = "S2"')
    text = text.replace('same_ore = [["S1v1/a00", "S1v1/a01"]]\n', "").replace("0.25", "0.5")
    with pytest.raises(ConfigurationError, match=r"00\.npy looks like a NumPy array"):
        prepare_run(text, source="run.toml")


def test_mean_and_deviation_are_measured(config, folder):
    fields = [load_field(one, channels=BANDS) for one in find_fields(folder, {"bands": "S2"})]
    mean, std = input_statistics(fields, config.input, config.channels)
    stacked = np.concatenate([field.image.reshape(-1, 16) for field in fields])
    # A sixteenth of the pixels in blocks of 16 px: some spectra are met more often than others.
    assert np.abs(stacked.mean(axis=0) - mean).max() < 4.0
    assert np.abs(stacked.std(axis=0) - std).max() < 4.0


def test_mean_and_deviation_can_be_stated_and_colours_keep_theirs(config, folder):
    stated = config.input.model_copy(update={"mean": (1.0,) * 16, "std": (2.0,) * 16})
    assert input_statistics([], stated, config.channels) == ((1.0,) * 16, (2.0,) * 16)
    fields = [load_field(one, channels=BANDS) for one in find_fields(folder, {"bands": "S2"})]
    named = (*BANDS[:13], "R", "G", "B")
    mean, std = input_statistics(fields, config.input.model_copy(update={"channels": named}), named)
    assert mean[13:] == MEAN
    assert std[13:] == STD
    assert mean[0] != MEAN[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mean = [1.0, 2.0]\nstd = [1.0, 2.0]", "mean has 2 values; wanted one for each"),
        (f"mean = {[1.0] * 16}", "mean and std must be given together"),
        (f"mean = {[1.0] * 16}\nstd = {[0.0] * 16}", "greater than 0"),
    ],
)
def test_impossible_inputs_are_refused_when_the_file_is_read(folder, tmp_path, line, said):
    text = band_config(folder, tmp_path).replace("[network]", f"{line}\n[network]")
    text = text.replace(f"{line}\n[network]", "[network]").replace("[input]", f"[input]\n{line}")
    with pytest.raises(ConfigurationError, match=said):
        read_config(text, source="run.toml")


def test_channels_and_shown_ones_must_have_names_that_fit(folder, tmp_path):
    text = band_config(folder, tmp_path)
    with pytest.raises(ConfigurationError, match="different names"):
        read_config(text.replace("'420 nm'", "'400 nm'"), source="run.toml")
    with pytest.raises(ConfigurationError, match="shown names"):
        read_config(text.replace('"620 nm"', '"X-ray"'), source="run.toml")


@pytest.mark.parametrize("architecture", ["resunet", "pspnet"])
def test_networks_take_any_number_of_channels(config, architecture):
    import torch

    network = config.network.model_copy(update={"architecture": architecture})
    built = build_network(network, classes=5, channels=16).eval()
    assert built(torch.zeros(1, 16, 64, 64)).shape == (1, 5, 64, 64)
    assert built.mean.shape == (1, 16, 1, 1)


STILL = AugmentationConfig(
    rotation_deg=0, flip=False, scale=0, exposure=0, white_balance=0, contrast=0, blur_px=0, noise=0
)


def cut(image, channels, config, seed=0):
    truth = np.zeros(image.shape[:2], dtype=np.uint8)
    rng = np.random.default_rng(seed)
    return augmented_patch(
        image,
        truth,
        row=4,
        col=8,
        patch_shape_px=(32, 32),
        config=config,
        rng=rng,
        channels=channels,
    )[0]


@pytest.mark.parametrize("count", [1, 2, 4, 5, 16])
def test_without_change_a_patch_of_bands_is_a_crop(count):
    image = np.random.default_rng(1).integers(0, 256, (48, 56, count), dtype=np.uint8)
    patch = cut(image, BANDS[:count], STILL)
    assert np.array_equal(patch, image[4:36, 8:40])


def test_bands_are_multiplied_each_by_its_own_gain():
    image = np.full((48, 56, 16), 100, dtype=np.uint8)
    patch = cut(image, BANDS, STILL.model_copy(update={"white_balance": 0.2}))
    assert all(np.ptp(patch[..., band]) == 0 for band in range(16))
    gains = patch[0, 0] / 100.0
    assert 0.1 < gains.std() < 0.4
    image[:] = 50
    half = cut(image, BANDS, STILL.model_copy(update={"white_balance": 0.2}))
    assert np.abs(half[0, 0] / 50.0 - gains).max() < 0.02


def test_colours_among_bands_change_as_those_of_a_photograph():
    image = np.random.default_rng(1).integers(40, 200, (48, 56, 5), dtype=np.uint8)
    changing = STILL.model_copy(update={"exposure": 0.3, "contrast": 0.2, "noise": 3.0})
    mixed = cut(image, ("a", "R", "G", "B", "c"), changing)
    assert np.array_equal(mixed[..., 1:4], cut(image[..., 1:4], ("R", "G", "B"), changing))


def test_what_is_known_of_a_pixel_is_moved_and_not_changed():
    from petrography.fusion import FUSED_CHANNELS

    image = np.full((48, 56, 9), 100, dtype=np.uint8)
    image[..., -1] = 153
    patch = cut(image, FUSED_CHANNELS, AugmentationConfig())
    assert (patch[..., -1] == 153).all()
    assert (patch[..., 3:8] != 100).any()

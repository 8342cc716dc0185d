from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from tests.training.lumenstone_folder import config_toml
from tests.training.tiny_networks import TINY, tiny
from training.config import read_config
from training.network_config import NetworkConfig
from training.networks.build import MEAN, build_network
from training.networks.checking import network_problem
from training.networks.description import described

pytestmark = pytest.mark.torch


def with_network(section, batch=4, patch_px=64):
    text = config_toml(Path("data"), Path("runs"))
    before, rest = text.split("[network]")
    after = rest[rest.index("[card]") :]
    return (
        f"{before}[network]\n{section}\n{after}".replace("batch = 4", f"batch = {batch}")
    ).replace("patch_px = 64", f"patch_px = {patch_px}")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            'architecture = "unet"\nencoder = "resnet19"',
            r"run.toml .*encoder is 'resnet19'; close to it: .*resnet18.*wanted one of .*resnet34",
        ),
        ('architecture = "fpn"\nencoder = "tu-nothing"', "encoder is 'tu-nothing'"),
        (
            'architecture = "resnet-resunet"\nencoder = "vgg11"',
            "encoder is 'vgg11'; this network takes resnet18, resnet34",
        ),
        (
            'architecture = "pyramid-resunet"\nencoder = "resnet81"',
            "encoder is 'resnet81'; close to it: resnet18",
        ),
        (
            'architecture = "pyramid-resunet"\nencoder_depth = 1',
            "encoder_depth is 1; pyramid-resunet takes 2 to 5 stages",
        ),
        ('architecture = "hrnet-ocr"', "encoder is 'resnet18'; this network takes tu-hrnet_w18"),
        (
            'architecture = "unet"\noptions = { decoder_width = 3 }',
            r"options \['decoder_width'\] are not those of unet; wanted some of .*decoder_channels",
        ),
        (
            'architecture = "unet"\nencoder_depth = 3',
            "unet, encoder resnet18, depth 3, options none, cannot be built .*decoder_channels",
        ),
        (
            'architecture = "pspnet"\ndilated = true',
            "dilated means nothing to pspnet, only to resunet",
        ),
        ('architecture = "unet"\nobject_regions = 9', "object_regions means nothing to unet"),
        ('architecture = "resunet"\nencoder_depth = 4', "encoder_depth means nothing to resunet"),
    ],
)
def test_what_cannot_be_built_is_said_when_the_configuration_is_read(section, message):
    with pytest.raises(ConfigurationError, match=message):
        read_config(with_network(section), source="run.toml")


@pytest.mark.parametrize("architecture", ["resunet", "unet", "fpn"])
def test_patches_that_do_not_fit_the_stride_are_refused_before_training(architecture):
    text = with_network(f'architecture = "{architecture}"', patch_px=72)
    with pytest.raises(ConfigurationError, match=rf"run.toml .*{architecture} .*72"):
        read_config(text, source="run.toml")


def test_patches_need_not_be_square():
    text = with_network('architecture = "unet"')
    oblong = text.replace("patch_px = 64", "patch_px = [96, 128]")
    assert read_config(oblong, source="run.toml").sampler.patch_shape_px == (96, 128)
    with pytest.raises(ConfigurationError, match=r"unet .* multiple of 32 px, not 80 x 128"):
        read_config(text.replace("patch_px = 64", "patch_px = [80, 128]"), source="run.toml")


def test_one_patch_is_too_few_where_the_whole_tile_is_one_bin():
    text = with_network('architecture = "full-pspnet"\ndilated = true', batch=1)
    with pytest.raises(ConfigurationError, match="full-pspnet cannot take 1 patches of 64 px"):
        read_config(text, source="run.toml")
    read_config(text.replace("batch = 1", "batch = 2"), source="run.toml")


def test_reading_a_configuration_changes_nothing_that_chance_decides():
    network_problem.cache_clear()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    read_config(with_network('architecture = "unet"'), source="run.toml")
    assert torch.equal(torch.rand(3), expected)


def test_an_encoder_that_cannot_be_dilated_is_named():
    network = NetworkConfig(architecture="full-pspnet", encoder="inceptionv4", dilated=True)
    with pytest.raises(ConfigurationError, match=r"full-pspnet, encoder inceptionv4.* 16 channels"):
        build_network(network, classes=3, channels=16)


@pytest.mark.parametrize("name", TINY)
def test_every_network_can_be_trained(name):
    config = tiny(name)
    patch_px = 256 if name == "pan" else 64
    problem = network_problem(
        config.model_dump_json(), patch_shape_px=(patch_px, patch_px), batch=2
    )
    assert problem is None


def test_sixteen_bands_are_normalised_one_by_one():
    network = build_network(tiny("unet"), classes=2, channels=16)
    assert network.mean.flatten().tolist() == [MEAN[0]] * 16


def test_a_description_tells_networks_apart():
    told = {described(tiny(name)) for name in TINY}
    assert len(told) == len(TINY)
    assert "UPerNet, encoder tu-test_resnet, decoder_channels 16" in told

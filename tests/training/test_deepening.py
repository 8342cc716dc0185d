"""A deeper network begins as the shallower one that it was given the weights of."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from tests.training.lumenstone_folder import config_toml, paint_folder
from tests.training.tiny_networks import lively
from training.checkpoint import load_checkpoint, save_checkpoint
from training.deepening import deepened
from training.network_config import NetworkConfig
from training.networks.build import build_network
from training.run import prepare_run

pytestmark = pytest.mark.torch


def built(encoder, architecture="pspnet"):
    config = NetworkConfig(architecture=architecture, encoder=encoder)
    return lively(build_network(config, classes=4, channels=3)).eval()


@pytest.mark.parametrize(
    ("architecture", "shallow", "deep"),
    [
        ("pspnet", "resnet18", "resnet34"),
        ("pspnet", "resnet50", "resnet101"),
        ("linknet", "resnet18", "resnet34"),
    ],
)
def test_a_deeper_network_answers_as_the_shallower(architecture, shallow, deep):
    shallower, deeper = built(shallow, architecture), built(deep, architecture)
    deeper.load_state_dict(deepened(shallower.state_dict(), deeper.state_dict()))
    images = torch.rand(2, 3, 64, 96) * 255
    with torch.inference_mode():
        wanted, given = shallower(images), deeper(images)
    assert wanted.std() > 0.01
    torch.testing.assert_close(given, wanted, rtol=1e-5, atol=1e-5)


def test_the_further_blocks_learn():
    shallower, deeper = built("resnet18"), built("resnet34")
    deeper.load_state_dict(deepened(shallower.state_dict(), deeper.state_dict()))
    deeper.train()(torch.rand(2, 3, 64, 64) * 255).square().sum().backward()
    scale = deeper.get_parameter("network.encoder.layer2.3.bn2.weight")
    assert scale.grad is not None
    assert scale.grad.abs().max() > 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return paint_folder(tmp_path_factory.mktemp("lumenstone"))


def over_resnet(folder, output, encoder, start=""):
    text = config_toml(folder, output, architecture="linknet")
    return text.replace("filters = 4", f'encoder = "{encoder}"\n{start}')


@pytest.fixture(scope="module")
def shallow_run(folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("shallow")
    run = prepare_run(over_resnet(folder, output, "resnet18"), source="shallow.toml")
    save_checkpoint(run.checkpoint(), output / "last.pt")
    return output / "last.pt"


def test_a_run_begins_as_the_shallower_network_and_normalises_as_it(folder, shallow_run, tmp_path):
    start = f"initial_shallower = {str(shallow_run)!r}"
    run = prepare_run(over_resnet(folder, tmp_path, "resnet34", start), source="run.toml")
    begun, earlier = run.network.state_dict(), load_checkpoint(shallow_run).average
    assert all(torch.equal(begun[name], weight) for name, weight in earlier.items())
    assert begun["network.encoder.layer3.5.bn2.weight"].abs().max() == 0


@pytest.mark.parametrize(
    ("encoder", "change", "said"),
    [
        ("resnet50", ("", ""), "weights of another network than the configuration asks for"),
        (
            "resnet34",
            ("[card]", "[input]\nmean = [1.0, 1.0, 1.0]\nstd = [1.0, 1.0, 1.0]\n[card]"),
            "leave mean and",
        ),
        (
            "resnet34",
            ("[card]", 'initial_weights = "other.pt"\n[card]'),
            "initial_weights and initial_shallower name all weights",
        ),
        ("resnet34", ('"linknet"', '"resunet"'), "initial_shallower means nothing to resunet"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(folder, shallow_run, tmp_path, encoder, change, said):
    start = f"initial_shallower = {str(shallow_run)!r}\n"
    text = over_resnet(folder, tmp_path, encoder, start).replace(*change)
    with pytest.raises(ConfigurationError, match=said):
        prepare_run(text, source="run.toml")

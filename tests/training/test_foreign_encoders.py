from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from tests.training.lumenstone_folder import config_toml, paint_folder
from tests.training.tiny_networks import lively
from training.checkpoint import load_checkpoint
from training.foreign.config import ForeignConfig
from training.foreign.importing import import_weights
from training.run import prepare_run
from training.torchvision_schemas import declare_torchvision_operators

declare_torchvision_operators()  # before timm imports torchvision

import timm

pytestmark = pytest.mark.torch

LITE = """
[foreign]
layout = "efficientnet-lite-pytorch"
part = "encoder"
mean = [127.0]
std = [128.0]
ignored = ["_conv_head.*", "_bn1.*", "_fc.*"]
origin = "trained by others on photographs of everyday things"
"""
EPSILON = 1e-3  # what that project adds to variances
REPEATS = {"efficientnet_lite0": (1, 2, 2, 3, 3, 4, 1), "efficientnet_lite1": (1, 3, 3, 4, 4, 5, 1)}


def their_names(name):
    """What efficientnet-lite-pytorch calls its tensors, in the order of the computation."""

    def tensors(norm):
        kept = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        return [f"{norm}.{one}" for one in kept]

    names = ["_conv_stem.weight", *tensors("_bn0")]
    for number in range(sum(REPEATS[name])):
        block = f"_blocks.{number}."
        if number:
            names += [f"{block}_expand_conv.weight", *tensors(f"{block}_bn0")]
        names += [f"{block}_depthwise_conv.weight", *tensors(f"{block}_bn1")]
        names += [f"{block}_project_conv.weight", *tensors(f"{block}_bn2")]
    return [*names, "_conv_head.weight", *tensors("_bn1"), "_fc.weight", "_fc.bias"]


def their_network(name):
    """The same network of another library, whose tensors lie in the order of the computation."""
    torch.manual_seed(0)
    network = lively(timm.create_model(name))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = EPSILON
    return network


def toml(folder, output, encoder, depth=4, section=LITE):
    return config_toml(folder, output, architecture="pyramid-resunet").replace(
        "filters = 4",
        f'filters = 4\nencoder = "tu-{encoder}"\nencoder_depth = {depth}',
    ) + (section)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return paint_folder(tmp_path_factory.mktemp("lumenstone"))


def imported(folder, tmp_path, encoder, tensors, **changes):
    weights, config = tmp_path / "lite.pth", tmp_path / "lite.toml"
    torch.save(tensors, weights)
    config.write_text(toml(folder, tmp_path / "runs", encoder, **changes))
    return import_weights(weights, config)


@pytest.mark.parametrize("name", REPEATS)
def test_an_imported_encoder_computes_what_it_computed(name, folder, tmp_path):
    theirs = their_network(name)
    tensors = dict(zip(their_names(name), theirs.state_dict().values(), strict=True))
    result = imported(folder, tmp_path, name, tensors)
    assert "laid onto the encoder of ResUNet with pyramid pooling" in result.told
    assert result.told.endswith("trained by others on photographs of everyday things")

    text = toml(folder, tmp_path / "tuned", name, section="").replace(
        "filters = 4", f"filters = 4\ninitial_encoder = {str(result.checkpoint)!r}"
    )
    text += "\n[input]\nmean = [127.0, 127.0, 127.0]\nstd = [128.0, 128.0, 128.0]\n"
    begun = prepare_run(text, source="tuned.toml").network.eval()
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        stages = begun.network.encoder(image)[1:]
        expected = theirs.forward_intermediates(image, intermediates_only=True)
    for ours, stage in zip(stages, expected, strict=False):
        # Sums of float32 in another order; a lost epsilon changes the third digit.
        assert torch.allclose(ours, stage, rtol=1e-4, atol=1e-4 * stage.abs().max())
    assert begun.mean.flatten().tolist() == [127.0] * 3


def test_the_rest_of_the_network_is_chance(folder, tmp_path):
    name = "efficientnet_lite0"
    tensors = dict(zip(their_names(name), their_network(name).state_dict().values(), strict=True))
    average = load_checkpoint(imported(folder, tmp_path, name, tensors).checkpoint).average
    assert average["network.head.weight"].std() > 0
    assert average["network.head.weight"].isfinite().all()


def test_an_encoder_that_the_project_does_not_have_is_refused(folder, tmp_path):
    message = "efficientnet-lite-pytorch has no tu-efficientnet_lite4; wanted one of tu-effici"
    with pytest.raises(ConfigurationError, match=message):
        imported(folder, tmp_path, "efficientnet_lite4", {"_conv_stem.weight": torch.ones(1)})


def test_weights_of_another_size_are_named(folder, tmp_path):
    name = "efficientnet_lite0"
    tensors = dict(zip(their_names(name), their_network(name).state_dict().values(), strict=True))
    tensors["_blocks.3._depthwise_conv.weight"] = torch.ones(2, 1, 5, 5)
    del tensors["_blocks.7._bn2.bias"]
    with pytest.raises(ConfigurationError) as caught:
        imported(folder, tmp_path, name, tensors)
    assert "missing: _blocks.7._bn2.bias;" in str(caught.value)
    assert "of another shape: _blocks.3._depthwise_conv.weight (2, 1, 5, 5)" in str(caught.value)


def test_outputs_of_an_encoder_are_refused():
    with pytest.raises(ValueError, match="output_rows means nothing to an encoder"):
        ForeignConfig(part="encoder", output_rows="codes", mean=(0.0,), std=(1.0,), origin="nobody")


def test_a_missing_file_is_named(folder, tmp_path):
    config = tmp_path / "lite.toml"
    config.write_text(toml(folder, tmp_path / "runs", "efficientnet_lite0"))
    with pytest.raises(ConfigurationError, match=r"nothing\.pth"):
        import_weights(Path(tmp_path / "nothing.pth"), config)

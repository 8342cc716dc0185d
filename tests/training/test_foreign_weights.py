from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from tests.training.tiny_networks import TINY_ENCODER, lively, tiny
from training.foreign.config import ForeignConfig
from training.foreign.matching import match_weights
from training.foreign.reading import ForeignFile
from training.network_config import NetworkConfig
from training.networks.build import build_network
from training.torchvision_schemas import declare_torchvision_operators

declare_torchvision_operators()  # before the fakes import torchvision

import segmentation_models_pytorch as smp

from tests.training import petroscope_layout as petroscope

pytestmark = pytest.mark.torch

CODES = (0, 1, 4, 6)


def foreign(**changes):
    said = {"mean": (0.0,), "std": (255.0,), "origin": "nobody"} | changes
    return ForeignConfig.model_validate(said)


def matched(tensors, network, foreign_config, said=None, classes=CODES):
    """Build our network and give it foreign tensors."""
    ours = build_network(network, classes=len(classes)).network.eval()
    file = ForeignFile(Path("their.pth"), tensors, said or {})
    match = match_weights(
        ours.state_dict(), file, network=network, foreign=foreign_config, classes=classes
    )
    ours.load_state_dict(match.weights)
    return ours, match


def answers(network, height_px=64, width_px=96):
    image = torch.randn(2, 3, height_px, width_px, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return network(image)


PETROSCOPE = {
    "resunet up to 0.0.11": (
        lambda: petroscope.PlainResUNet(2, relu_first=True),
        {"architecture": "resunet", "filters": 2, "order": "conv-relu-bn"},
        "",
    ),
    "resunet, dilated": (
        lambda: petroscope.Wrapped(petroscope.PlainResUNet(2, dilated=True)),
        {"architecture": "resunet", "filters": 2, "dilated": True},
        "model.",
    ),
    "resunet on a resnet": (
        lambda: petroscope.ResNetResUNet(4, dilated=False),
        {"architecture": "resnet-resunet", "filters": 4},
        "",
    ),
    "resunet on a dilated resnet": (
        lambda: petroscope.ResNetResUNet(4, dilated=True),
        {"architecture": "resnet-resunet", "filters": 4, "dilated": True},
        "",
    ),
    "pspnet": (
        lambda: petroscope.PSPNet(dilated=True),
        {"architecture": "full-pspnet", "dilated": True},
        "",
    ),
    "hrnet": (
        lambda: petroscope.Wrapped(petroscope.HRNet()),
        {
            "architecture": "hrnet-ocr",
            "encoder": "tu-hrnet_w18_small",
            "object_regions": petroscope.OUTPUTS,
            "options": {"middle_channels": 8},
        },
        "model.backbone.",
    ),
}


@pytest.mark.parametrize("name", PETROSCOPE)
def test_weights_of_petroscope_compute_what_they_computed(name):
    build, network, prefix = PETROSCOPE[name]
    torch.manual_seed(0)
    theirs = lively(build())
    ours, match = matched(
        theirs.state_dict(),
        NetworkConfig(**network),
        foreign(layout="petroscope", output_rows="codes"),
    )
    expected = answers(theirs)[:, list(CODES)]
    # Sums of float32 in another order; a wrong skip or dilation changes the first digit.
    assert torch.allclose(answers(ours), expected, rtol=1e-4, atol=1e-4 * expected.abs().max())
    assert (match.prefix, match.outputs, match.rows) == (prefix, petroscope.OUTPUTS, CODES)


def their_unet(classes=4):
    torch.manual_seed(0)
    return lively(
        smp.Unet(
            TINY_ENCODER,
            encoder_weights=None,
            encoder_depth=3,
            decoder_channels=(16, 8, 8),
            classes=classes,
        )
    )


def changed(tensors, rename=lambda name: name, **replaced):
    return {rename(name): value for name, value in tensors.items()} | replaced


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.module."])
def test_the_library_s_own_weights_load_whatever_wrapped_them(prefix):
    theirs = their_unet()
    tensors = changed(theirs.state_dict(), lambda name: prefix + name)
    ours, match = matched(tensors, tiny("unet"), foreign())
    assert torch.allclose(answers(ours), answers(theirs), atol=1e-6)
    assert match.prefix == prefix


def test_upernet_of_the_library_answers_the_same_at_every_size():
    torch.manual_seed(0)
    theirs = lively(smp.UPerNet(TINY_ENCODER, encoder_weights=None, decoder_channels=16, classes=4))
    ours, _ = matched(theirs.state_dict(), tiny("upernet"), foreign())
    for size in ((64, 96), (160, 224)):
        assert torch.allclose(answers(ours, *size), answers(theirs, *size), atol=1e-5)


def test_rows_may_be_chosen_in_any_order():
    theirs = their_unet(classes=6)
    ours, match = matched(
        theirs.state_dict(), tiny("unet"), foreign(output_rows=(5, 0, 2, 1)), classes=CODES
    )
    assert torch.allclose(answers(ours), answers(theirs)[:, [5, 0, 2, 1]], atol=1e-6)
    assert match.outputs == 6


def test_one_sigmoid_becomes_two_classes():
    theirs = their_unet(classes=1)
    ours, _ = matched(
        theirs.state_dict(), tiny("unet"), foreign(output_rows="sigmoid"), classes=(0, 32)
    )
    expected = torch.sigmoid(answers(theirs))[:, 0]
    assert torch.allclose(torch.softmax(answers(ours), 1)[:, 1], expected, atol=1e-6)


def test_weights_in_half_precision_are_taken():
    theirs = their_unet()
    half = {
        name: value.half() if value.is_floating_point() else value
        for name, value in theirs.state_dict().items()
    }
    ours, _ = matched(half, tiny("unet"), foreign())
    assert torch.allclose(answers(ours), answers(theirs), atol=0.05)


@pytest.mark.parametrize(
    ("rows", "classes", "message"),
    [
        (None, (0, 1), r"their.pth has 4 outputs; wanted 2, or foreign.output_rows"),
        ("codes", (0, 1, 6), "has 4 outputs; wanted outputs up to code 6"),
        ((0, 4), (0, 1), "wanted one row below 4 for each of 2 classes"),
        ((0, 1, 2), (0, 1), "wanted one row below 4 for each of 2 classes"),
        ("sigmoid", (0, 1), "wanted one output for two classes"),
    ],
)
def test_outputs_that_are_not_the_classes_are_refused(rows, classes, message):
    tensors = their_unet().state_dict()
    with pytest.raises(ConfigurationError, match=message):
        matched(tensors, tiny("unet"), foreign(output_rows=rows), classes=classes)


def test_every_tensor_that_does_not_fit_is_named():
    tensors = changed(their_unet().state_dict())
    bias = "decoder.blocks.0.conv1.1.bias"
    tensors["decoder.blocks.0.conv1.1.bia"] = tensors.pop(bias)
    tensors["encoder.model.conv1.0.weight"] = torch.zeros(5, 3, 3, 3)
    tensors["segmentation_head.0.bias"] = torch.full((4,), torch.nan)
    tensors["criterion.weight"] = torch.ones(4)
    with pytest.raises(ConfigurationError) as caught:
        matched(tensors, tiny("unet"), foreign())
    message = str(caught.value)
    assert "their.pth does not fit U-Net, encoder tu-test_resnet, depth 3" in message
    assert f"missing: {bias};" in message
    assert "unexpected: criterion.weight, decoder.blocks.0.conv1.1.bia;" in message
    assert "of another shape: encoder.model.conv1.0.weight (5, 3, 3, 3) instead of" in message
    assert message.endswith("not finite: segmentation_head.0.bias")


def test_tensors_beside_the_network_are_left_out_when_said():
    tensors = changed(their_unet().state_dict(), **{"criterion.weight": torch.ones(4)})
    _, match = matched(tensors, tiny("unet"), foreign(ignored=("criterion.*",)))
    assert match.ignored == ("criterion.weight",)


def test_counters_of_batches_may_be_missing():
    theirs = their_unet()
    tensors = {
        name: value
        for name, value in theirs.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    ours, _ = matched(tensors, tiny("unet"), foreign())
    assert torch.allclose(answers(ours), answers(theirs), atol=1e-6)


def test_weights_of_another_architecture_are_refused():
    with pytest.raises(ConfigurationError, match=r"does not fit ResUNet, 2 filters.*missing: "):
        matched(their_unet().state_dict(), tiny("resunet"), foreign())


def test_a_dilation_that_the_file_denies_is_refused():
    tensors = petroscope.PlainResUNet(2).state_dict()
    network = NetworkConfig(architecture="resunet", filters=2, dilated=True)
    with pytest.raises(ConfigurationError, match="says dilated False, the configuration"):
        matched(
            tensors,
            network,
            foreign(layout="petroscope", output_rows="codes"),
            said={"dilated": False},
        )


def test_a_network_that_petroscope_has_not_is_named():
    with pytest.raises(ConfigurationError, match="petroscope has no unet; its networks are"):
        matched({}, tiny("unet"), foreign(layout="petroscope"))

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from training.config import NetworkConfig
from training.networks.build import build_network, tile_geometry
from training.networks.pspnet import BinAverage, pspnet
from training.networks.resunet import RESUNET_HALO_PX, ResUNet

pytestmark = pytest.mark.torch


def with_lively_statistics(network, seed=0):
    """Batch statistics away from 0 and 1, so that a lost normalisation would show."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return network.eval()


def test_resunet_has_the_papers_number_of_parameters():
    network = ResUNet(3, 7, filters=8)
    assert sum(parameter.numel() for parameter in network.parameters()) == 510_231


@pytest.mark.parametrize("order", ["conv-relu-bn", "conv-bn-relu"])
def test_resunet_keeps_the_size(order):
    logits = ResUNet(3, 5, filters=2, order=order)(torch.zeros(2, 3, 32, 48))
    assert logits.shape == (2, 5, 32, 48)


def test_the_two_block_orders_are_different_networks():
    orders = ("conv-bn-relu", "conv-relu-bn")
    first, second = (with_lively_statistics(ResUNet(3, 4, filters=2, order=one)) for one in orders)
    with torch.no_grad():
        for parameter, value in zip(second.parameters(), first.parameters(), strict=True):
            parameter.copy_(value)
        image = torch.randn(1, 3, 32, 32)
        assert not torch.allclose(first(image), second(image), atol=1e-3)


def test_nothing_beyond_the_halo_reaches_a_pixel_of_the_resunet():
    torch.manual_seed(0)
    network = with_lively_statistics(ResUNet(1, 2, filters=2))
    image = torch.randn(1, 1, 16, 512, requires_grad=True)
    network(image)[0, :, :, 256].sum().backward()
    reached = image.grad[0, 0].abs().sum(dim=0).nonzero().flatten()
    assert int(reached.min()) >= 256 - RESUNET_HALO_PX
    assert int(reached.max()) <= 256 + RESUNET_HALO_PX
    assert int(reached.min()) < 256 - 64  # the test would see a reach, it is not a dead network


@pytest.mark.parametrize("bins", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(6, 6), (12, 18), (7, 13), (48, 50)])
def test_bins_equal_adaptive_pooling(bins, size):
    features = torch.randn(2, 3, *size, dtype=torch.float64)
    expected = torch.nn.AdaptiveAvgPool2d(bins)(features)
    assert torch.allclose(BinAverage(bins)(features), expected, atol=1e-12)


def test_pspnet_computes_what_the_library_computes():
    torch.manual_seed(0)
    ours = with_lively_statistics(pspnet(3, 4))  # first: it makes torchvision importable
    import segmentation_models_pytorch as smp

    theirs = smp.PSPNet("resnet18", encoder_weights=None, classes=4, encoder_depth=3)
    theirs.load_state_dict(ours.state_dict())
    image = torch.randn(1, 3, 96, 64)
    with torch.no_grad():
        assert torch.allclose(ours(image), theirs.eval()(image), atol=1e-5)


@pytest.mark.parametrize(("architecture", "stride_px"), [("pspnet", 8), ("fpn", 4)])
def test_half_pixel_centres_lay_features_upon_their_pixels(architecture, stride_px):
    def places(**options):
        """Where the head draws features whose value is the middle of their own pixels."""
        config = NetworkConfig(architecture=architecture, **options)
        network = build_network(config, classes=1, channels=3, mean=(0,) * 3, std=(1,) * 3)
        convolution, enlargement, _ = network.network.segmentation_head
        middles = torch.arange(16.0) * stride_px + (stride_px - 1) / 2
        drawn = enlargement(middles.expand(1, convolution.out_channels, 16, 16))
        # Beyond the outermost middles there is nothing to go by.
        return drawn[0, 0, 0, stride_px:-stride_px]

    pixels = torch.arange(16.0 * stride_px)[stride_px:-stride_px]
    assert torch.allclose(places(half_pixel_centres=True), pixels)
    off = (places() - pixels).abs().max()
    assert (stride_px - 1) / 2 * 0.8 < off < stride_px / 2


def test_networks_that_end_at_full_size_have_no_centres_to_choose():
    with pytest.raises(ValueError, match="half_pixel_centres means nothing to unet"):
        NetworkConfig(architecture="unet", half_pixel_centres=True)


def test_tile_of_a_network_with_global_pooling_is_its_training_patch():
    assert tile_geometry(NetworkConfig(architecture="pspnet"), patch_px=384).size_px == 384


def test_another_tile_can_be_asked_for():
    network = NetworkConfig(architecture="pspnet")
    assert tile_geometry(network, patch_px=384, tile_px=768).size_px == 768


def test_tile_of_the_resunet_is_exact():
    geometry = tile_geometry(NetworkConfig(architecture="resunet"), patch_px=256)
    assert (geometry.mode, geometry.halo_px) == ("halo", RESUNET_HALO_PX)


def test_normalisation_is_inside():
    torch.manual_seed(0)
    network = with_lively_statistics(
        build_network(NetworkConfig(architecture="resunet", filters=2), classes=3)
    )
    image = torch.randint(0, 256, (1, 3, 32, 32)).float()
    by_hand = network.network((image - network.mean) / network.std)
    assert torch.equal(network(image), by_hand)

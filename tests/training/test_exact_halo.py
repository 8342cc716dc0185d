from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.training.tiny_networks import lively, tiny
from training.network_config import NetworkConfig
from training.networks.build import build_network, tile_geometry
from training.networks.exact_halo import exact_halo_px
from training.networks.resunet import RESUNET_HALO_PX, ResUNet

pytestmark = pytest.mark.torch


def halo(network, *, stride_px=1, limit_px=64):
    return exact_halo_px(network, in_channels=2, stride_px=stride_px, limit_px=limit_px)


def convolution(kernel=3, dilation=1, **options):
    padding = (
        tuple(one // 2 * dilation for one in kernel)
        if isinstance(kernel, tuple)
        else kernel // 2 * dilation
    )
    return nn.Conv2d(2, 2, kernel, padding=padding, dilation=dilation, **options)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([1, 3, 5, 7]), st.integers(1, 4)), min_size=1, max_size=6)
)
def test_of_convolutions_it_is_the_sum_of_their_reaches(layers):
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Sequential(convolution(kernel, dilation), nn.ReLU()) for kernel, dilation in layers)
    )
    reach = sum(kernel // 2 * dilation for kernel, dilation in layers)
    assert halo(network, limit_px=80) == reach
    assert halo(network, limit_px=reach) == reach
    if reach:
        assert halo(network, limit_px=reach - 1) is None


@pytest.mark.parametrize("kernel", [(1, 9), (9, 1)])
def test_the_longer_axis_counts(kernel):
    assert halo(convolution(kernel)) == 4


def test_a_multiple_of_the_stride_is_given():
    pooled = nn.Sequential(nn.MaxPool2d(4), convolution(), nn.Upsample(scale_factor=4))
    # A tile begins at a multiple of 4, and sees one pooled pixel beyond its border: 4 px.
    assert halo(pooled, stride_px=4) == 4
    assert halo(nn.Sequential(convolution(), pooled), stride_px=4) == 8


class Squeezed(nn.Module):
    """Weighs its channels by their means over the tile."""

    def forward(self, image):
        return image * torch.sigmoid(image.mean(dim=(2, 3), keepdim=True))


class Aligned(nn.Module):
    """Enlarges so that the corners of the tile fall on those of the features."""

    def forward(self, image):
        size = image.shape[2:]
        return nn.functional.interpolate(
            nn.functional.avg_pool2d(image, 2), size=size, mode="bilinear", align_corners=True
        )


@pytest.mark.parametrize(
    "network", [nn.Sequential(convolution(), Squeezed()), Aligned(), nn.InstanceNorm2d(2)]
)
def test_what_depends_on_the_whole_tile_has_none(network):
    assert halo(network, stride_px=2) is None


def test_the_network_is_left_as_it_was():
    network = convolution()
    before = network.weight.detach().clone()
    halo(network)
    assert torch.equal(network.weight, before)
    assert network.weight.dtype == torch.float32


def test_the_resunets_published_halo_is_enough():
    measured = exact_halo_px(
        ResUNet(2, 2, filters=2), in_channels=2, stride_px=16, limit_px=RESUNET_HALO_PX
    )
    # 107 px from any pixel; from where tiles begin, multiples of 16, no more than 96.
    assert measured == 96


def geometry(name="unet", tile_px=None, **changes):
    return tile_geometry(NetworkConfig(architecture=name, **changes), patch_px=128, tile_px=tile_px)


def test_a_shallow_unet_is_cut_exactly():
    cut = tile_geometry(tiny("unet"), patch_px=128)
    assert (cut.mode, cut.size_px, cut.multiple_px) == ("halo", 1024, 8)
    torch.manual_seed(0)
    network = lively(build_network(tiny("unet"), classes=3))
    image = torch.randint(0, 256, (1, 3, 288, 320)).float()
    halo_px = cut.halo_px
    with torch.no_grad():
        whole, tile = network(image), network(image[:, :, 8:264, 16:288])
    core = tile[:, :, halo_px:-halo_px, halo_px:-halo_px]
    expected = whole[:, :, 8 + halo_px : 264 - halo_px, 16 + halo_px : 288 - halo_px]
    assert torch.allclose(core, expected, atol=1e-4)
    assert not torch.allclose(tile, whole[:, :, 8:264, 16:288], atol=1e-4)


def test_a_margin_that_costs_too_much_gives_way_to_blending():
    assert geometry("resunet", dilated=True, filters=2).mode == "blend"
    deeper = geometry("resunet", dilated=True, filters=2, tile_px=2048)
    assert (deeper.mode, deeper.halo_px, deeper.size_px) == ("halo", 256, 2048)


@pytest.mark.parametrize(
    ("name", "multiple_px"), [("pspnet", 8), ("upernet", 32), ("fpn", 32), ("deeplabv3plus", 16)]
)
def test_pooling_networks_are_blended_at_their_training_patch(name, multiple_px):
    blended = tile_geometry(tiny(name), patch_px=128)
    assert (blended.mode, blended.size_px, blended.halo_px) == ("blend", 128, 0)
    assert blended.multiple_px == multiple_px


def test_fpn_is_not_exact_with_any_margin():
    torch.manual_seed(0)
    network = build_network(tiny("fpn"), classes=2).network
    assert exact_halo_px(network, in_channels=3, stride_px=32, limit_px=512) is None


def test_planning_tiles_changes_nothing_that_chance_decides():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    tile_geometry(NetworkConfig(architecture="linknet", encoder="tu-test_resnet"), patch_px=96)
    assert torch.equal(torch.rand(3), expected)

"""Borders where the photograph has them: the guided filter against its definition and by examples."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from tests.training.tiny_networks import tiny
from training.config import NetworkConfig
from training.networks.build import build_network
from training.networks.guided_filter import GRID_PX, GuidedFilter

pytestmark = pytest.mark.torch

EPSILON, RADIUS, FLOOR = 2e-3, 2, 0.01


def windows(values):
    """Every window of 5 x 5 points of a grid (..., h, w), cut off at its rim: mean over each."""
    rows, cols = values.shape[-2:]
    means = np.empty_like(values)
    for row in range(rows):
        for col in range(cols):
            top, left = max(row - RADIUS, 0), max(col - RADIUS, 0)
            window = values[..., top : row + RADIUS + 1, left : col + RADIUS + 1]
            means[..., row, col] = window.mean(axis=(-2, -1))
    return means


def by_definition(guide, probabilities):
    """He, Sun & Tang 2013, equations 5, 6 and 8, on the coarse grid: slopes (K, 3, h, w), offsets."""
    mean_guide, mean = windows(guide), windows(probabilities)
    square = windows(guide[:, None] * guide[None])
    square -= mean_guide[:, None] * mean_guide[None]
    square += EPSILON * np.eye(3)[:, :, None, None]
    cross = windows(probabilities[:, None] * guide[None]) - mean[:, None] * mean_guide[None]
    inverse = np.linalg.inv(square.transpose(2, 3, 0, 1))
    slopes = np.einsum("hwij,kjhw->kihw", inverse, cross)
    offsets = mean - (slopes * mean_guide).sum(axis=1)
    return windows(slopes), windows(offsets)


def coloured(rng):
    return rng.normal(size=(3, 6, 9))


def grey(rng):
    """Black, white and little between, as no colour and as three colours that are nearly one."""
    return np.tile(rng.choice([-2.0, 2.0], size=(1, 6, 9)), (3, 1, 1)) + 1e-3 * coloured(rng)


@pytest.mark.parametrize("painted", [coloured, grey])
def test_it_is_the_filter_of_the_paper(painted):
    rng = np.random.default_rng(0)
    # On a grid of the image's own size nothing is enlarged between the points.
    guide = painted(rng)
    logits = rng.normal(size=(4, 6, 9))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=0)
    slopes, offsets = by_definition(guide, probabilities)

    def coarse(values):
        return torch.from_numpy(np.kron(values, np.ones((GRID_PX, GRID_PX)))).float()[None]

    answer = GuidedFilter()(coarse(guide), coarse(logits))[0].numpy()

    def fine(values):
        at_full_size = torch.nn.functional.interpolate(
            torch.from_numpy(values)[None], scale_factor=GRID_PX, mode="bilinear"
        )
        return at_full_size[0].numpy()

    drawn = fine(offsets)
    for channel in range(3):
        drawn += fine(slopes[:, channel]) * coarse(guide)[0, channel].numpy()
    wanted = np.where(
        drawn > FLOOR,
        np.log(np.maximum(drawn, FLOOR)),
        np.log(FLOOR) + (drawn - FLOOR) / FLOOR,
    )
    assert np.allclose(answer, wanted, atol=2e-3)


def step(at_px, low, high, side_px=96):
    """Columns before a place, and those from it on."""
    line = torch.full((side_px,), low)
    line[at_px:] = high
    return line.expand(1, 1, side_px, side_px)


@pytest.mark.parametrize("edge_px", [42, 45, 47, 50, 53])
def test_a_border_goes_where_the_colours_change(edge_px):
    image = torch.cat([step(edge_px, low, high) for low, high in ((0, 1), (1, 0.5), (0, 0.7))], 1)
    # Enlarged from an eighth, and up to six pixels off.
    ramp = (torch.arange(96.0) - 47.5).clamp(-12, 12).expand(1, 1, 96, 96) / 4
    logits = torch.cat([-ramp, ramp], dim=1)
    labels = GuidedFilter()(image, logits).argmax(dim=1)[0]
    assert torch.equal(labels, (torch.arange(96) >= edge_px).long().expand(96, 96))
    assert not torch.equal(logits.argmax(dim=1)[0], labels)


def test_where_the_colour_tells_nothing_the_network_is_believed():
    image = torch.full((1, 3, 96, 96), 0.3)
    logits = torch.tensor([2.0, 1.0, -0.5]).view(1, 3, 1, 1).expand(1, 3, 96, 96)
    answer = GuidedFilter()(image, logits)
    assert torch.allclose(answer, torch.log_softmax(logits, dim=1), atol=1e-5)


def test_sums_of_probabilities_stay_one():
    torch.manual_seed(0)
    answer = GuidedFilter()(torch.randn(1, 3, 64, 64), torch.randn(1, 2, 64, 64))
    # Two classes by 1 and 0 and their complement: lines fitted to both are complements too.
    probabilities = torch.where(
        answer > np.log(FLOOR), answer.exp(), FLOOR + FLOOR * (answer - np.log(FLOOR))
    )
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(1, 64, 64), atol=1e-4)


def test_half_precision_around_it_changes_nothing():
    torch.manual_seed(0)
    image, logits = torch.randn(2, 3, 64, 64), torch.randn(2, 4, 64, 64).bfloat16()
    wanted = GuidedFilter()(image, logits.float())
    with torch.autocast("cpu", torch.bfloat16):
        answer = GuidedFilter()(image, logits)
    assert answer.dtype == torch.float32
    assert torch.equal(answer, wanted)


def test_it_is_trained_through_also_where_lines_lead_below_nothing():
    torch.manual_seed(0)
    image = torch.randn(1, 3, 64, 64)
    logits = (8.0 * torch.randn(1, 3, 64, 64)).requires_grad_()
    answer = GuidedFilter()(image, logits)
    assert float(answer.detach().min()) < np.log(FLOOR) - 1
    torch.nn.functional.cross_entropy(answer, torch.zeros(1, 64, 64, dtype=torch.long)).backward()
    assert bool(torch.isfinite(logits.grad).all())
    assert float(logits.grad.abs().sum()) > 0


def test_a_trained_network_takes_it_as_it_is():
    torch.manual_seed(0)
    plain = build_network(tiny("pspnet"), classes=3).eval()
    guided = build_network(tiny("pspnet-guided"), classes=3).eval()
    guided.load_state_dict(plain.state_dict())
    image = 255 * torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        wanted = GuidedFilter()((image - plain.mean) / plain.std, plain(image))
        assert torch.equal(guided(image), wanted)


def test_a_network_that_draws_borders_itself_has_none():
    with pytest.raises(ValueError, match="guided_filter means nothing to resunet"):
        NetworkConfig(architecture="resunet", guided_filter=True)


def test_what_it_cannot_be_led_by_is_refused():
    with pytest.raises(ConfigurationError, match="led by red, green and blue; the network sees 16"):
        build_network(tiny("pspnet-guided"), classes=2, channels=16)
    shallow = NetworkConfig(architecture="pspnet", encoder_depth=2, guided_filter=True)
    with pytest.raises(ConfigurationError, match="multiples of 4 px: take more of its stages"):
        build_network(shallow, classes=2)

"""Borders of minerals drawn where the photograph has them: a guided filter behind a network.

A network whose features are an eighth of the image draws borders as straight as its enlargement
does. Within a small window what is one mineral and what is the next is nearly linear in the colour:
of every window that line is fitted on a grid of 8 px to the probabilities of the network, and drawn
with the colours of every pixel. No weight belongs to it, so that trained networks take it as they
are, and it can be trained through.

References
----------
He, Sun & Tang 2013, doi:10.1109/TPAMI.2012.213 (guided filter). He & Sun 2015, arXiv:1505.00996
(lines fitted on a coarse grid). Wu et al. 2018, doi:10.1109/CVPR.2018.00197 (within a network).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["GRID_PX", "GUIDE_CHANNELS", "GuidedFilter"]

GUIDE_CHANNELS = 3
GRID_PX = 8
# Windows of 5 x 5 points of the grid, 40 px: docs/decisions/0016 compares others.
_RADIUS = 2
# Variance below which colours tell nothing, of images divided by their deviation: (2.5 grey
# levels)^2 at the deviation of LumenStone, 57.
_EPSILON = 2e-3
# Of fitted probabilities, which lines can carry below 0: from here down the logarithm goes on as
# its tangent, so that none is lost and each can be trained.
_FLOOR = 0.01


class GuidedFilter(nn.Module):
    """Fit probabilities to colours by windows, and draw them with the colours of every pixel."""

    def forward(self, image: Tensor, logits: Tensor) -> Tensor:
        """Map a normalised image (N, 3, H, W) and logits (N, K, H, W) to logits (N, K, H, W).

        H and W are multiples of `GRID_PX`.
        """
        # Variances are differences of near squares: no half precision. Nothing from here on is of
        # what autocast takes in half.
        image = image.float()
        # Of a sixty-fourth of the pixels: a softmax of all would take as long as the network.
        coarse = functional.avg_pool2d(logits.float(), GRID_PX)
        guide = functional.avg_pool2d(image, GRID_PX)
        slopes, offset = _lines(guide, torch.softmax(coarse, dim=1))
        drawn = _enlarged(offset, image)
        # One channel after the other: all slopes at full size would be four times the memory.
        for channel, slope in enumerate(slopes):
            drawn = drawn + _enlarged(slope, image) * image[:, channel : channel + 1]
        return _extended_log(drawn)


def _lines(guide: Tensor, values: Tensor) -> tuple[list[Tensor], Tensor]:
    """Slopes of the values (N, K, h, w) along every channel of the guide, and offsets."""
    channels = [guide[:, index : index + 1] for index in range(GUIDE_CHANNELS)]
    means = [_windowed(channel) for channel in channels]
    mean_value = _windowed(values)
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    products = _windowed(torch.cat([channels[i] * channels[j] for i, j in pairs], dim=1))
    variances = [
        products[:, index : index + 1] - means[i] * means[j] + (_EPSILON if i == j else 0.0)
        for index, (i, j) in enumerate(pairs)
    ]
    covariances = [
        _windowed(channel * values) - mean * mean_value
        for channel, mean in zip(channels, means, strict=True)
    ]
    slopes = _solved(variances, covariances)
    offset = mean_value
    for slope, mean in zip(slopes, means, strict=True):
        offset = offset - slope * mean
    # A pixel lies in many windows: the mean of their lines is drawn.
    return [_windowed(slope) for slope in slopes], _windowed(offset)


def _solved(matrix: list[Tensor], right: list[Tensor]) -> list[Tensor]:
    """Solve symmetric 3 x 3 systems, given as (aa, ab, ac, bb, bc, cc), by elimination (LDL^T).

    ONNX knows no inverse, and a determinant is all cancellation where the three colours go together,
    as they do in grey photographs.
    """
    aa, ab, ac, bb, bc, cc = matrix
    b_by_a, c_by_a = ab / aa, ac / aa
    second = bb - b_by_a * ab
    mixed = bc - b_by_a * ac
    c_by_b = mixed / second
    third = cc - c_by_a * ac - c_by_b * mixed
    right_b = right[1] - b_by_a * right[0]
    c = (right[2] - c_by_a * right[0] - c_by_b * right_b) / third
    b = right_b / second - c_by_b * c
    a = right[0] / aa - b_by_a * b - c_by_a * c
    return [a, b, c]


def _windowed(values: Tensor) -> Tensor:
    """Mean over the window about every point; beyond the rim there is nothing."""
    side = 2 * _RADIUS + 1
    rows = functional.avg_pool2d(
        values, (side, 1), stride=1, padding=(_RADIUS, 0), count_include_pad=False
    )
    return functional.avg_pool2d(
        rows, (1, side), stride=1, padding=(0, _RADIUS), count_include_pad=False
    )


def _enlarged(values: Tensor, image: Tensor) -> Tensor:
    size = (image.shape[2], image.shape[3])
    return functional.interpolate(values, size=size, mode="bilinear", align_corners=False)


def _extended_log(values: Tensor) -> Tensor:
    above = torch.log(values.clamp_min(_FLOOR))
    return above + (values - _FLOOR).clamp_max(0.0) / _FLOOR

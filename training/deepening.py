"""Weights of a residual network for a deeper one that begins as the same function.

A residual block adds to what passes through it, and what passes was rectified before. Where the last
normalisation of a block answers 0 nothing is added: a network with further such blocks answers as
the one without. That a network may begin so is the idea of Chen, Goodfellow & Shlens 2016
(arXiv:1511.05641, "Net2DeeperNet"); the scale of 0 is that of Goyal et al. 2017 (arXiv:1706.02677,
section 5.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

__all__ = ["deepened"]

# A block behind the first of its stage, as torchvision names it; the first changes channels or size.
_FURTHER_BLOCK = re.compile(r"network\.encoder\.layer\d+\.[1-9]\d*\.")


def deepened(weights: Mapping[str, Tensor], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Complete the weights of a network over a ResNet by blocks that change nothing yet.

    Parameters
    ----------
    weights : mapping of str to Tensor
        State dictionary of a trained network.
    fresh : mapping of str to Tensor
        That of a deeper one, as it was built.

    Returns
    -------
    dict of str to Tensor
        `weights`, and every block behind the first of a stage that only `fresh` has: as it was
        built, but for scale and offset of its last normalisation, which are 0. What else `weights`
        lacks is not made up for.
    """
    missing = fresh.keys() - weights.keys()
    further = {name: fresh[name] for name in missing if _FURTHER_BLOCK.match(name)}
    silent = {name: torch.zeros_like(further[name]) for name in _of_last_normalisations(further)}
    return {**weights, **further, **silent}


def _of_last_normalisations(names: Iterable[str]) -> set[str]:
    """Name scale and offset by which every block ends: one of three convolutions, or of two."""
    known = set(names)
    third = {name for name in known if name.endswith((".bn3.weight", ".bn3.bias"))}
    second = {name for name in known if name.endswith((".bn2.weight", ".bn2.bias"))}
    return third | {name for name in second if name.replace(".bn2.", ".bn3.") not in third}

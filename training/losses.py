"""Losses that do not punish what nobody annotated."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from training.batches import IGNORED_INDEX

__all__ = ["partial_cross_entropy"]


def partial_cross_entropy(
    logits: Tensor, target: Tensor, annotated: Tensor, *, background_index: int
) -> Tensor:
    """Cross-entropy in which "background" means "none of the minerals that were looked for".

    A subset annotates the minerals of its association only; what it calls background may be any
    mineral outside it. There the probability of background and of all unannotated classes counts
    together. A pixel annotated as a mineral is that mineral and nothing else.

    Parameters
    ----------
    logits : Tensor, shape (N, K, H, W)
        Scores.
    target : Tensor of int64, shape (N, H, W)
        Class indices; 255 is ignored.
    annotated : Tensor of bool, shape (N, K)
        Classes that the image's subset annotates.
    background_index : int
        Class index of background.

    Returns
    -------
    Tensor, shape ()
        Mean over the pixels that are not ignored; 0 when all are.
    """
    valid = target != IGNORED_INDEX
    per_pixel = functional.cross_entropy(
        logits.float(), target, ignore_index=IGNORED_INDEX, reduction="none"
    )
    log_background = _log_probability_of_unannotated(logits, annotated, background_index)
    background = valid & (target == background_index)
    per_pixel = torch.where(background, -log_background, per_pixel)
    return per_pixel.sum() / valid.sum().clamp(min=1)


def _log_probability_of_unannotated(
    logits: Tensor, annotated: Tensor, background_index: int
) -> Tensor:
    allowed = ~annotated
    allowed[:, background_index] = True
    scores = logits.float()
    masked = scores.masked_fill(~allowed[:, :, None, None], float("-inf"))
    return torch.logsumexp(masked, dim=1) - torch.logsumexp(scores, dim=1)

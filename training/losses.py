"""Losses that do not punish what nobody annotated.

All are functions of one set of probabilities, in which background and the minerals that an image's
subset does not annotate are one class: what the subset calls background may be any of them. A pixel
annotated as a mineral is that mineral and nothing else.

References
----------
Focal: Lin et al. 2017, doi:10.1109/ICCV.2017.324. Dice: Milletari et al. 2016,
doi:10.1109/3DV.2016.79. Lovasz-softmax: Berman et al. 2018, doi:10.1109/CVPR.2018.00464. Label
smoothing: Szegedy et al. 2016, doi:10.1109/CVPR.2016.308.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.batches import IGNORED_INDEX
from training.config import LossConfig

__all__ = ["combined_loss", "joined_log_probabilities"]

# Added to both sides of the Dice ratio, so that a class of a few pixels cannot swing it.
_DICE_SMOOTHING_PX = 100.0
# The Lovasz loss sorts its pixels, once per class: every fourth tells as much.
_LOVASZ_STRIDE_PX = 2


@dataclass(frozen=True)
class _Batch:
    """Logarithms of joined probabilities (N, K, H, W), class indices and what is annotated."""

    log_probability: Tensor
    target: Tensor
    valid: Tensor
    annotated: Tensor

    @property
    def log_of_target(self) -> Tensor:
        """(N, H, W), 0 where nothing is annotated."""
        index = self.target.where(self.valid, 0)[:, None]
        chosen = self.log_probability.gather(1, index)[:, 0]
        return chosen.where(self.valid, 0.0)

    @property
    def valid_px(self) -> Tensor:
        return self.valid.sum().clamp(min=1)


def combined_loss(
    logits: Tensor,
    target: Tensor,
    annotated: Tensor,
    *,
    background_index: int,
    config: LossConfig,
) -> Tensor:
    """Weigh and add the losses of a configuration.

    Parameters
    ----------
    logits : Tensor, shape (N, K, H, W)
        Scores.
    target : Tensor of int64, shape (N, H, W)
        Class indices; 255 is ignored.
    annotated : Tensor of bool, shape (N, K)
        Classes that the image's subset annotates; what is a target is annotated.
    background_index : int
        Class index of background.
    config : LossConfig
        Weights of the losses; those with weight 0 are not computed.

    Returns
    -------
    Tensor, shape ()
        0 when no pixel is annotated.
    """
    joined = joined_log_probabilities(logits, annotated, background_index=background_index)
    batch = _Batch(joined, target, target != IGNORED_INDEX, annotated)
    total = torch.zeros((), device=logits.device)
    if config.cross_entropy:
        total = total + config.cross_entropy * _cross_entropy(batch, config.label_smoothing)
    if config.focal:
        total = total + config.focal * _focal(batch, config.focal_gamma)
    if config.dice:
        total = total + config.dice * _dice(batch)
    if config.lovasz:
        total = total + config.lovasz * _lovasz(batch)
    return total


def joined_log_probabilities(logits: Tensor, annotated: Tensor, *, background_index: int) -> Tensor:
    """Logarithms of the probabilities in which background takes those of unannotated minerals.

    Parameters
    ----------
    logits : Tensor, shape (N, K, H, W)
        Scores.
    annotated : Tensor of bool, shape (N, K)
        Classes that the image's subset annotates.
    background_index : int
        Class index of background, which takes part whether annotated or not.

    Returns
    -------
    Tensor of float32, shape (N, K, H, W)
        Minus infinity for classes that are not annotated; the exponentials add up to 1.
    """
    scores = functional.log_softmax(logits.float(), dim=1)
    return torch.stack(
        [
            _joined(one, known, background_index)
            for one, known in zip(scores, annotated, strict=True)
        ]
    )


def _joined(scores: Tensor, known: Tensor, background_index: int) -> Tensor:
    """Join the classes of one image, (K, H, W)."""
    background = ~known
    background[background_index] = True
    if int(background.sum()) == 1:
        return scores
    together = torch.logsumexp(scores[background], dim=0)
    nothing = torch.full_like(together, float("-inf"))
    layers = [
        together if index == background_index else nothing if foreign else scores[index]
        for index, foreign in enumerate(background.tolist())
    ]
    return torch.stack(layers)


def _cross_entropy(batch: _Batch, smoothing: float) -> Tensor:
    loss = -batch.log_of_target.sum() / batch.valid_px
    if not smoothing:
        return loss
    possible = batch.annotated[:, :, None, None] & batch.valid[:, None]
    each = batch.log_probability.where(possible, 0.0).sum(dim=1)
    even = -(each / batch.annotated.sum(dim=1)[:, None, None]).sum() / batch.valid_px
    return (1.0 - smoothing) * loss + smoothing * even


def _focal(batch: _Batch, gamma: float) -> Tensor:
    log_probability = batch.log_of_target
    # The least keeps the slope finite where a probability is 1 in float32.
    hardness = (1.0 - log_probability.exp()).clamp(min=1e-6) ** gamma
    return -(hardness * log_probability).sum() / batch.valid_px


def _dice(batch: _Batch) -> Tensor:
    """One minus the mean Dice coefficient of the classes that occur in the batch."""
    probability = batch.log_probability.exp() * batch.valid[:, None]
    truth = torch.stack(
        [batch.target == index for index in range(probability.shape[1])], dim=1
    ).float()
    truth_px, seen_px = truth.sum(dim=(0, 2, 3)), probability.sum(dim=(0, 2, 3))
    common_px = (probability * truth).sum(dim=(0, 2, 3))
    dice = (2.0 * common_px + _DICE_SMOOTHING_PX) / (truth_px + seen_px + _DICE_SMOOTHING_PX)
    present = truth_px > 0
    return ((1.0 - dice) * present).sum() / present.sum().clamp(min=1)


def _lovasz(batch: _Batch) -> Tensor:
    """Mean over the classes that occur of the Lovasz extension of one minus the IoU."""
    lattice = (..., slice(None, None, _LOVASZ_STRIDE_PX), slice(None, None, _LOVASZ_STRIDE_PX))
    valid, target = batch.valid[lattice], batch.target[lattice]
    probability = batch.log_probability[lattice].exp()
    losses = [
        _lovasz_of_class(probability[:, index][valid], (target == index)[valid].float())
        for index in target[valid].unique().tolist()
    ]
    return torch.stack(losses).mean() if losses else probability.sum() * 0.0


def _lovasz_of_class(probability: Tensor, truth: Tensor) -> Tensor:
    errors, order = (truth - probability).abs().sort(descending=True)
    ordered = truth[order]
    union = ordered.sum() + (1.0 - ordered).cumsum(0)
    jaccard = 1.0 - (ordered.sum() - ordered.cumsum(0)) / union
    slope = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
    return errors @ slope

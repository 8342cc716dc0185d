"""From the sampler's plan to batches of tensors, the same for any number of workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from petrography.channels import RGB_CHANNELS
from petrography.minerals import class_index_table
from training.augmentation import augmented_patch
from training.config import AugmentationConfig, SamplerConfig
from training.lumenstone import Field
from training.sampler import BalancedSampler, Patch

__all__ = ["IGNORED_INDEX", "PatchDataset", "epoch_batches"]

IGNORED_INDEX = 255

Sample = tuple[Tensor, Tensor, Tensor]


class PatchDataset(Dataset[Sample]):
    """The patches of one epoch's plan, cut and augmented when asked for.

    Parameters
    ----------
    fields : sequence of Field
        Training fields.
    plan : sequence of Patch
        What to cut, in order.
    classes : sequence of int
        Codes of the network outputs.
    patch_shape_px : tuple of int
        Rows and columns of the patches.
    augmentation : AugmentationConfig
        Ranges of the random changes.
    channels : sequence of str
        Names of the channels of the images.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        plan: Sequence[Patch],
        *,
        classes: Sequence[int],
        patch_shape_px: tuple[int, int],
        augmentation: AugmentationConfig,
        channels: Sequence[str] = RGB_CHANNELS,
    ) -> None:
        self._fields, self._plan = fields, plan
        self._patch_shape_px, self._augmentation = patch_shape_px, augmentation
        self._channels = channels
        self._index_of = class_index_table(classes, other=IGNORED_INDEX)
        self._annotated = torch.tensor(
            [[code in field.annotated for code in classes] for field in fields]
        )

    def __len__(self) -> int:
        """Return the number of patches in the plan."""
        return len(self._plan)

    def __getitem__(self, position: int) -> Sample:
        """Return image (C, H, W) uint8, class indices (H, W) int64, annotated classes (K,) bool."""
        patch = self._plan[position]
        field = self._fields[patch.field]
        pixels, truth = augmented_patch(
            field.image,
            field.truth,
            row=patch.row,
            col=patch.col,
            patch_shape_px=self._patch_shape_px,
            config=self._augmentation,
            rng=np.random.default_rng(patch.seed),
            channels=self._channels,
        )
        target = torch.from_numpy(self._index_of[truth].astype(np.int64))
        image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        return image, target, self._annotated[patch.field]


def epoch_batches(
    fields: Sequence[Field],
    sampler: BalancedSampler,
    *,
    steps: int,
    classes: Sequence[int],
    config: SamplerConfig,
    augmentation: AugmentationConfig,
    channels: Sequence[str] = RGB_CHANNELS,
) -> Iterator[Sample]:
    """Draw the plan of one epoch and iterate over its batches in order.

    Yields
    ------
    Tensor of uint8 (B, C, H, W), Tensor of int64 (B, H, W), Tensor of bool (B, K)
        Images, class indices with 255 ignored, and the classes that each image's subset annotates.
    """
    dataset = PatchDataset(
        fields,
        sampler.draw(steps * config.batch),
        classes=classes,
        patch_shape_px=config.patch_shape_px,
        augmentation=augmentation,
        channels=channels,
    )
    loader = DataLoader(
        dataset,
        batch_size=config.batch,
        num_workers=config.workers,
        pin_memory=torch.cuda.is_available(),
    )
    return iter(loader)

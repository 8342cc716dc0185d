"""A torch network as a `petrography.segmentation.Predictor`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from petrography.images import Confidence, Labels

__all__ = ["TorchPredictor"]


@dataclass(frozen=True)
class TorchPredictor:
    """Runs a network on tiles.

    Attributes
    ----------
    network : torch.nn.Module
        Maps (N, C, H, W), 0-255, to logits.
    allowed : tuple of bool
        Classes that may occur; the others are masked before the softmax.
    temperature : float
        Divides the logits.
    device : torch.device
        Where the network lies.
    """

    network: nn.Module
    allowed: tuple[bool, ...]
    temperature: float = 1.0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @torch.inference_mode()
    def probabilities(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map uint8 (N, H, W, C) to probabilities float32 (N, K, H, W)."""
        image = torch.from_numpy(np.ascontiguousarray(tiles.transpose(0, 3, 1, 2)))
        logits = self.network(image.to(self.device, torch.float32)) / self.temperature
        masked = torch.tensor([not one for one in self.allowed], device=self.device)
        logits = logits.masked_fill(masked[None, :, None, None], float("-inf"))
        return np.asarray(torch.softmax(logits, dim=1).cpu().numpy(), dtype=np.float32)

    def labels(self, tiles: NDArray[np.uint8]) -> tuple[Labels, Confidence]:
        """Map uint8 (N, H, W, C) to class indices and confidence, both uint8 (N, H, W)."""
        probabilities = self.probabilities(tiles)
        confidence = np.rint(probabilities.max(axis=1) * 255.0).astype(np.uint8)
        return probabilities.argmax(axis=1).astype(np.uint8), confidence

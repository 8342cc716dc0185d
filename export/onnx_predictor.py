"""An exported graph as a `petrography.segmentation.Predictor`, for parity and evaluation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

# Before its first import, or ONNX Runtime's own wheels send usage events.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort
from numpy.typing import NDArray

from petrography.images import Confidence, Labels

__all__ = ["ExportedGraph", "open_graph"]


@dataclass(frozen=True)
class ExportedGraph:
    """An open ONNX graph and the classes that may occur.

    Attributes
    ----------
    session : onnxruntime.InferenceSession
        The graph of `export.graph.ServedGraph`.
    classes : tuple of int
        Code of every output.
    allowed : tuple of bool
        Classes that may occur.
    """

    session: ort.InferenceSession
    classes: tuple[int, ...]
    allowed: tuple[bool, ...]

    def labels(self, tiles: NDArray[np.uint8]) -> tuple[Labels, Confidence]:
        """Map uint8 (N, H, W, C) to class indices and confidence, both uint8 (N, H, W)."""
        labels, confidence = self._run(["labels", "confidence"], tiles)
        return labels.view(np.uint8), confidence.view(np.uint8)

    def probabilities(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map uint8 (N, H, W, C) to probabilities float32 (N, K, H, W)."""
        return self._run(["probabilities"], tiles)[0].view(np.float32)

    def predictor_for(self, codes: Sequence[int]) -> ExportedGraph:
        """Return the same graph with only these codes allowed."""
        return replace(self, allowed=tuple(code in codes for code in self.classes))

    def _run(self, outputs: list[str], tiles: NDArray[np.uint8]) -> list[NDArray[np.generic]]:
        allowed = np.tile(np.array(self.allowed, dtype=np.float32), (len(tiles), 1))
        answers: list[NDArray[np.generic]] = self.session.run(
            outputs, {"image": tiles, "allowed": allowed}
        )
        return answers


def open_graph(onnx_bytes: bytes, *, classes: tuple[int, ...]) -> ExportedGraph:
    """Open an exported graph on the CPU, all classes allowed."""
    options = ort.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
    return ExportedGraph(session, classes, (True,) * len(classes))

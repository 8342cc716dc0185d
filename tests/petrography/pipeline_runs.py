"""A pipeline to run in tests: painted blocks, and the class of the nearest colour as its network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from petrography.image_codec import ImageLimits, encode_png
from petrography.phantoms import StageSeries
from petrography.pipeline import AnalysisRequest, analyse
from tests.tiny_model import CODES, COLOURS, tiny_card


class NearestColourPredictor:
    """The tiny model without ONNX Runtime: the class of the nearest colour."""

    def __init__(self, allowed: tuple[int, ...]) -> None:
        self.allowed = [code in allowed for code in CODES]

    def probabilities(self, tiles):
        difference = tiles[:, None].astype(np.float32) - COLOURS[:, None, None].astype(np.float32)
        closeness = np.exp(-(difference**2).sum(axis=-1) / 2000.0) + 1e-6
        closeness[:, [not one for one in self.allowed]] = 0.0
        return (closeness / closeness.sum(axis=1, keepdims=True)).astype(np.float32)

    def labels(self, tiles):
        probabilities = self.probabilities(tiles)
        confidence = np.rint(probabilities.max(axis=1) * 255).astype(np.uint8)
        return probabilities.argmax(axis=1).astype(np.uint8), confidence


def painted_blocks():
    """Labels of blocks of 24 px, and the photograph of them."""
    blocks = np.random.default_rng(3).integers(0, 4, (6, 8))
    index = np.kron(blocks, np.ones((24, 24), dtype=np.intp))
    return np.array(CODES, dtype=np.uint8)[index], COLOURS[index]


def run(data, request=None, do=analyse, **changes):
    arguments = {
        "card": tiny_card(),
        "predictor_for": NearestColourPredictor,
        "analysis_id": "a-1",
        "limits": ImageLimits(),
        "software": {"petroserve": "0"},
    }
    return do(data, request or AnalysisRequest(), **(arguments | changes))


def view_readers(series: StageSeries) -> dict[str, Callable[[], bytes]]:
    """The views of a stage as they are sent: ppl0, ppl1 ... and xpl0, xpl1 ..., each a PNG."""
    encoded = {f"ppl{i}": encode_png(view.image) for i, view in enumerate(series.ppl)}
    encoded |= {f"xpl{i}": encode_png(view.image) for i, view in enumerate(series.xpl)}
    return {name: partial(bytes, content) for name, content in encoded.items()}

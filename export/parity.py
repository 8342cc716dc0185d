"""Proof that the ONNX file computes what the checkpoint computed, also at sizes never traced.

PSPNet once exported without complaint and gave other labels at another size; a graph is therefore
never published on the word of the exporter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from export.onnx_predictor import ExportedGraph
from petrography.errors import ConfigurationError
from petrography.model_card import Parity, TileGeometry
from training.torch_predictor import TorchPredictor

__all__ = [
    "MAX_DIFFERING_LABEL_FRACTION",
    "MAX_PROBABILITY_DIFFERENCE",
    "prove_parity",
    "untraced_side_px",
]

# float32 sums in another order: a hundred times what was seen (5e-6), far below a wrong bin.
MAX_PROBABILITY_DIFFERENCE = 1e-3
MAX_DIFFERING_LABEL_FRACTION = 1e-4
# Classes this near each other are a tie, which rounding alone decides.
_TIE = 1e-5


def untraced_side_px(geometry: TileGeometry) -> int:
    """Choose the height, in px, of a tile that shows whether a graph is right at other sizes too.

    About half of the traced side and three strides, and never the traced side itself.
    """
    multiple_px = geometry.multiple_px
    strides = geometry.size_px // 2 // multiple_px + 3
    return multiple_px * (strides + (strides * multiple_px == geometry.size_px))


def prove_parity(
    network: nn.Module,
    graph: ExportedGraph,
    tiles: Sequence[NDArray[np.uint8]],
    *,
    temperature: float,
) -> tuple[Parity, ...]:
    """Compare torch and ONNX Runtime on tiles of several sizes.

    Parameters
    ----------
    network : torch.nn.Module
        The checkpoint's network, in evaluation mode, on the CPU.
    graph : ExportedGraph
        What was exported from it.
    tiles : sequence of ndarray of uint8, shape (N, H, W, C)
        Real tiles, one array for each size; one of another size than the traced.
    temperature : float
        That was folded into the graph.

    Returns
    -------
    tuple of Parity
        One entry for each size.

    Raises
    ------
    ConfigurationError
        If they differ by more than rounding, or all tiles have one size.
    """
    if len({array.shape[1:3] for array in tiles}) < 2:
        msg = f"parity wants tiles of at least two sizes, given {[one.shape for one in tiles]}"
        raise ConfigurationError(msg)
    torch_predictor = TorchPredictor(network, graph.allowed, temperature=temperature)
    proof = tuple(_compare(torch_predictor, graph, array) for array in tiles)
    _require_parity(proof)
    return proof


def _compare(
    torch_predictor: TorchPredictor, graph: ExportedGraph, tiles: NDArray[np.uint8]
) -> Parity:
    wanted = torch_predictor.probabilities(tiles)
    got = graph.probabilities(tiles)
    labels, _ = graph.labels(tiles)
    return Parity(
        height_px=tiles.shape[1],
        width_px=tiles.shape[2],
        max_probability_difference=float(np.abs(wanted - got).max()),
        differing_label_fraction=float(_beaten(wanted, labels).mean()),
    )


def _beaten(probabilities: NDArray[np.float32], labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a label, shape (N, H, W), is not the most probable one and no tie with it."""
    of_label = np.take_along_axis(probabilities, labels[:, None].astype(np.intp), axis=1)[:, 0]
    beaten: NDArray[np.bool_] = probabilities.max(axis=1) - of_label > _TIE
    return beaten


def _require_parity(proof: Sequence[Parity]) -> None:
    for one in proof:
        if (
            one.max_probability_difference <= MAX_PROBABILITY_DIFFERENCE
            and one.differing_label_fraction <= MAX_DIFFERING_LABEL_FRACTION
        ):
            continue
        msg = (
            f"ONNX and torch differ at {one.height_px}x{one.width_px} px: probabilities by up to "
            f"{one.max_probability_difference:.2g} (wanted {MAX_PROBABILITY_DIFFERENCE:g}), labels "
            f"in {one.differing_label_fraction:.2%} of the pixels; the file is not published"
        )
        raise ConfigurationError(msg)

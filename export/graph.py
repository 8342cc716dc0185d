"""The graph that is served: an image as it is in, labels, confidence or probabilities out.

Normalisation, temperature and the mask of the association are inside, so that every caller gets
the same numbers. The softmax is written out as ``exp(y - max y) / sum``: over the channels of an
image ONNX Runtime's own node transposes twice and costs more than half of a small network, and
labels and confidence need its parts only. The service cuts the graph to the outputs it needs.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from petrography.errors import ConfigurationError

__all__ = ["OPSET", "ServedGraph", "to_onnx"]

# The newest opset that both exporters of torch and every supported ONNX Runtime know.
OPSET = 18
# Added to the logits of classes that may not occur: far below any logit, far above -inf, so that
# no difference of infinities arises.
_MASKED_LOGIT = 1e4


class ServedGraph(nn.Module):
    """A network with everything that belongs before and after it.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (N, C, H, W), 0-255, to logits (N, K, H, W).
    temperature : float
        Divides the logits.
    """

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, image: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Segment tiles.

        Parameters
        ----------
        image : Tensor of uint8, shape (N, H, W, C)
            Tiles.
        allowed : Tensor of float32, shape (N, K)
            1 for classes that may occur, 0 for the others.

        Returns
        -------
        Tensor of uint8 (N, H, W), Tensor of uint8 (N, H, W), Tensor of float32 (N, K, H, W)
            Class indices, 255 times the highest probability, all probabilities.
        """
        logits = self.network(image.permute(0, 3, 1, 2).to(torch.float32)) / self.temperature
        logits = logits + (allowed[:, :, None, None] - 1.0) * _MASKED_LOGIT
        highest, label = logits.max(dim=1, keepdim=True)
        exponentials = torch.exp(logits - highest)
        top_probability = torch.reciprocal(exponentials.sum(dim=1, keepdim=True))
        return (
            label[:, 0].to(torch.uint8),
            torch.round(255.0 * top_probability[:, 0]).to(torch.uint8),
            exponentials * top_probability,
        )


def to_onnx(
    network: nn.Module, *, classes: int, temperature: float, tile_px: int, channels: int = 3
) -> bytes:
    """Trace a network into an ONNX file with dynamic batch and sides, and check it.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, on the CPU; maps (N, C, H, W), 0-255, to logits.
    classes : int
        Number of classes K.
    temperature : float
        See `ServedGraph`.
    tile_px : int
        Side of the traced tile.
    channels : int
        Channels of the image.

    Returns
    -------
    bytes
        The ONNX model.

    Raises
    ------
    ConfigurationError
        If the network cannot be traced or the file does not pass the ONNX checker.
    """
    try:
        model = _traced(ServedGraph(network, temperature).eval(), classes, tile_px, channels)
        onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    except (RuntimeError, onnx.checker.ValidationError, torch.onnx.OnnxExporterError) as error:
        msg = f"the network cannot be exported to ONNX opset {OPSET}: {error}"
        raise ConfigurationError(msg) from error
    return model


def _traced(graph: ServedGraph, classes: int, tile_px: int, channels: int) -> bytes:
    example = (
        torch.zeros(2, tile_px, tile_px, channels, dtype=torch.uint8),
        torch.ones(2, classes, dtype=torch.float32),
    )
    plane = {0: "n", 1: "height", 2: "width"}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing remarks; parity is proven afterwards
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            graph,
            example,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["image", "allowed"],
            output_names=["labels", "confidence", "probabilities"],
            dynamic_axes={
                "image": plane,
                "allowed": {0: "n"},
                "labels": plane,
                "confidence": plane,
                "probabilities": {0: "n", 2: "height", 3: "width"},
            },
        )
        return path.read_bytes()

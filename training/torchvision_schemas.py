"""Lets torchvision be imported beside a torch of another build; import this module first.

PyPI's torchvision is compiled against CUDA. Beside a CPU torch its C++ operators do not load and
``import torchvision`` (and with it timm and segmentation-models-pytorch) fails with "operator
torchvision::nms does not exist", although nothing here ever calls those operators. Declaring their
schemas beforehand is enough. Beside a CUDA torch nothing is declared and nothing changes.
"""

from __future__ import annotations

import importlib.metadata

import torch

__all__ = ["declare_torchvision_operators"]

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_KEPT: list[torch.library.Library] = []


def declare_torchvision_operators() -> None:
    """Declare torchvision's operator schemas once, unless torch has a CUDA build."""
    if _KEPT or torch.version.cuda is not None or not _torchvision_installed():
        return
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _KEPT.append(library)  # the schemas live as long as the library object


def _torchvision_installed() -> bool:
    try:
        importlib.metadata.version("torchvision")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True

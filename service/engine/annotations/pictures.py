"""The files of an annotation that follow from its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.annotation import Annotation
from petrography.image_codec import decode_image, encode_jpeg, encode_png
from petrography.report import overlay

__all__ = ["DRAWN_FILES", "painted"]

Plane: TypeAlias = NDArray[np.uint8]

# What each file shows of an annotation.
DRAWN_FILES: Mapping[str, Callable[[Annotation], Plane]] = MappingProxyType(
    {
        "labels.png": lambda drawn: drawn.labels,
        "confidence.png": lambda drawn: drawn.confidence,
        "origin.png": lambda drawn: drawn.origin,
        "overlay.jpg": lambda drawn: drawn.labels,
    }
)


def painted(name: str, drawn: Annotation, photograph: Callable[[], bytes]) -> bytes:
    """Write a file.

    Parameters
    ----------
    name : str
        One of `DRAWN_FILES`.
    drawn : Annotation
        As it stands.
    photograph : callable
        Reads the encoded photograph, where the file shows it.
    """
    plane = DRAWN_FILES[name](drawn)
    if name.endswith(".png"):
        return encode_png(plane)
    return encode_jpeg(overlay(decode_image(photograph()).pixels, plane))

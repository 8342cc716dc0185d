"""Images and trees of superpixels on which strokes have known answers."""

from __future__ import annotations

import numpy as np

from petrography.annotation import Annotation, Stroke, Superpixels
from petrography.images import Image

HEIGHT, WIDTH = 120, 160
RED, BLUE = (200, 60, 50), (40, 70, 190)


def two_colours() -> Image:
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[:, : WIDTH // 2], image[:, WIDTH // 2 :] = RED, BLUE
    return image


def one_colour() -> Image:
    return np.full((HEIGHT, WIDTH, 3), RED, dtype=np.uint8)


def row_of_leaves(lightness: list[float], middle: list[int], top: list[int]) -> Superpixels:
    """Leaves of 10 x 10 px in a row, each beside the next."""
    count = len(lightness)
    leaves = np.repeat(np.arange(count, dtype=np.int32), 10)[None, :].repeat(10, axis=0)
    colours = np.zeros((count, 3), dtype=np.float32)
    colours[:, 0] = lightness
    edges = np.stack([np.arange(count - 1), np.arange(1, count)], axis=1).astype(np.int32)
    return Superpixels(
        leaves=leaves,
        middle=np.array(middle, dtype=np.int32),
        top=np.array(top, dtype=np.int32),
        colour_lab=colours,
        edges=edges,
        reduction=1,
    )


def leaf_labels(annotation: Annotation) -> list[int]:
    """Labels of the last row of a row of leaves, one for each, on which nobody drew."""
    return annotation.labels[-1, 5::10].tolist()


def dot(code: int | None, row: float, column: float, width_px: float = 5.0) -> Stroke:
    return Stroke(code=code, points=((row, column),), width_px=width_px)


def planes(annotation: Annotation) -> bytes:
    return b"".join(
        plane.tobytes() for plane in (annotation.labels, annotation.confidence, annotation.origin)
    )

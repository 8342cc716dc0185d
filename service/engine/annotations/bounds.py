"""How much may be drawn: strokes cost time by the rectangles around them, and memory by their ink."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from petrography.annotation import Stroke
from petrography.annotation.strokes import require_inside
from petrography.errors import InvalidParameterError
from service.engine.annotations.documents import OfferedClass

__all__ = ["MAX_DISPUTED", "ink_px", "require_drawable"]

# Each of the three about a second on one core, on 32 megapixels and 190 000 superpixels: seven
# strokes across a photograph of 3396 x 2547.
_MAX_STEP_BOX_PX = 64_000_000
# What is taken back needs 10 bytes for every pixel that was drawn over.
_MAX_STEP_INK_PX = 6_000_000
# Superpixels whose pixels are told apart one by one, a fifth of a millisecond each.
MAX_DISPUTED = 3_000
_MAX_INK_PX = 100_000_000


def require_drawable(
    strokes: Sequence[Stroke],
    shape: tuple[int, int],
    offered: Sequence[OfferedClass],
    drawn_px: float,
) -> None:
    """Check that strokes may be drawn on an annotation.

    Parameters
    ----------
    strokes : sequence of Stroke
        Of one step.
    shape : tuple of int
        Height and width of the photograph.
    offered : sequence of OfferedClass
        The classes of the annotation.
    drawn_px : float
        Ink of the steps that stand already, see `ink_px`.

    Raises
    ------
    InvalidParameterError
        If a class is not offered, a point is not on the image, or it is too much.
    """
    require_inside(strokes, shape)
    _require_offered(strokes, {one.code: one.symbol for one in offered})
    box_px = sum(_box_px(stroke, shape) for stroke in strokes)
    step_px = ink_px(strokes, shape)
    for given, most, what in (
        (box_px, _MAX_STEP_BOX_PX, "the rectangles around the strokes of the step"),
        (step_px, _MAX_STEP_INK_PX, "the strokes of the step"),
        (drawn_px + step_px, _MAX_INK_PX, "all strokes of the annotation"),
    ):
        if given > most:
            msg = (
                f"{what} have {given:.0f} pixels together, those that lie over one another counted "
                f"several times; at most {most} are taken; wanted fewer, shorter or thinner strokes"
            )
            raise InvalidParameterError(msg)


def _require_offered(strokes: Sequence[Stroke], offered: Collection[int]) -> None:
    for index, stroke in enumerate(strokes):
        if stroke.code is not None and stroke.code not in offered:
            names = ", ".join(map(str, offered))
            msg = (
                f"stroke {index} has code {stroke.code}, which this annotation does not offer; "
                f"wanted one of {names}, or null to take labels away"
            )
            raise InvalidParameterError(msg)


def ink_px(strokes: Sequence[Stroke], shape: tuple[int, int]) -> float:
    """Count what strokes cover, at most: what lies over one another counts several times.

    Parameters
    ----------
    strokes : sequence of Stroke
        On the image.
    shape : tuple of int
        Its height and width in pixels.
    """
    return sum(min(_box_px(stroke, shape), _line_px(stroke)) for stroke in strokes)


def _line_px(stroke: Stroke) -> float:
    points = np.array(stroke.points)
    length_px = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    # The round ends, and a pixel beyond: lines go from pixel to pixel.
    width_px = stroke.width_px + 1.0
    return float((length_px + width_px) * width_px)


def _box_px(stroke: Stroke, shape: tuple[int, int]) -> float:
    points, margin_px = np.array(stroke.points), stroke.width_px / 2 + 1.0
    first = np.maximum(points.min(axis=0) - margin_px, 0.0)
    last = np.minimum(points.max(axis=0) + margin_px, shape)
    return float((last - first).prod())

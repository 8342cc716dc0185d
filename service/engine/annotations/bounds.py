"""How much may be drawn: strokes cost time by their rectangles, ink and disputes, memory by ink."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from petrography.annotation import MAX_STROKES, Stroke
from petrography.annotation.strokes import require_inside
from petrography.errors import InvalidParameterError
from service.engine.annotations.documents import OfferedClass

__all__ = ["disputes_left", "ink_px", "portions", "require_drawable"]

# All the work of a step: each of the three alone takes about a second on one core, on 32 megapixels
# and 190 000 superpixels. The rectangles are seven strokes across a photograph of 3396 x 2547.
_STEP_BOX_PX = 64_000_000
# What is taken back needs 10 bytes for every pixel that was drawn over.
_STEP_INK_PX = 6_000_000
# Superpixels whose pixels are told apart one by one.
_STEP_DISPUTES = 3_000
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
    _require_one_step(strokes, shape)
    all_px = drawn_px + ink_px(strokes, shape)
    if all_px > _MAX_INK_PX:
        msg = (
            f"all strokes of the annotation cover {all_px:.0f} pixels together, those that lie over "
            f"one another counted several times; at most {_MAX_INK_PX} are taken; wanted fewer, "
            "shorter or thinner strokes, or a new annotation of the same photograph"
        )
        raise InvalidParameterError(msg)


def disputes_left(strokes: Sequence[Stroke], shape: tuple[int, int]) -> int:
    """Count the superpixels in dispute that a step may touch beside its other work.

    Parameters
    ----------
    strokes : sequence of Stroke
        Of a step that may be drawn.
    shape : tuple of int
        Height and width of the photograph.
    """
    return int(_STEP_DISPUTES * (1.0 - sum(_work(stroke, shape) for stroke in strokes)))


def portions(strokes: Sequence[Stroke], shape: tuple[int, int]) -> Iterator[Sequence[Stroke]]:
    """Divide strokes of a record into as few parts as may be drawn in one go.

    Parameters
    ----------
    strokes : sequence of Stroke
        Of any number of steps that were drawn.
    shape : tuple of int
        Height and width of the photograph.
    """
    first, work = 0, 0.0
    for index, stroke in enumerate(strokes):
        more = _work(stroke, shape)
        if index > first and (work + more > 1.0 or index - first == MAX_STROKES):
            yield strokes[first:index]
            first, work = index, 0.0
        work += more
    if strokes:
        yield strokes[first:]


def _work(stroke: Stroke, shape: tuple[int, int]) -> float:
    """Share of the work of one step that a stroke takes, without its disputes."""
    box_px = _box_px(stroke, shape)
    return box_px / _STEP_BOX_PX + min(box_px, _line_px(stroke)) / _STEP_INK_PX


def _require_one_step(strokes: Sequence[Stroke], shape: tuple[int, int]) -> None:
    work = np.cumsum([_work(stroke, shape) for stroke in strokes])
    if work[-1] <= 1.0:
        return
    count = int(np.count_nonzero(work <= 1.0))
    box_px = sum(_box_px(stroke, shape) for stroke in strokes)
    wanted = f"the first {count} of {len(strokes)} strokes, and the others in further steps"
    msg = (
        f"the rectangles around the strokes have {box_px:.0f} pixels together, the strokes of the "
        f"step cover {ink_px(strokes, shape):.0f}, those that lie over one another counted several "
        f"times: {work[-1]:.1%} of the work of one step, which is {_STEP_BOX_PX} pixels of the "
        f"former, {_STEP_INK_PX} of the latter, or a part of each; wanted "
        f"{wanted if count else 'a shorter or thinner stroke first'}"
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

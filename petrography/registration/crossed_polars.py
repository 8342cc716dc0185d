"""Views between crossed polars lie as their plane-polarised partners do; this is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.errors import RegistrationError
from petrography.images import Image
from petrography.registration.geometry import (
    Matrix,
    Shape,
    applied,
    as_matrix,
    corner_shift_px,
    joined,
    overlap_fraction,
    rotation_deg,
)
from petrography.registration.pairwise import register
from petrography.registration.view_registration import ViewRegistration, rows_of

__all__ = ["CrossedView", "PlacedViews", "compare_with_partner", "place_by_partners"]

# What crossed and plane-polarised light show of an edge differs by less.
_NO_SHIFT_PX = 1.0
# A view that lies farther than this from where the others say was moved between the photographs.
_MOVED_PX = 3.0


@dataclass(frozen=True)
class CrossedView:
    """A view between crossed polars, its partner, and how they compare.

    Attributes
    ----------
    name : str
        Of the view.
    shape : tuple of int
        (height, width) of both.
    partner : ViewRegistration
        How the plane-polarised view lies over the reference.
    own : ViewRegistration or None
        How the view lies over its partner; None where they show too little in common to tell.
    """

    name: str
    shape: Shape
    partner: ViewRegistration
    own: ViewRegistration | None

    @property
    def shift_px(self) -> NDArray[np.float64] | None:
        """By how much (x, y) the middle of the view moves to lie over its partner."""
        if self.own is None:
            return None
        height_px, width_px = self.shape
        middle = np.array([[width_px - 1, height_px - 1]]) / 2.0
        return np.asarray((applied(self.own.as_matrix(), middle) - middle)[0], dtype=np.float64)


@dataclass(frozen=True)
class PlacedViews:
    """Where the views lie, how the analyser moves the picture, and what to doubt."""

    views: tuple[ViewRegistration, ...]
    analyser_shift_px: tuple[float, float] | None
    warnings: tuple[str, ...]


def compare_with_partner(
    name: str, crossed: Image, plain: Image, partner: ViewRegistration
) -> CrossedView:
    """Lay a view over its partner, if what both show allows it."""
    try:
        own = register(plain, crossed, name=name, stage_angle_deg=0.0)
    except RegistrationError:
        # Grains at extinction show nothing: the stage is believed then.
        own = None
    return CrossedView(name, (plain.shape[0], plain.shape[1]), partner, own)


def place_by_partners(views: Sequence[CrossedView], reference_shape: Shape) -> PlacedViews:
    """Lay views over the reference by their partners.

    The analyser moves every picture alike, so that the median over all pairs says it better than
    any pair; below 1 px it cannot be told from none.
    """
    if not views:
        return PlacedViews((), None, ())
    shifts = [one.shift_px for one in views if one.shift_px is not None]
    median = np.median(shifts, axis=0) if shifts else np.zeros(2)
    shift = as_matrix(np.eye(2), median * float(np.hypot(*median) >= _NO_SHIFT_PX))
    moved = [one.name for one in views if _was_moved(one, shift)]
    placed = tuple(
        _by_itself(one, reference_shape)
        if one.name in moved
        else _carried(one, shift, reference_shape)
        for one in views
    )
    alone = [one.name for one in views if one.own is None]
    x, y = shift[:, 2].tolist()
    return PlacedViews(
        placed, (x, y) if shifts else None, _warnings(moved, alone, compared=len(shifts))
    )


def _was_moved(one: CrossedView, shift: Matrix) -> bool:
    if one.own is None:
        return False
    return corner_shift_px(one.own.as_matrix(), shift, one.shape) > _MOVED_PX


def _by_itself(one: CrossedView, reference_shape: Shape) -> ViewRegistration:
    own = one.own or one.partner
    return _lying(own, one, own.as_matrix(), reference_shape)


def _carried(one: CrossedView, shift: Matrix, reference_shape: Shape) -> ViewRegistration:
    carrying = one.partner.model_copy(
        update={"name": one.name, "method": "carried", "carried_by": one.partner.name}
    )
    return _lying(carrying, one, shift, reference_shape)


def _lying(
    known: ViewRegistration, one: CrossedView, to_partner: Matrix, reference_shape: Shape
) -> ViewRegistration:
    """Put the way over the partner in place of what is known."""
    matrix = joined(one.partner.as_matrix(), to_partner)
    lies = {
        "matrix": rows_of(matrix),
        "overlap_fraction": overlap_fraction(matrix, one.shape, reference_shape),
        "rotation_deg": rotation_deg(matrix),
    }
    return ViewRegistration.model_validate({**known.model_dump(), **lies})


def _warnings(moved: Sequence[str], alone: Sequence[str], *, compared: int) -> tuple[str, ...]:
    found = []
    if not compared:
        found.append(
            "no view between crossed polars could be compared with its plane-polarised partner; "
            "they are laid as their partners, which is wrong if the analyser moves the picture"
        )
    # Grains that are extinct at one angle leave others; where most views compare, one that does not
    # is more likely to be of another place, or black.
    if alone and compared > len(alone):
        found.append(
            f"{', '.join(alone)}: shows nothing that can be compared with its plane-polarised "
            "partner, as the other views do; is it of this field? It is laid as its partner"
        )
    if moved:
        found.append(
            f"{', '.join(moved)}: moved by more than {_MOVED_PX:g} px between plane-polarised and "
            "crossed polars, and matched by the images alone"
        )
    return tuple(found)

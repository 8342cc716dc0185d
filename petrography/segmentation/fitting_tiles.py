"""Making a map again with smaller tiles where memory does not suffice for those of the card."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from petrography.errors import TileTooLargeError
from petrography.model_card import TileGeometry

__all__ = ["with_fitting_tiles"]

Made = TypeVar("Made")


def with_fitting_tiles(
    geometry: TileGeometry, make: Callable[[TileGeometry], Made]
) -> tuple[Made, TileGeometry]:
    """Make something from tiles of one size, the largest that memory suffices for.

    What tiles overlap, and what a network with global pooling sees, depends on their size. So
    nothing of a try is kept that ended for want of memory: the map is that of the tiles that it was
    made of in the end, whenever the memory ran out.

    Parameters
    ----------
    geometry : TileGeometry
        How the model wants to be fed.
    make : callable
        Makes all of it with tiles as stated; called again after `TileTooLargeError`.

    Returns
    -------
    made, geometry : tuple
        What was made, and with which tiles.

    Raises
    ------
    TileTooLargeError
        If smaller tiles were no smaller.
    """
    while True:
        try:
            return make(geometry), geometry
        except TileTooLargeError as error:
            if error.most_px >= geometry.size_px:
                raise
            # Its frames hold the arrays of that try, which may be as large as the image.
            error.__traceback__ = None
            geometry = geometry.model_copy(update={"size_px": error.most_px})

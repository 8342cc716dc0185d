"""Which analyses are interactive: those of small images, unless their client can wait."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from petrography.errors import ImageError
from petrography.image_codec import read_size
from service.engine.source_files import Readable
from service.runtime import Priority
from service.settings import Settings

__all__ = ["Startable", "image_priority", "size_of"]

# Holds the header of nearly every PNG and JPEG, an EXIF thumbnail and a colour profile included.
_START_BYTES = 256 * 1024


@runtime_checkable
class Startable(Protocol):
    """A file whose begin can be read by itself."""

    def read_start(self, size_bytes: int) -> bytes:
        """Read its first bytes, or all if there are fewer."""


def size_of(image: Readable) -> tuple[int, int]:
    """Read height and width in pixels from the header of a file.

    Raises
    ------
    ImageError
        If it has none that can be read.
    """
    if isinstance(image, Startable):
        try:
            return read_size(image.read_start(_START_BYTES))
        except ImageError:
            # Headers of TIFF may stand anywhere.
            return read_size(image.read())
    return read_size(image.read())


def image_priority(image: Readable, settings: Settings) -> Priority:
    """Find the priority of an analysis from the size of its image.

    Parameters
    ----------
    image : Readable
        The file. One whose begin cannot be read by itself counts as large: it may be read once
        only.
    settings : Settings
        `interactive_pixels` is used.
    """
    if not isinstance(image, Startable):
        return "bulk"
    try:
        height_px, width_px = size_of(image)
    except ImageError:
        # It will be refused at once, with a better reason than could be given here.
        return "interactive"
    return "interactive" if height_px * width_px <= settings.interactive_pixels else "bulk"

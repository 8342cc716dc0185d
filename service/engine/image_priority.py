"""Which analyses are interactive: those of small images, unless their client can wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

from petrography.errors import ImageError, InvalidParameterError, MissingPartError
from petrography.image_codec import Encoded, read_size, read_um_per_px
from petrography.pipeline import AnalysisRequest
from service.engine.estimating import EstimateRequest
from service.engine.scratch_files import ScratchFiles
from service.engine.source_files import Readable, encoded_in
from service.runtime import Priority
from service.settings import Settings

__all__ = [
    "Startable",
    "priority_of",
    "required_size",
    "size_if_known",
    "size_of",
    "with_scale_of",
]

_Told = TypeVar("_Told")
_Asked = TypeVar("_Asked", bound=AnalysisRequest)

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
    return _told_by_header(image, read_size)


def with_scale_of(image: Readable | None, request: _Asked) -> _Asked:
    """State the pixel size that an image brings along where the request states none.

    An analysis takes it as well.
    """
    if image is None or request.um_per_px is not None:
        return request
    try:
        um_per_px = _told_by_header(image, read_um_per_px)
    except ImageError:
        # The begin of a file is enough for an estimate, though its scale may stand at the end.
        return request
    return request.model_copy(update={"um_per_px": um_per_px})


def _told_by_header(image: Readable, read: Callable[[Encoded], _Told]) -> _Told:
    if isinstance(image, Startable):
        try:
            return read(image.read_start(_START_BYTES))
        except ImageError:
            # Headers of TIFF may stand anywhere; mapped, so that nothing else of it is read.
            with ScratchFiles() as scratch:
                return read(encoded_in(scratch, image))
    return read(image.read())


def size_if_known(image: Readable) -> tuple[int, int] | None:
    """Read the size of a file whose begin can be read by itself: another may be read once only.

    An image without a header has none: it will be refused with a better reason than here.
    """
    if not isinstance(image, Startable):
        return None
    try:
        return size_of(image)
    except ImageError:
        return None


def required_size(request: EstimateRequest, image: Readable | None) -> tuple[int, int]:
    """Find the size of the image that an estimate is for.

    Raises
    ------
    MissingPartError
        If neither image nor request tell it.
    InvalidParameterError
        If both do, and differ.
    ImageError
        If the image has no header that can be read.
    """
    stated = (request.height_px, request.width_px)
    if image is None:
        if stated[0] is None or stated[1] is None:
            msg = "neither an image nor height_px and width_px are given; wanted one of them"
            raise MissingPartError(msg)
        return stated[0], stated[1]
    shape = size_of(image)
    if any(one not in {None, read} for one, read in zip(stated, shape, strict=True)):
        msg = (
            f"height_px and width_px are {stated[0]} and {stated[1]}, the image has {shape[0]} and "
            f"{shape[1]}; leave them out"
        )
        raise InvalidParameterError(msg)
    return shape


def priority_of(shape: tuple[int, int] | None, settings: Settings) -> Priority:
    """Find the priority of an analysis from the size of its image; unknown ones count as large."""
    if shape is None or shape[0] * shape[1] > settings.interactive_pixels:
        return "bulk"
    return "interactive"

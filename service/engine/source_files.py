"""The files that a client sends, whatever the protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from petrography.errors import InvalidParameterError
from petrography.image_codec import DecodedImage, Encoded, ImageLimits, decode_image
from service.engine.kinds import is_file_name
from service.engine.scratch_files import ScratchFiles

__all__ = [
    "NamedFile",
    "Placed",
    "Readable",
    "decode_file",
    "encoded_in",
    "require_distinct_names",
]


class Readable(Protocol):
    """A file that can be read as a whole."""

    def read(self) -> bytes:
        """Read it."""


@runtime_checkable
class Placed(Protocol):
    """A file that lies somewhere in an open file."""

    def place(self) -> tuple[int, int, int]:
        """Tell the descriptor of the open file, where in it this one begins, and its bytes."""


class NamedFile(Protocol):
    """A file that can be read as a whole, again and again and from any thread."""

    @property
    def name(self) -> str:
        """What its sender calls it."""

    def read(self) -> bytes:
        """Read it."""


def encoded_in(scratch: ScratchFiles, file: Readable) -> Encoded:
    """Map a file where it lies, or read it where it cannot be mapped."""
    if not isinstance(file, Placed):
        return file.read()
    descriptor, begin, size_bytes = file.place()
    return scratch.view_of(descriptor)[begin : begin + size_bytes]


def require_distinct_names(files: Sequence[NamedFile], part: str) -> None:
    """Check that every file of a series has a name of its own that a file can have.

    Raises
    ------
    InvalidParameterError
        If not.
    """
    for file in files:
        if not is_file_name(file.name):
            msg = (
                f"part {part!r} has the filename {file.name[:100]!r}; wanted a plain file name of "
                "at most 200 bytes that does not begin with a full stop"
            )
            raise InvalidParameterError(msg)
    for name, count in Counter(file.name for file in files).items():
        if count > 1:
            msg = f"{count} parts {part!r} have the filename {name!r}; wanted different names"
            raise InvalidParameterError(msg)


def decode_file(file: NamedFile, limits: ImageLimits) -> DecodedImage:
    """Decode a photograph; messages call it by its name.

    Raises
    ------
    ImageError, BodyTooLargeError
        If it cannot be read.
    """
    return decode_image(file.read(), limits=limits, name=file.name[:100] or "image")

"""Which parts a request has: described once, for reading and for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from petrography.errors import InvalidParameterError, MissingPartError
from service.http_api.upload.parts import Part
from service.http_api.upload.request_part import REQUEST_PART
from service.http_api.upload.spool import UploadedFile
from service.settings import Settings

__all__ = ["FilePart", "UploadForm"]

RequestT = TypeVar("RequestT", bound=BaseModel)

# More files than wanted are read, so that the message can name what is wrong with them.
_SPARE_FILES = 7
# Boundaries and part headers of the few parts; of each part of a series.
_FRAMING_BYTES, _SERIES_FRAMING_BYTES = 64 * 1024, 1024


@dataclass(frozen=True)
class FilePart:
    """A part that is a file, or a series of parts of this name.

    Attributes
    ----------
    name : str
        Its name.
    what : str
        What it holds, with an example.
    required : bool
        Whether it must be there.
    series : bool
        Whether it may be there several times.
    """

    name: str
    what: str
    required: bool = True
    series: bool = False

    def most(self, settings: Settings) -> int:
        """How often it may be there."""
        return settings.max_fields if self.series else 1


@dataclass(frozen=True)
class UploadForm(Generic[RequestT]):
    """The file parts of a multipart body, and what its JSON part ``request`` is.

    Attributes
    ----------
    request : type of pydantic model
        The JSON part.
    parts : tuple of FilePart
        The others.
    """

    request: type[RequestT]
    parts: tuple[FilePart, ...]

    def max_files(self, settings: Settings) -> int:
        """Most file parts that are read before the body is refused."""
        return sum(part.most(settings) for part in self.parts) + _SPARE_FILES

    def max_bytes(self, settings: Settings) -> int:
        """Most bytes of the body."""
        series = [part for part in self.parts if part.series]
        single = len(self.parts) - len(series)
        images = single * settings.max_image_bytes
        framing = _FRAMING_BYTES
        if series:
            images += settings.max_series_bytes
            framing += len(series) * settings.max_fields * _SERIES_FRAMING_BYTES
        return images + settings.max_request_bytes + framing

    def sorted_files(
        self, parts: Sequence[Part], settings: Settings
    ) -> dict[str, tuple[UploadedFile, ...]]:
        """Sort the files of a body by the names of their parts.

        Raises
        ------
        InvalidParameterError
            If a part is unknown or there too often.
        MissingPartError
            If one that must be there is not, or is no file.
        """
        self._require_known(parts)
        self._require_few(parts, settings)
        return {wanted.name: _files_of(wanted, parts) for wanted in self.parts}

    def _require_known(self, parts: Sequence[Part]) -> None:
        known = [*(wanted.name for wanted in self.parts), REQUEST_PART]
        for part in parts:
            if part.name not in known:
                names = ", ".join(map(repr, known[:-1]))
                msg = f"part {part.name[:100]!r} is unknown; wanted {names} and {known[-1]!r}"
                raise InvalidParameterError(msg)

    def _require_few(self, parts: Sequence[Part], settings: Settings) -> None:
        most = {wanted.name: wanted.most(settings) for wanted in self.parts} | {REQUEST_PART: 1}
        for name, count in most.items():
            given = sum(part.name == name for part in parts)
            if given > count:
                wish = "once" if count == 1 else f"at most {count} times"
                msg = f"part {name!r} is there {given} times; wanted {wish}"
                raise InvalidParameterError(msg)


def _files_of(wanted: FilePart, parts: Sequence[Part]) -> tuple[UploadedFile, ...]:
    contents = [part.content for part in parts if part.name == wanted.name]
    files = tuple(content for content in contents if isinstance(content, UploadedFile))
    if len(files) < len(contents):
        msg = f"part {wanted.name!r} is a text field; wanted a file, with a filename"
        raise MissingPartError(msg)
    if wanted.required and not files:
        msg = f"part {wanted.name!r} is missing; wanted {wanted.what}"
        raise MissingPartError(msg)
    return files

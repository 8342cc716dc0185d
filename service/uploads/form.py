"""Which parts a request has: described once, for reading and for the documentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from petrography.errors import InvalidParameterError, MissingPartError
from service.settings import Settings
from service.uploads.part import Part
from service.uploads.request_part import REQUEST_PART
from service.uploads.spool import UploadedFile

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
    named_by : callable, optional
        From the request to the names of further file parts that it describes, each there once.
    """

    request: type[RequestT]
    parts: tuple[FilePart, ...]
    named_by: Callable[[RequestT], Sequence[str]] | None = None

    def max_files(self, settings: Settings) -> int:
        """Most file parts that are read before the body is refused."""
        named = settings.max_fields if self.named_by else 0
        return sum(part.most(settings) for part in self.parts) + named + _SPARE_FILES

    def max_bytes(self, settings: Settings) -> int:
        """Most bytes of the body."""
        series = sum(part.series for part in self.parts)
        images = (len(self.parts) - series) * settings.max_image_bytes
        framing = _FRAMING_BYTES
        if series or self.named_by:
            images += settings.max_series_bytes
            most = max(series, 1) * settings.max_fields
            framing += most * _SERIES_FRAMING_BYTES
        return images + settings.max_request_bytes + framing

    def sorted_files(
        self, parts: Sequence[Part], request: RequestT, settings: Settings
    ) -> dict[str, tuple[UploadedFile, ...]]:
        """Sort the files of a body by the names of their parts.

        Parameters
        ----------
        parts : sequence of Part
            All parts.
        request : pydantic model
            What is asked; it may describe further parts.
        settings : Settings
            Says how many there may be of a series.

        Raises
        ------
        InvalidParameterError
            If a part is unknown or there too often.
        MissingPartError
            If one that must be there is not, or is no file.
        """
        wanted = (*self.parts, *self._named(request))
        _require_known(parts, wanted)
        _require_few(parts, wanted, settings)
        return {part.name: _files_of(part, parts) for part in wanted}

    def _named(self, request: RequestT) -> list[FilePart]:
        """Make parts of what the request describes."""
        names = self.named_by(request) if self.named_by else ()
        taken = {REQUEST_PART, *(part.name for part in self.parts)}
        for name in names:
            if name in taken:
                msg = f"the request describes the part {name!r}; wanted another name"
                raise InvalidParameterError(msg)
        return [FilePart(name, "the file that the request describes") for name in names]


def _require_known(parts: Sequence[Part], wanted: Sequence[FilePart]) -> None:
    known = [*(one.name for one in wanted), REQUEST_PART]
    for part in parts:
        if part.name not in known:
            names = ", ".join(map(repr, known[:-1]))
            msg = f"part {part.name[:100]!r} is unknown; wanted {names} and {known[-1]!r}"
            raise InvalidParameterError(msg)


def _require_few(parts: Sequence[Part], wanted: Sequence[FilePart], settings: Settings) -> None:
    most = {part.name: part.most(settings) for part in wanted} | {REQUEST_PART: 1}
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

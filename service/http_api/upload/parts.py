"""The parts of a multipart body (RFC 7578), taken apart while it arrives."""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from petrography.errors import BodyTooLargeError, MalformedRequestError
from service.uploads import Part, Spool, UploadedFile

__all__ = ["PartReader", "boundary_of"]

# One text part is wanted; a few more are read so that the message can name what is wrong.
_MAX_TEXTS = 8


class PartReader:
    """Takes a body apart; texts stay in memory, files go to the spool.

    Parameters
    ----------
    boundary : bytes
        What cuts the body.
    spool : Spool
        Takes the bytes of the files.
    max_files : int
        Most parts that are files.
    max_text_bytes : int
        Most bytes of a part that is no file.
    """

    def __init__(
        self, boundary: bytes, spool: Spool, *, max_files: int, max_text_bytes: int
    ) -> None:
        self.parts: list[Part] = []
        self._spool = spool
        self._max_files = max_files
        self._max_text_bytes = max_text_bytes
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._name = ""
        self._file: UploadedFile | None = None
        self._text = bytearray()
        self._files = self._texts = 0
        self._closed = False
        self._received_bytes = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._take_header,
                "on_header_value": self._take_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._take_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body.

        Raises
        ------
        MalformedRequestError
            If it cannot be read or has too many parts.
        BodyTooLargeError
            If a text or a file is too long.
        """
        self._received_bytes += len(chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            msg = f"the multipart body cannot be read: {str(error)[:200]}"
            raise MalformedRequestError(msg) from None

    def require_closed(self) -> None:
        """Check that the last boundary has come.

        Raises
        ------
        MalformedRequestError
            If it has not.
        """
        if not self._closed:
            msg = (
                f"the multipart body breaks off after {self._received_bytes} bytes: its closing "
                "boundary is missing"
            )
            raise MalformedRequestError(msg)

    def _begin_part(self) -> None:
        self._disposition, self._file = b"", None
        self._text.clear()

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            msg = "a part of the multipart body has no name in its Content-Disposition"
            raise MalformedRequestError(msg)
        self._name = _decoded(options[b"name"])
        if b"filename" in options:
            self._files += 1
            self._file = self._spool.begin(self._name, _decoded(options[b"filename"]))
        else:
            self._texts += 1
        self._require_few(self._files, self._max_files, "files")
        self._require_few(self._texts, _MAX_TEXTS, "fields")

    def _require_few(self, count: int, most: int, what: str) -> None:
        if count > most:
            msg = f"Too many {what}: the multipart body has more than {most}"
            raise MalformedRequestError(msg)

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._spool.take(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > self._max_text_bytes:
            msg = (
                f"part {self._name[:100]!r}, without filename, is larger than "
                f"{self._max_text_bytes} bytes, the most for a text; an image needs a filename "
                "(curl -F image=@field.png)"
            )
            raise BodyTooLargeError(msg)

    def _end_part(self) -> None:
        content: UploadedFile | bytes = bytes(self._text)
        if self._file is not None:
            content = self._spool.ended(self._file)
        self.parts.append(Part(self._name, content))

    def _end(self) -> None:
        self._closed = True


def boundary_of(content_type: str) -> bytes:
    """Find the boundary that a Content-Type states.

    Raises
    ------
    MalformedRequestError
        If it states none that can be used.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    # RFC 2046 section 5.1.1.
    if not 1 <= len(boundary) <= 70:
        msg = f"Content-Type states a boundary of {len(boundary)} bytes; wanted 1 to 70"
        raise MalformedRequestError(msg)
    return boundary


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")

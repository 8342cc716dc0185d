"""Directories of tags: the skeleton of TIFF, BigTIFF and EXIF (TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

from petrography.errors import DamagedImageError
from petrography.image_codec.signature import Encoded

__all__ = ["MAX_VALUES", "Directory", "page_offsets", "read_directory", "read_header"]

# Tag type to struct code; rationals are two numbers.
_STRUCT = {
    1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii",
    11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
_INTEGERS = {1, 3, 4, 6, 8, 9, 13, 16, 17, 18}
_RATIONALS = {5, 10}
# No camera or slide writer comes near; a bomb must not cost more than a moment.
_MAX_TAGS = 4096
_MAX_PAGES = 10_000
# The pixel size stands near the beginning of OME-XML, however many planes it goes on to list.
_MAX_TEXT = 1 << 20
# Strips or tiles of one image: 700 megapixels in tiles of 64 x 64 are 171 000.
MAX_VALUES = 1 << 18


@dataclass(frozen=True)
class Entry:
    """One tag: its type, how many values, and a view of their bytes (many may share them)."""

    kind: int
    count: int
    raw: memoryview


@dataclass(frozen=True)
class Directory:
    """Tags of one image.

    Attributes
    ----------
    order : str
        ``<`` or ``>``, as in `struct`.
    big : bool
        Whether the file is a BigTIFF.
    entries : dict of int to Entry
        By tag number; the first of duplicates.
    next_offset : int
        Where the next directory begins, 0 after the last.
    """

    order: str
    big: bool
    entries: dict[int, Entry]
    next_offset: int

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the whole numbers of a tag; none if it is absent.

        Raises
        ------
        DamagedImageError
            If the values are no whole numbers or there are more than `MAX_VALUES`.
        """
        entry = self.entries.get(tag)
        if entry is None:
            return ()
        if entry.kind not in _INTEGERS or entry.count > MAX_VALUES:
            msg = (
                f"is damaged: TIFF tag {tag} has {entry.count} values of type {entry.kind}; "
                f"wanted at most {MAX_VALUES} whole numbers"
            )
            raise DamagedImageError(msg)
        return struct.unpack(f"{self.order}{entry.count}{_STRUCT[entry.kind]}", entry.raw)

    def number(self, tag: int, *, default: int) -> int:
        """Return the first whole number of a tag, or `default` if it has none."""
        return next(iter(self.numbers(tag)), default)

    def ratio(self, tag: int) -> float | None:
        """Return the first rational of a tag; None if absent, zero, negative or over zero."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _RATIONALS or entry.count < 1:
            return None
        above, below = struct.unpack(f"{self.order}{_STRUCT[entry.kind]}", entry.raw[:8])
        return float(Fraction(above, below)) if above > 0 and below > 0 else None

    def text(self, tag: int) -> str:
        """Return the text of a tag, empty if absent; undecodable bytes become marks."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in {2, 7}:
            return ""
        return bytes(entry.raw[:_MAX_TEXT]).rstrip(b"\0").decode("utf-8", errors="replace")


def read_header(data: Encoded) -> tuple[str, bool, int]:
    """Read byte order, BigTIFF or not, and the offset of the first directory.

    Raises
    ------
    DamagedImageError
        If the header is cut off or wrong.
    """
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None or len(data) < 8:
        msg = f"is damaged: the TIFF header is {data[:8].hex(' ')}"
        raise DamagedImageError(msg)
    version = struct.unpack_from(f"{order}H", data, 2)[0]
    if version == 42:
        return order, False, struct.unpack_from(f"{order}I", data, 4)[0]
    if version != 43 or len(data) < 16 or struct.unpack_from(f"{order}HH", data, 4) != (8, 0):
        msg = f"is damaged: the TIFF header is {data[:16].hex(' ')}"
        raise DamagedImageError(msg)
    return order, True, struct.unpack_from(f"{order}Q", data, 8)[0]


def read_directory(data: Encoded, order: str, big: bool, offset: int) -> Directory:
    """Read the tags of one directory.

    Tags whose values lie outside the file are left out: private ones often point astray, and a
    missing one that is needed is noticed by whoever needs it.

    Raises
    ------
    DamagedImageError
        If the directory itself is not inside the file or has absurdly many tags.
    """
    first, last = _directory_span(data, order, big, offset)
    entries: dict[int, Entry] = {}
    size = 20 if big else 12
    for position in range(first, last, size):
        tag, entry = _read_entry(data, order, big, position)
        if entry is not None:
            entries.setdefault(tag, entry)
    next_offset = struct.unpack_from(order + ("Q" if big else "I"), data, last)[0]
    return Directory(order, big, entries, next_offset)


def _directory_span(data: Encoded, order: str, big: bool, offset: int) -> tuple[int, int]:
    count_size, entry_size, next_size = (8, 20, 8) if big else (2, 12, 4)
    if 0 < offset <= len(data) - count_size:
        count = struct.unpack_from(order + ("Q" if big else "H"), data, offset)[0]
        first = offset + count_size
        last = first + count * entry_size
        if 0 < count <= _MAX_TAGS and last + next_size <= len(data):
            return first, last
        found = f"has {count} tags and ends at byte {last + next_size}"
    else:
        found = "is not in the file"
    msg = (
        f"is damaged or truncated: the TIFF directory at byte {offset} {found}; the file has "
        f"{len(data)} bytes, a directory 1 to {_MAX_TAGS} tags"
    )
    raise DamagedImageError(msg)


def _read_entry(data: Encoded, order: str, big: bool, position: int) -> tuple[int, Entry | None]:
    tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, position)
    if kind not in _STRUCT:
        return tag, None
    size = count * struct.calcsize(f"={_STRUCT[kind]}")
    value_position, inline_size = position + (12 if big else 8), (8 if big else 4)
    if size > inline_size:
        value_position = struct.unpack_from(order + ("Q" if big else "I"), data, value_position)[0]
    if value_position + size > len(data):
        return tag, None
    return tag, Entry(kind, count, memoryview(data)[value_position : value_position + size])


def page_offsets(data: Encoded, first: Directory, first_offset: int) -> tuple[int, ...]:
    """Find the images of the file by following the chain of directories.

    Returns
    -------
    tuple of int
        Where the directory of each begins, that of the first included; at most 10 000.

    Raises
    ------
    DamagedImageError
        If the chain runs in a circle or leaves the file.
    """
    seen = {first_offset: None}  # a set that keeps the order
    offset = first.next_offset
    while offset and len(seen) < _MAX_PAGES:
        if offset in seen:
            msg = f"is damaged: the TIFF directories form a circle at byte {offset}"
            raise DamagedImageError(msg)
        seen[offset] = None
        _, last = _directory_span(data, first.order, first.big, offset)
        offset = struct.unpack_from(first.order + ("Q" if first.big else "I"), data, last)[0]
    return tuple(seen)

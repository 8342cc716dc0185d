"""The CSV beside a dropped file: what it states, and the name under which both are answered.

One CSV may stand for several images of one name (``g.jpg``, ``g.png``): it goes with the last.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from petrography.errors import BodyTooLargeError, MalformedRequestError
from service.lims.stated_cells import read_cells

__all__ = ["SIDECAR_SUFFIX", "Sidecar", "name_part", "read_sidecar"]

SIDECAR_SUFFIX = ".csv"
_MOST_BYTES = 64 * 1024
# A file system takes names of 255 bytes; digest and ".reason.txt" come to it.
_MOST_STEM_BYTES = 200


@dataclass(frozen=True)
class Sidecar:
    """The CSV beside a file, as it was when the file was looked at.

    Attributes
    ----------
    path : Path
        Where it lies, or would lie.
    content : bytes or None
        Its bytes (no more than one over the limit), None where there is none.
    """

    path: Path
    content: bytes | None

    def key(self, file: Path) -> str:
        """Name of the answer: of the file, of its bytes and of what its CSV says.

        Parameters
        ----------
        file : Path
            The file beside which it lies.

        Returns
        -------
        str
            Name, ``-`` and 16 hexadecimal digits; another CSV beside the same image is another
            question. A name that is too long is cut, and is then part of the digest.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256")
        stem = name_part(file.stem)
        if self.content is not None:
            digest.update(hashlib.sha256(self.content).digest())
        if stem != file.stem:
            digest.update(os.fsencode(file.stem))
        return f"{stem}-{digest.hexdigest()[:16]}"

    def stated(self) -> dict[str, str]:
        """Read what it states, by name; empty without a CSV.

        Raises
        ------
        MalformedRequestError
            If it is no CSV of one header line and one line of values.
        BodyTooLargeError
            If it is larger than 64 KiB.
        """
        if self.content is None:
            return {}
        if len(self.content) > _MOST_BYTES:
            msg = f"{self.path.name} has more than {_MOST_BYTES} bytes, the largest CSV of an image"
            raise BodyTooLargeError(msg)
        return _stated(self.path.name, self.content)

    @property
    def is_same(self) -> bool:
        """Whether it still says what it said."""
        return read_sidecar(self.path).content == self.content


def read_sidecar(file: Path) -> Sidecar:
    """Read the CSV beside a file; a link is none."""
    path = file.with_suffix(SIDECAR_SUFFIX)
    if path.is_symlink() or not path.is_file():
        return Sidecar(path, None)
    with path.open("rb") as opened:
        return Sidecar(path, opened.read(_MOST_BYTES + 1))


def name_part(stem: str) -> str:
    """The name of a file as it stands in the names of its answer: 200 bytes of it at most."""
    encoded = os.fsencode(stem)
    if len(encoded) <= _MOST_STEM_BYTES:
        return stem
    return encoded[:_MOST_STEM_BYTES].decode("utf-8", errors="ignore")


def _stated(name: str, content: bytes) -> dict[str, str]:
    cells = read_cells(name, content)
    rows = cells.rows
    if len(rows) != 2 or not cells.is_table:
        told = " and ".join(str(len(row)) for row in rows[:2])
        msg = (
            f"{name} has {len(rows)} lines, the first of {told or 'no'} cells; wanted a line of "
            "different names, such as sample_id,section, and a line with a value for each"
        )
        raise MalformedRequestError(msg)
    return cells.stated()[0]

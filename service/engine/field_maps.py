"""The map of a panorama from the maps of its fields, segmented as they were photographed.

Every field gives a label image and a confidence image of its size; they wait compressed in a
temporary file, so that hundreds of fields need no more memory than the panorama.
"""

from __future__ import annotations

import tempfile
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels
from petrography.pipeline import Covered, InParts, SegmentImage
from petrography.segmentation import Segmentation
from petrography.stitching import Stitching, merge_labels
from petrography.workspace import IN_MEMORY, Workspace

__all__ = ["ONE_PHOTOGRAPH", "JoinedFields", "covered_by_fields", "segment_fields"]

# A strip of the panorama touches a row of fields and the next one; what is more is read again. The
# one that is used is kept whatever its size.
_KEPT_BYTES = 256 * 2**20
# Fast: maps are flat, and the disk is not what is short.
_COMPRESSION = 1
_Kind = TypeVar("_Kind", np.uint8, np.bool_)


@dataclass(frozen=True)
class JoinedFields:
    """Of what an image that is analysed was made.

    Attributes
    ----------
    count : int
        Photographs that it shows.
    in_parts : callable or None
        Joins its map from those of the fields; None where it is segmented as one image.
    covered : callable or None
        Tells where a field reaches: the rest is neither judged nor annotated. None where the image
        is a photograph.
    """

    count: int = 1
    in_parts: InParts | None = None
    covered: Covered | None = None


ONE_PHOTOGRAPH = JoinedFields()


def covered_by_fields(
    stitching: Stitching, workspace: Workspace = IN_MEMORY
) -> NDArray[np.bool_] | None:
    """Tell which pixels of a panorama a field reaches.

    Parameters
    ----------
    stitching : Stitching
        The panorama.
    workspace : Workspace, optional
        Gives the array.

    Returns
    -------
    ndarray of bool, shape (height, width), or None
        None where fields reach all of it.
    """
    covered = _joined(stitching.coverage(), stitching.shape, workspace, np.bool_)
    return None if covered.all() else covered


def segment_fields(
    stitching: Stitching,
    segment_image: SegmentImage,
    workspace: Workspace = IN_MEMORY,
    *,
    folder: Path | None = None,
) -> Segmentation:
    """Segment every field that is drawn, and join the maps along the seams.

    Parameters
    ----------
    stitching : Stitching
        The panorama.
    segment_image : callable
        From the pixels of a field to its map.
    workspace : Workspace, optional
        Gives the arrays of the map of the panorama.
    folder : Path, optional
        Where the file of the maps lies, without a name; default: the temporary folder of the system.

    Returns
    -------
    Segmentation
        Of the size of the panorama; 255 and confidence 0 where no field reaches.
    """
    drawn = {field.index for field in stitching.placed}
    with tempfile.TemporaryFile(dir=folder) as file:
        labels, confidence = (
            _KeptMaps(file, stitching.field_shapes),
            _KeptMaps(file, stitching.field_shapes),
        )
        for index, field in enumerate(stitching.evened_fields):
            if index in drawn:
                seen = segment_image(field.load())
                labels.keep(index, seen.labels)
                confidence.keep(index, seen.confidence)
        joined = _joined(merge_labels(stitching, labels), stitching.shape, workspace, np.uint8)
        labels.forget()
        sure_strips = merge_labels(stitching, confidence, unknown=0)
        sure = _joined(sure_strips, stitching.shape, workspace, np.uint8)
        return Segmentation(joined, sure)


def _joined(
    strips: Iterable[NDArray[_Kind]],
    shape: tuple[int, int],
    workspace: Workspace,
    dtype: type[_Kind],
) -> NDArray[_Kind]:
    whole, row = workspace.empty(shape, dtype), 0
    for strip in strips:
        whole[row : row + len(strip)] = strip
        row += len(strip)
    return whole


class _KeptMaps(Sequence[Labels]):
    """Maps by the index of their field, compressed in a file; some of them also in memory.

    Parameters
    ----------
    file : binary file
        Where they are written.
    shapes : sequence of (int, int)
        (height, width) of each.
    """

    def __init__(self, file: IO[bytes], shapes: Sequence[tuple[int, int]]) -> None:
        self._file, self._shapes = file, shapes
        self._places: dict[int, tuple[int, int]] = {}
        self._free_bytes = _KEPT_BYTES
        self._in_memory: OrderedDict[int, Labels] = OrderedDict()

    def keep(self, index: int, labels: Labels) -> None:
        """Write a map to the file."""
        compressed = zlib.compress(np.ascontiguousarray(labels).data, _COMPRESSION)
        self._places[index] = self._file.seek(0, 2), len(compressed)
        self._file.write(compressed)

    def __len__(self) -> int:
        return len(self._shapes)

    def __iter__(self) -> Iterator[Labels]:
        return map(self.__getitem__, range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Labels: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Labels]: ...
    def __getitem__(self, index: int | slice) -> Labels | Sequence[Labels]:
        if isinstance(index, slice):
            return [self._load(one) for one in range(*index.indices(len(self)))]
        return self._load(index)

    def forget(self) -> None:
        """Leave the memory to others; the file stays."""
        while self._in_memory:
            self._drop_oldest()

    def _load(self, index: int) -> Labels:
        if index not in self._in_memory:
            labels = self._loaded(index)
            while self._in_memory and self._free_bytes < labels.nbytes:
                self._drop_oldest()
            self._in_memory[index] = labels
            self._free_bytes -= labels.nbytes
        self._in_memory.move_to_end(index)
        return self._in_memory[index]

    def _drop_oldest(self) -> None:
        _, labels = self._in_memory.popitem(last=False)
        self._free_bytes += labels.nbytes

    def _loaded(self, index: int) -> Labels:
        begin, size_bytes = self._places[index]
        self._file.seek(begin)
        content = zlib.decompress(self._file.read(size_bytes))
        return np.frombuffer(content, dtype=np.uint8).reshape(self._shapes[index])

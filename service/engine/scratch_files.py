"""Arrays in temporary files, for images larger than memory.

A large array is mapped from a file that has no name any more: it takes disk instead of memory, and
it is gone when the last reference to it is, however the process ends. What a step has touched
stays in the memory of the process until the system needs the room; so that an analysis stays
small beside others, a thread hands those pages back many times a second. The content is in
the file, so nothing changes but the memory that the process holds.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from petrography.errors import ImageTooLargeError
from service.disk import storing

__all__ = ["ScratchFiles"]

# Smaller arrays are worth no file: those of a camera photograph stay in memory.
_LEAST_MAPPED_BYTES = 64 << 20
# A step that streams through an array touches some 100 MiB in this time.
_HAND_BACK_SECONDS = 0.02


class ScratchFiles:
    """A `petrography.workspace.Workspace` on disk, for the length of one analysis.

    Parameters
    ----------
    folder : Path or None
        Where the files lie; None for the temporary folder of the system. It must be on a disk: a
        folder in memory saves none.
    least_mapped_bytes : int, optional
        Smaller arrays stay in memory; by default below 64 MiB.

    Examples
    --------
    >>> with ScratchFiles(least_mapped_bytes=1) as scratch:
    ...     array = scratch.empty((2, 3), np.uint8)
    >>> array.fill(7)
    >>> array.tolist()
    [[7, 7, 7], [7, 7, 7]]
    """

    def __init__(
        self, folder: Path | None = None, *, least_mapped_bytes: int | None = None
    ) -> None:
        self._folder = folder
        stated = _LEAST_MAPPED_BYTES if least_mapped_bytes is None else least_mapped_bytes
        self._least_mapped_bytes = max(1, stated)
        self._maps: list[weakref.ref[mmap.mmap]] = []
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        # The files go when the last array that lies in them does.
        self._maps.clear()

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Give an array of any content; see `petrography.workspace.Workspace`.

        Raises
        ------
        ImageTooLargeError
            If the disk could not hold it even if it were empty.
        StorageUnavailableError
            If the disk has no room for it now, or takes nothing.
        """
        kind = np.dtype(dtype)
        size_bytes = math.prod(shape) * kind.itemsize
        if size_bytes < self._least_mapped_bytes:
            return np.empty(shape, kind)
        mapped = self._mapped(size_bytes)
        self._hand_back_from_now_on(mapped)
        return np.frombuffer(mapped, kind, count=math.prod(shape)).reshape(shape)

    def hand_back(self) -> None:
        """Give the touched pages of all arrays to the system; the arrays stay as they are."""
        for known in tuple(self._maps):
            if (mapped := known()) is not None:
                mapped.madvise(mmap.MADV_DONTNEED)

    def view(self, path: Path) -> memoryview:
        """Map a file to read: nothing of it is in memory before it is looked at.

        Raises
        ------
        OSError
            If there is no such file.
        """
        with path.open("rb") as file:
            return self.view_of(file.fileno())

    def view_of(self, descriptor: int) -> memoryview:
        """Map an open file to read; it may be closed at once."""
        if os.fstat(descriptor).st_size == 0:
            return memoryview(b"")
        mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        self._hand_back_from_now_on(mapped)
        return memoryview(mapped)

    def _mapped(self, size_bytes: int) -> mmap.mmap:
        mebibytes = size_bytes >> 20
        with (
            storing(f"an array of {mebibytes} MiB in temporary files"),
            tempfile.TemporaryFile(dir=self._folder) as file,
        ):
            disk_bytes = _disk_bytes(file.fileno())
            if size_bytes > disk_bytes:
                msg = (
                    f"needs {mebibytes} MiB of temporary files, and the whole disk for them has "
                    f"{disk_bytes >> 20} MiB; send a crop"
                )
                raise ImageTooLargeError(msg)
            # Reserved at once: a disk that fills up under a mapped file ends the process.
            os.posix_fallocate(file.fileno(), 0, size_bytes)
            return mmap.mmap(file.fileno(), size_bytes)

    def _hand_back_from_now_on(self, mapped: mmap.mmap) -> None:
        # An array that nobody holds any more leaves the disk at once.
        self._maps.append(weakref.ref(mapped))
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._keep_handing_back, daemon=True, name="scratch"
            )
            self._thread.start()

    def _keep_handing_back(self) -> None:
        while not self._done.wait(_HAND_BACK_SECONDS):
            self.hand_back()


def _disk_bytes(descriptor: int) -> int:
    """Tell how large the disk is on which an open file lies, full or not."""
    disk = os.fstatvfs(descriptor)
    return disk.f_frsize * disk.f_blocks

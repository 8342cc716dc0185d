"""Scratch arrays keep what is written to them, take disk instead of memory, and are gone after."""

from __future__ import annotations

import errno
import gc
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from petrography.errors import ImageTooLargeError, StorageUnavailableError
from service.engine import ScratchFiles

MIB = 1 << 20


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def test_small_arrays_lie_in_memory_and_need_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    with ScratchFiles(tmp_path) as scratch:
        assert scratch.empty((3, 4), np.uint8).base is None
        assert threading.active_count() == before


def test_what_was_written_stays_while_pages_are_handed_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    with ScratchFiles(tmp_path, least_mapped_bytes=1) as scratch:
        array = scratch.empty((64, 333, 3), np.uint16)
        assert array.shape == (64, 333, 3)
        assert array.flags.writeable
        assert array.flags.c_contiguous
        rounds = [rng.integers(0, 1 << 16, array.shape, dtype=np.uint16) for _ in range(30)]
        for one in rounds:
            array[:] = one
            scratch.hand_back()
            np.testing.assert_array_equal(array, one)
    np.testing.assert_array_equal(array, rounds[-1])


def test_pages_that_were_touched_are_handed_back(tmp_path: Path) -> None:
    with ScratchFiles(tmp_path, least_mapped_bytes=1) as scratch:
        array = scratch.empty((96 * MIB,), np.uint8)
        before = resident_mib()
        array.fill(1)
        scratch.hand_back()
        assert resident_mib() - before < 16
        assert array[:: 1 << 20].sum() == 96


def open_files_below(folder: Path) -> int:
    """Descriptors of this process whose file lies, or lay, in a folder."""
    found = list(Path("/proc/self/fd").iterdir())
    # That of the listing itself is gone by now.
    files = [str(one.readlink()) for one in found if one.is_symlink()]
    return sum(file.startswith(str(folder)) for file in files)


def test_no_file_is_seen_and_none_is_left(tmp_path: Path) -> None:
    with ScratchFiles(tmp_path, least_mapped_bytes=1) as scratch:
        array = scratch.empty((MIB,), np.uint8)
        assert list(tmp_path.iterdir()) == []
        # A map holds a descriptor of its file for itself.
        assert open_files_below(tmp_path) == 1
        del array
    gc.collect()
    assert open_files_below(tmp_path) == 0


def test_a_disk_without_room_is_an_error_and_no_crash(tmp_path: Path) -> None:
    with (
        ScratchFiles(tmp_path) as scratch,
        pytest.raises(ImageTooLargeError, match="MiB of temporary files"),
    ):
        scratch.empty((1 << 50,), np.uint8)


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EMFILE, errno.EROFS])
def test_a_full_disk_is_not_the_fault_of_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(fault, os.strerror(fault), "/secret/path")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with (
        ScratchFiles(tmp_path) as scratch,
        pytest.raises(StorageUnavailableError, match=os.strerror(fault)) as refused,
    ):
        scratch.empty((1 << 27,), np.uint8)
    assert "secret" not in str(refused.value)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    scratch = ScratchFiles(tmp_path / "nowhere", least_mapped_bytes=1)
    with scratch, pytest.raises(StorageUnavailableError, match="No such file"):
        scratch.empty((5,), np.uint8)


def test_a_mapped_file_reads_as_it_is_and_an_empty_one_as_nothing(tmp_path: Path) -> None:
    for content in (b"", b"ore" * 5000):
        path = tmp_path / "file"
        path.write_bytes(content)
        with ScratchFiles(tmp_path) as scratch:
            assert bytes(scratch.view(path)) == content

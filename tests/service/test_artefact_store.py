"""Finished results in a folder: whole or not at all, bounded, and only under their own names."""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from pathlib import Path

import pytest

from petrography.errors import (
    AnalysisNotFoundError,
    CalibrationNotFoundError,
    ConfigurationError,
    NotFoundError,
    StorageUnavailableError,
)
from service.engine import ANALYSES, CALIBRATIONS, PANORAMAS, REGISTRATIONS, ArtefactStore, Kind
from tests.kept_results import keep_files

DIGEST = "0123456789abcdef" * 4


def store(folder: Path, *, max_count: int = 100, max_bytes: int = 10**9) -> ArtefactStore:
    kept = ArtefactStore(folder, max_count=max_count, max_bytes=max_bytes)
    kept.open_folder()
    return kept


def keep(
    kept: ArtefactStore, folder: Path, age_s: int, size_bytes: int = 10, kind: Kind = ANALYSES
) -> str:
    """Keep a result and make it as old as wanted."""
    result_id = str(uuid.uuid4())
    keep_files(kept, kind, result_id, {kind.document: b"x" * size_bytes})
    path = folder / kind.folder / result_id
    if path.exists():
        os.utime(path, (1_700_000_000 - age_s, 1_700_000_000 - age_s))
    return result_id


def ids_in(folder: Path, kind: Kind = ANALYSES) -> set[str]:
    return {path.name for path in (folder / kind.folder).iterdir()}


def test_a_folder_that_cannot_be_made_is_named_with_who_may_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "artefacts"

    with pytest.raises(ConfigurationError) as refused:
        store(folder)
    assert f"artefacts folder {folder} cannot be made: Not a directory" in str(refused.value)
    assert f"PETROSERVE_ARTEFACTS_FOLDER where user {os.geteuid()} may write" in str(refused.value)


def test_the_oldest_of_a_kind_go_beyond_a_count(tmp_path: Path) -> None:
    kept = store(tmp_path, max_count=3)
    panorama = keep(kept, tmp_path, 99, kind=PANORAMAS)
    ids = [keep(kept, tmp_path, age_s) for age_s in (50, 40, 30, 20, 10)]

    assert ids_in(tmp_path) == set(ids[2:])
    assert ids_in(tmp_path, PANORAMAS) == {panorama}
    with pytest.raises(AnalysisNotFoundError, match="newest 3"):
        kept.open(ANALYSES, ids[0], "result.json")


def test_the_oldest_go_beyond_a_size_and_the_newest_stays(tmp_path: Path) -> None:
    kept = store(tmp_path, max_bytes=100)
    ids = [keep(kept, tmp_path, age_s, 40) for age_s in (50, 40, 30)]
    assert ids_in(tmp_path) == set(ids[1:])

    huge = keep(kept, tmp_path, 0, 5000)

    assert ids_in(tmp_path) == {huge}


def test_kinds_share_their_bytes_and_calibrations_go_last(tmp_path: Path) -> None:
    kept = store(tmp_path, max_bytes=100)
    calibration = keep(kept, tmp_path, 90, 10, CALIBRATIONS)
    older = keep(kept, tmp_path, 50, 40)
    newer = keep(kept, tmp_path, 40, 40)
    assert ids_in(tmp_path) == {older, newer}

    panorama = keep(kept, tmp_path, 0, 40, PANORAMAS)

    assert ids_in(tmp_path) == {newer}
    assert ids_in(tmp_path, PANORAMAS) == {panorama}
    assert ids_in(tmp_path, CALIBRATIONS) == {calibration}


def test_what_is_used_counts_as_new(tmp_path: Path) -> None:
    kept = store(tmp_path, max_count=2)
    first, second = (keep(kept, tmp_path, age_s, kind=CALIBRATIONS) for age_s in (50, 40))

    assert kept.use(CALIBRATIONS, first) == b"x" * 10
    third = keep(kept, tmp_path, 30, kind=CALIBRATIONS)

    assert ids_in(tmp_path, CALIBRATIONS) == {first, third}
    with pytest.raises(CalibrationNotFoundError, match=second):
        kept.use(CALIBRATIONS, second)


def test_the_same_content_is_kept_once(tmp_path: Path) -> None:
    kept = store(tmp_path)
    for content in (b"first", b"again"):
        keep_files(kept, CALIBRATIONS, DIGEST, {"calibration.json": content})

    assert ids_in(tmp_path, CALIBRATIONS) == {DIGEST}
    assert kept.use(CALIBRATIONS, DIGEST) == b"first"


def test_a_result_that_is_being_read_survives_its_removal(tmp_path: Path) -> None:
    kept = store(tmp_path, max_count=1)
    reading = kept.open(ANALYSES, keep(kept, tmp_path, 50), "result.json")
    keep(kept, tmp_path, 10)

    with reading.file as file:
        assert file.read() == b"x" * 10
    assert reading.size_bytes == 10


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    kept = store(tmp_path)

    with pytest.raises(StorageUnavailableError, match="nothing was kept"):
        keep_files(
            kept, ANALYSES, str(uuid.uuid4()), {"result.json": b"x", "no/such/folder.png": b"x"}
        )

    assert ids_in(tmp_path) == set()


def test_a_draft_is_seen_when_it_is_published(tmp_path: Path) -> None:
    kept = store(tmp_path)
    panorama_id = str(uuid.uuid4())
    with kept.draft(PANORAMAS) as draft:
        with draft.create("panorama.ome.tif") as file:
            file.write(b"rows")
            file.write(b" and rows")
        assert draft.read("panorama.ome.tif") == b"rows and rows"
        with pytest.raises(NotFoundError):
            kept.open(PANORAMAS, panorama_id, "panorama.ome.tif")
        kept.publish(panorama_id, draft)

    with kept.open(PANORAMAS, panorama_id, "panorama.ome.tif").file as opened:
        assert opened.read() == b"rows and rows"


def test_leftovers_of_a_killed_process_are_cleared_away(tmp_path: Path) -> None:
    for name, age_s in (("old", 4000), ("new", 0)):
        leftover = tmp_path / "analyses" / f".aside-{name}"
        leftover.mkdir(parents=True)
        (leftover / "labels.png").write_bytes(b"x")
        changed = leftover.stat().st_mtime - age_s
        os.utime(leftover, (changed, changed))
    foreign = tmp_path / "analyses" / "notes"
    foreign.mkdir()

    keep(store(tmp_path, max_count=1), tmp_path, 0)

    assert not (tmp_path / "analyses" / ".aside-old").exists()
    assert (tmp_path / "analyses" / ".aside-new").exists()
    assert foreign.exists()


def test_what_takes_hours_is_no_leftover_to_another_process(tmp_path: Path) -> None:
    kept, panorama_id = store(tmp_path), str(uuid.uuid4())
    with kept.draft(PANORAMAS) as draft:
        draft.write("panorama.ome.tif", b"hundreds of fields")
        os.utime(draft.folder, (1, 1))
        # A worker is started anew meanwhile.
        store(tmp_path)
        draft.write("panorama.json", b"{}")
        kept.publish(panorama_id, draft)

    with kept.open(PANORAMAS, panorama_id, "panorama.ome.tif").file as opened:
        assert opened.read() == b"hundreds of fields"


def test_a_disk_without_locks_keeps_and_removes_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", unknown)
    kept = store(tmp_path, max_count=1)
    ids = [keep(kept, tmp_path, age_s) for age_s in (20, 10)]
    assert ids_in(tmp_path) == {ids[1]}


@pytest.mark.parametrize(
    "result_id",
    ["", ".", "..", "../x", "x", "{}", "A" * 36, "00000000-0000-0000-0000-00000000000\u0660"],
)
def test_only_canonical_ids_reach_the_file_system(tmp_path: Path, result_id: str) -> None:
    kept = store(tmp_path / "artefacts")
    (tmp_path / "artefacts" / "result.json").write_text("secret")

    with pytest.raises(AnalysisNotFoundError):
        kept.open(ANALYSES, result_id, "result.json")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x.png",
        "registered-.png",
        "registered-..png",
        "registered-../x.png",
        "registered-a/b.png",
        "registered-a\\b.png",
        "registered-\x00.png",
        "registered-x.txt",
        "registered-\ud800.png",
        "registered-" + "x" * 300 + ".png",
    ],
)
def test_only_possible_names_reach_the_file_system(tmp_path: Path, name: str) -> None:
    kept = store(tmp_path)
    keep_files(kept, REGISTRATIONS, DIGEST, {"report.json": b"{}"})

    with pytest.raises(NotFoundError, match=r"there is no artefact .* registered-NAME\.png"):
        kept.open(REGISTRATIONS, DIGEST, name)


def test_files_named_by_clients_have_tags_in_ascii(tmp_path: Path) -> None:
    kept = store(tmp_path)
    names = [f"registered-{stem}.png" for stem in ("XPL 30", "шлиф", 'quo"te', "plain")]
    keep_files(kept, REGISTRATIONS, DIGEST, {name: name.encode() for name in names})

    tags = []
    for name in names:
        with kept.open(REGISTRATIONS, DIGEST, name).file as file:
            assert file.read() == name.encode()
        tags.append(kept.open(REGISTRATIONS, DIGEST, name))
    for opened in tags:
        opened.file.close()
        assert opened.media_type == "image/png"
        assert opened.etag.isascii()
        assert opened.etag.count('"') == 2
    assert len({opened.etag for opened in tags}) == len(names)

"""A disk that takes nothing is the fault of the service: 503 with a time to come back."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from petrography.errors import BodyTooLargeError, StorageUnavailableError
from petrography.image_codec import write_pyramid
from service.engine import ANALYSES, ArtefactStore, size_if_known
from service.engine.versions import add_version
from service.uploads import Spool, UploadedFile
from tests.annotated import begun, draw, square, undo
from tests.grpc_service import analyse, begin, part, problem, running_grpc
from tests.hostile.refusals import assert_problem
from tests.http_service import png, running_service, settings_for
from tests.kept_results import keep_files
from tests.tiny_model import CODES, paint

FIELD = png(paint(np.random.default_rng(7).integers(0, len(CODES), (70, 130))))


def full(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/secret/path")


def full_for_uploads(descriptor: int, data: bytes, write: Any = os.write) -> int:
    """Only uploads are large here."""
    return int(full() if len(data) > 1000 else write(descriptor, data))


BROKEN: dict[str, tuple[str, Any]] = {
    "the upload begins": ("service.uploads.spool.tempfile.TemporaryFile", full),
    "the upload is written": ("service.uploads.spool.os.write", full_for_uploads),
    "the draft begins": ("service.engine.artefact_store.Path.mkdir", full),
    "the draft is written": ("service.engine.artefact_store.Draft.create", full),
    "the result is brought to the disk": ("service.engine.artefact_store.sync_tree", full),
}


@pytest.mark.anyio
async def test_a_full_disk_is_503_over_every_protocol(
    model_folder: Path,
    tmp_path: Path,
    clean_environment: pytest.MonkeyPatch,
) -> None:
    async with running_grpc(settings_for(model_folder, tmp_path / "kept")) as service:
        chunks = [begin(), *part("image", FIELD)]
        for step, (place, fault) in BROKEN.items():
            with clean_environment.context() as broken:
                broken.setattr(place, fault)
                answer = await service.http.post("/v1/analyses", files={"image": FIELD})
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await analyse(service, chunks)
            assert (step, answer.status_code) == (step, 503), answer.text
            assert answer.json()["type"] == "urn:petroserve:problem:storage-unavailable"
            assert int(answer.headers["retry-after"]) > 0
            assert "secret" not in answer.text
            assert (step, refused.value.code()) == (step, grpc.StatusCode.UNAVAILABLE)
            assert problem(refused.value)["type"] == answer.json()["type"]
        assert list((tmp_path / "kept").glob("analyses/*")) == []
        assert (await analyse(service, chunks))[-1].finished.result_json


@pytest.mark.anyio
@pytest.mark.parametrize("place", ["write_through", "Path.hardlink_to", "sync_folder"])
async def test_a_review_on_a_full_disk_is_503_and_leaves_nothing(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    async with running_service(settings_for(model_folder, tmp_path / "kept")) as (client, _):
        made = await client.post("/v1/analyses", files={"image": FIELD})
        address, approved = made.headers["location"], {"status": "final", "reviewer": "Grace"}
        (kept,) = (tmp_path / "kept").glob("analyses/*")
        before = set(kept.iterdir())
        with monkeypatch.context() as broken:
            broken.setattr(f"service.engine.added_files.{place}", full)
            refused = await client.post(f"{address}/corrections", json=approved)
        assert_problem(refused, 503, "a version of an analysis cannot be stored")
        assert "secret" not in refused.text
        assert set(kept.iterdir()) == before
        assert (await client.get(address)).content == made.content

        answer = await client.post(f"{address}/corrections", json=approved)
        assert (answer.status_code, answer.json()["version"]) == (201, 2)


@pytest.mark.anyio
@pytest.mark.parametrize("place", ["write_through", "Path.hardlink_to", "sync_folder"])
async def test_a_step_on_a_full_disk_is_503_and_is_not_drawn(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    async with running_service(settings_for(model_folder, tmp_path / "kept")) as (client, _):
        address = await begun(client)
        assert (await draw(client, address, square(0, 0))).status_code == 200
        (kept,) = (tmp_path / "kept").glob("annotations/*")
        before = set(kept.iterdir())
        labels = (await client.get(f"{address}/labels.png")).content
        with monkeypatch.context() as broken:
            broken.setattr(f"service.engine.added_files.{place}", full)
            for refused in (
                await draw(client, address, square(1, 1)),
                await undo(client, address, 1),
            ):
                assert_problem(refused, 503, "a step of an annotation cannot be stored")
        assert set(kept.iterdir()) == before
        assert (await client.get(f"{address}/labels.png")).content == labels

        answer = await draw(client, address, square(1, 1))
        assert (answer.status_code, answer.json()["step"]) == (200, 2)


def test_a_version_is_on_the_disk_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtefactStore(tmp_path, max_count=10, max_bytes=10**6)
    store.open_folder()
    keep_files(store, ANALYSES, "0" * 32, {"result.json": b"{}"})
    synced: list[str] = []
    fsync = os.fsync

    def note_fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note_fsync)
    add_version(store, "0" * 32, 2, b"{}")

    # The version and its name, then its digest: one that is cut short would speak against it.
    assert len(synced) == 3
    assert synced[1] == "0" * 32


def test_a_spool_takes_what_a_disk_takes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    with Spool.opened(max_file_bytes=100) as spool:
        file = spool.begin("image", "field.png")
        spool.take(bytes(range(90)))
        monkeypatch.setattr(os, "write", lambda number, data: write(number, data[:7]))
        spool.write()
        assert spool.ended(file).read() == bytes(range(90))


@pytest.mark.anyio
async def test_a_spool_is_open_until_its_last_write_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A number of a file that is closed is that of the next one that is opened."""
    begun, go_on, write = threading.Event(), threading.Event(), os.write

    def slowly(descriptor: int, data: bytes) -> int:
        begun.set()
        assert go_on.wait(60.0)
        return write(descriptor, data)

    async def upload() -> None:
        with Spool.opened(max_file_bytes=100) as spool:
            spool.begin("image", "field.png")
            spool.take(b"upload")
            await spool.write_aside()

    monkeypatch.setattr(os, "write", slowly)
    uploading = asyncio.create_task(upload())
    await asyncio.to_thread(begun.wait)
    for _ in range(2):
        uploading.cancel()
        await asyncio.sleep(0.05)
    with (tmp_path / "of-somebody-else").open("wb") as other:
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await uploading
        assert os.fstat(other.fileno()).st_size == 0


def test_a_spool_on_a_full_disk_can_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with Spool.opened(max_file_bytes=100) as spool:
        spool.take(b"x")
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(StorageUnavailableError, match="upload cannot be stored"):
            spool.write()


def test_a_file_over_its_limit_is_refused_before_its_rest_arrives() -> None:
    with Spool.opened(max_file_bytes=100) as spool:
        for _ in range(2):
            spool.begin("image", "field.png")
            spool.take(bytes(100))
        with pytest.raises(BodyTooLargeError, match="'image' has more than 100 bytes"):
            spool.take(b"x")


class OnlyMapped(UploadedFile):
    """A file that nobody may read as a whole."""

    def read(self) -> bytes:
        raise AssertionError


def test_the_size_of_a_file_is_found_without_reading_it(tmp_path: Path) -> None:
    strips = iter([np.zeros((700, 900, 3), dtype=np.uint8)])
    path = tmp_path / "field.tif"
    with path.open("w+b") as tiff, Spool.opened(max_file_bytes=10**8) as spool:
        write_pyramid(tiff, strips, 700, 900, um_per_px=None, compression="none")
        for content, shape in ((path.read_bytes(), (700, 900)), (bytes(10**6), None)):
            begun = spool.begin("image", "field")
            spool.take(content)
            spool.write()
            file = OnlyMapped("field", len(content), spool, begun.begin)
            assert size_if_known(file) == shape


def test_a_result_is_on_the_disk_before_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtefactStore(tmp_path, max_count=10, max_bytes=10**6)
    store.open_folder()
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def note_fsync(descriptor: int) -> None:
        steps.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def note_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "rename", note_rename)
    keep_files(store, ANALYSES, "0" * 32, {"result.json": b"{}", "labels.png": b"x"})

    assert {"result.json", "labels.png"} < set(steps[:3])
    assert any(step.startswith(".aside-") for step in steps[:3])
    assert steps[3:] == ["rename", "analyses"]

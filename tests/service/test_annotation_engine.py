"""Annotations in the engine, without any protocol: stopped when nobody waits, and never half done."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from petrography.errors import (
    AnnotationNotFoundError,
    NotReadyError,
    OverloadedError,
    StorageUnavailableError,
)
from petrography.image_codec import decode_labels
from petrography.images import Labels
from service.engine import ANNOTATIONS, AnnotationRequest, Engine, StepRequest, added_files
from service.engine.annotations.drawing import Drawing
from service.engine.annotations.record import read_entries
from service.engine.course import AnalysisEvent, Course
from service.engine.moments import AT_ONCE, Moments
from service.telemetry import Telemetry
from tests.annotated import INDICES, square
from tests.http_service import settings_for
from tests.service.test_engine import kept_paths, metric, reached, started
from tests.service.test_imaging_engine import FileInMemory, file
from tests.tiny_model import paint

pytestmark = pytest.mark.anyio

STEP = StepRequest.model_validate({"strokes": [square(0, 0)]})
NEXT = StepRequest.model_validate({"strokes": [square(1, 1)]})


@pytest.fixture
async def engine(model_folder: Path, tmp_path: Path) -> AsyncIterator[Engine]:
    async with started(settings_for(model_folder, tmp_path / "artefacts")) as running:
        yield running


def photograph(*, waits: bool = False) -> FileInMemory:
    return file("field.png", paint(INDICES), waits=waits)


async def begun(engine: Engine) -> str:
    return (await engine.annotations.begin(photograph(), AnnotationRequest())).result_id


async def labels_of(engine: Engine, annotation_id: str) -> Labels:
    opened = await engine.annotations.open_file(annotation_id, "labels.png")
    return decode_labels(opened.file.read())


async def test_one_that_nobody_waits_for_is_not_kept(engine: Engine) -> None:
    image = photograph(waits=True)
    running = asyncio.create_task(engine.annotations.begin(image, AnnotationRequest()))
    await reached(image.reached)

    running.cancel()
    await asyncio.sleep(0)
    assert not running.done()
    image.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert kept_paths(engine.settings.artefacts_folder) == []
    cancelled = 'petroserve_imaging_total{kind="annotations",outcome="cancelled"}'
    assert metric(engine, cancelled) == 1.0


async def test_a_step_whose_client_goes_before_it_is_kept_was_never_drawn(engine: Engine) -> None:
    """In the moment after it was drawn; and what is drawn next lies on what there was before."""
    annotation_id = await begun(engine)
    drawing = Drawing(engine.store, engine.audit, memory_bytes=10**9)
    key = "", annotation_id
    drawing.step(key, STEP, None, Course(engine.telemetry))
    before = await labels_of(engine, annotation_id)

    def leave(_event: AnalysisEvent) -> None:
        course.stop()

    course = Course(engine.telemetry, leave)
    with pytest.raises(CancelledError):
        drawing.step(key, NEXT, None, course)

    with drawing.current(key, Course(engine.telemetry)) as session:
        assert session.state == 1
        assert np.array_equal(session.drawn.labels, before)
    assert np.array_equal(await labels_of(engine, annotation_id), before)


@pytest.mark.parametrize("undoing", [False, True])
async def test_what_the_disk_does_not_take_was_never_done(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, undoing: bool
) -> None:
    annotation_id = await begun(engine)
    await engine.annotations.step(annotation_id, STEP)
    before = await labels_of(engine, annotation_id)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    annotations = engine.annotations
    with monkeypatch.context() as disk:
        disk.setattr(added_files, "write_through", full)
        work = (
            annotations.take_back(annotation_id, 1)
            if undoing
            else annotations.step(annotation_id, NEXT)
        )
        with pytest.raises(StorageUnavailableError):
            await work

    assert np.array_equal(await labels_of(engine, annotation_id), before)
    assert (await engine.annotations.step(annotation_id, NEXT)).answer.step == 2
    reading = Drawing(engine.store, engine.audit, memory_bytes=10**9)
    with reading.current(("", annotation_id), Course(engine.telemetry)) as session:
        assert np.array_equal(await labels_of(engine, annotation_id), session.drawn.labels)


async def test_steps_do_not_wait_behind_analyses(engine: Engine) -> None:
    annotation_id = await begun(engine)
    async with (
        engine.admission.turn("bulk"),
        engine.admission.turn("interactive"),
        engine.admission.turn("interactive"),
        asyncio.timeout(30.0),
    ):
        done = await engine.annotations.step(annotation_id, STEP)

    assert done.answer.step == 1


async def test_who_comes_when_too_many_wait_is_refused() -> None:
    moments, leaving = Moments(), asyncio.Event()

    async def hold(tenant: str) -> None:
        async with moments.turn(tenant, object()):
            await leaving.wait()

    held = [asyncio.create_task(hold("many")) for _ in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="64 are accepted") as refused:
        await hold("few")
    assert refused.value.retry_after_s == 1
    leaving.set()
    await asyncio.gather(*held)
    assert AT_ONCE == 2


async def test_one_annotation_does_not_hold_all_turns() -> None:
    """However many ask for it, and also when some of them go while they wait."""
    moments, leaving = Moments(), asyncio.Event()
    inside: list[str] = []

    async def work(subject: str, until: asyncio.Event) -> None:
        async with moments.turn("lab", subject):
            inside.append(subject)
            await until.wait()

    slow = [asyncio.create_task(work("slow", leaving)) for _ in range(5)]
    await asyncio.sleep(0)
    slow.pop(2).cancel()
    free = asyncio.Event()
    free.set()
    async with asyncio.timeout(5.0):
        for _ in range(3):
            await work("other", free)
    assert inside == ["slow", "other", "other", "other"]
    leaving.set()
    await asyncio.gather(*slow)
    assert inside.count("slow") == 4


async def test_a_reader_who_goes_ends_the_drawing_of_a_long_record(engine: Engine) -> None:
    annotation_id = await begun(engine)
    await engine.annotations.step(annotation_id, STEP)
    drawing = Drawing(engine.store, engine.audit, memory_bytes=10**9)
    course = Course(engine.telemetry)
    course.stop()
    key = "", annotation_id
    with pytest.raises(CancelledError), drawing.current(key, course):
        pytest.fail("it went on")
    with drawing.current(key, Course(engine.telemetry)) as session:
        assert session.state == 1


async def test_a_reader_who_goes_ends_the_reading_of_a_long_record(engine: Engine) -> None:
    """Of a bucket every entry is a request."""
    annotation_id = await begun(engine)
    for one in (STEP, NEXT, STEP):
        await engine.annotations.step(annotation_id, one)
    asked: list[None] = []

    def go_on() -> None:
        asked.append(None)
        if len(asked) == 2:
            raise CancelledError

    with pytest.raises(CancelledError):
        read_entries(engine.store, annotation_id, "", after=0, go_on=go_on)
    found = read_entries(engine.store, annotation_id, "", after=1, go_on=lambda: None)
    assert [one.number for one in found] == [2, 3]


async def test_an_annotation_that_made_room_is_gone_at_once(engine: Engine) -> None:
    annotation_id = await begun(engine)
    await engine.annotations.step(annotation_id, STEP)
    kept = engine.store.folder_of(ANNOTATIONS, annotation_id)
    assert kept is not None
    for path in kept.iterdir():
        path.unlink()
    kept.rmdir()

    for work in (
        engine.annotations.step(annotation_id, NEXT),
        engine.annotations.open_document(annotation_id),
        engine.annotations.open_file(annotation_id, "labels.png"),
    ):
        with pytest.raises(AnnotationNotFoundError):
            await work


async def test_nothing_is_taken_before_the_start(model_folder: Path, tmp_path: Path) -> None:
    engine = Engine(settings_for(model_folder, tmp_path / "artefacts"), Telemetry())

    with pytest.raises(NotReadyError):
        await engine.annotations.begin(photograph(), AnnotationRequest())
    with pytest.raises(NotReadyError):
        await engine.annotations.step("8e03978e-40d5-43dd-bc93-6894a57f9324", STEP)

"""Imaging in the engine, without any protocol: one queue with analyses, stopped when nobody waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from petrography.errors import CalibrationNotFoundError, InputError, NotReadyError
from petrography.images import Image
from petrography.phantoms import section_fields
from petrography.pipeline import AnalysisRequest
from service.engine import (
    PANORAMAS,
    CalibrationRequest,
    Engine,
    Finished,
    PanoramaRequest,
    RegistrationRequest,
)
from service.telemetry import Telemetry
from tests.http_service import png, settings_for
from tests.service.test_engine import kept_paths, metric, reached, started

pytestmark = pytest.mark.anyio

WITHIN_S = 60.0
FIELDS = {
    one.name: one.image
    for one in section_fields("S2", 3, 1, 2, height_px=200, width_px=260, overlap=0.3).fields
}
FIELD = next(iter(FIELDS.values()))
GREY = np.full((40, 50, 3), 128, dtype=np.uint8)


@dataclass
class FileInMemory:
    """A file of a client, whose reading may have to wait."""

    name: str
    content: bytes
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)
    reads: int = 0

    def read(self) -> bytes:
        self.reads += 1
        self.reached.set()
        assert self.opened.wait(WITHIN_S)
        return self.content


def file(name: str, pixels: Image, *, waits: bool = False) -> FileInMemory:
    made = FileInMemory(name, png(pixels))
    if not waits:
        made.opened.set()
    return made


@pytest.fixture
async def engine(model_folder: Path, tmp_path: Path) -> AsyncIterator[Engine]:
    async with started(settings_for(model_folder, tmp_path / "artefacts")) as running:
        yield running


def calibrate(engine: Engine, image: FileInMemory) -> asyncio.Task[Finished]:
    request = CalibrationRequest(white_rgb=(200.0, 190.0, 180.0))
    return asyncio.create_task(engine.imaging.calibrate([image], [], request))


async def test_a_calibration_that_nobody_waits_for_is_not_kept(engine: Engine) -> None:
    image = file("grey.png", GREY, waits=True)
    running = calibrate(engine, image)
    await reached(image.reached)

    running.cancel()
    await asyncio.sleep(0)
    # Its thread still holds the turn.
    assert not running.done()
    image.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert kept_paths(engine.settings.artefacts_folder) == []
    cancelled = 'petroserve_imaging_total{kind="calibrations",outcome="cancelled"}'
    assert metric(engine, cancelled) == 1.0


async def test_a_panorama_stops_at_the_next_field(engine: Engine) -> None:
    first, second = (file(name, pixels) for name, pixels in FIELDS.items())
    first.opened.clear()
    running = asyncio.create_task(engine.imaging.stitch([first, second], None, PanoramaRequest()))
    await reached(first.reached)

    running.cancel()
    await asyncio.sleep(0)
    first.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert (first.reads, second.reads) == (1, 0)
    assert kept_paths(engine.settings.artefacts_folder) == []


async def test_a_registration_stops_at_the_next_view(engine: Engine) -> None:
    reference, *views = (file(name, FIELD) for name in ("reference", "a", "b"))
    views[0].opened.clear()
    running = asyncio.create_task(engine.imaging.register(reference, views, RegistrationRequest()))
    await reached(views[0].reached)

    running.cancel()
    await asyncio.sleep(0)
    views[0].opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert [one.reads for one in views] == [1, 0]
    assert kept_paths(engine.settings.artefacts_folder) == []


async def test_imaging_waits_in_the_queue_of_the_analyses(engine: Engine) -> None:
    image = file("grey.png", GREY, waits=True)
    running = calibrate(engine, image)
    await reached(image.reached)
    later = file("later.png", GREY)
    waiting = asyncio.create_task(engine.analyse(later, AnalysisRequest()))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not later.reached.is_set()

    image.opened.set()
    await asyncio.gather(running, waiting)

    assert metric(engine, "petroserve_queue_wait_seconds_count") == 2.0


async def test_a_panorama_is_kept_with_all_its_files(engine: Engine) -> None:
    files = [file(name, pixels) for name, pixels in FIELDS.items()]

    finished = await engine.imaging.stitch(files, None, PanoramaRequest())

    for name in PANORAMAS.media_types:
        with engine.store.open(PANORAMAS, finished.result_id, name).file as opened:
            assert opened.read()


async def test_what_cannot_be_stitched_leaves_nothing_behind(engine: Engine) -> None:
    with pytest.raises(InputError):
        await engine.imaging.stitch([file("a", GREY), file("b", GREY)], None, PanoramaRequest())

    assert kept_paths(engine.settings.artefacts_folder) == []
    assert metric(engine, 'petroserve_imaging_total{kind="panoramas",outcome="refused"}') == 1.0


async def test_an_unknown_calibration_is_found_out_before_the_image_is_read(
    engine: Engine,
) -> None:
    image = file("grey.png", GREY)
    with pytest.raises(CalibrationNotFoundError):
        await engine.analyse(image, AnalysisRequest(calibration="0" * 64))

    assert image.reads == 0


async def test_nothing_is_taken_before_the_start(model_folder: Path, tmp_path: Path) -> None:
    engine = Engine(settings_for(model_folder, tmp_path / "artefacts"), Telemetry())

    with pytest.raises(NotReadyError):
        await calibrate(engine, file("grey.png", GREY))

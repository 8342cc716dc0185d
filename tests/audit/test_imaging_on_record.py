"""What imaging makes is on record before it is kept; the loop goes on."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from petrography.errors import AuditUnavailableError
from petrography.pipeline import AnalysisRequest
from service.audit import entries_of
from service.engine import (
    CALIBRATIONS,
    PANORAMAS,
    AnnotationRequest,
    CalibrationRequest,
    Engine,
    EvaluationRequest,
    Finished,
    PanoramaRequest,
    RegistrationRequest,
)
from tests.http_service import settings_for
from tests.service.test_engine import FIELD, kept_paths, started
from tests.service.test_imaging_engine import FIELDS, GREY, file
from tests.tiny_model import write_model

pytestmark = pytest.mark.anyio


def imaging(engine: Engine) -> dict[str, Coroutine[Any, Any, Finished]]:
    first, second = (file(name, pixels) for name, pixels in FIELDS.items())
    white = CalibrationRequest(white_rgb=(200.0, 190.0, 180.0))
    labels = file("labels.png", np.ones((8, 8), dtype=np.uint8))
    return {
        "annotation.made": engine.annotations.begin(file("grey.png", GREY), AnnotationRequest()),
        "calibration.made": engine.imaging.calibrate([file("grey.png", GREY)], [], white),
        "evaluation.made": engine.imaging.evaluate([labels], [labels], [], EvaluationRequest()),
        "panorama.made": engine.imaging.stitch([first, second], None, PanoramaRequest()),
        "registration.made": engine.imaging.register(
            file("reference.png", FIELDS[first.name]),
            [file("again.png", FIELDS[first.name])],
            RegistrationRequest(),
        ),
    }


async def test_what_cannot_be_put_on_record_is_not_kept(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(model_folder, tmp_path / "kept", audit_folder=tmp_path / "audit")
    async with started(settings) as engine:
        aside = settings.audit_log_folder.rename(tmp_path / "aside")
        settings.audit_log_folder.write_bytes(b"no folder")
        for event, work in imaging(engine).items():
            with pytest.raises(AuditUnavailableError):
                await work
            assert kept_paths(settings.artefacts_folder) == [], event
        settings.audit_log_folder.unlink()
        aside.rename(settings.audit_log_folder)

        for event, work in imaging(engine).items():
            made = await work
            last = list(entries_of(settings.audit_log_folder))[-1]
            assert (last.event, last.subject) == (event, made.result_id)
        assert len(kept_paths(settings.artefacts_folder)) == 5
        for kind in (CALIBRATIONS, PANORAMAS):
            (kept,) = (settings.artefacts_folder / kind.folder).iterdir()
            assert (kept / kind.document).is_file()


async def test_nothing_is_written_to_the_disk_in_the_event_loop(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(model_folder, tmp_path / "kept", models_reload_s=0)
    threads: set[int] = set()
    async with started(settings) as engine:
        fsync = os.fsync

        def noting(descriptor: int) -> None:
            threads.add(threading.get_ident())
            fsync(descriptor)

        with monkeypatch.context() as watched:
            watched.setattr(os, "fsync", noting)
            for work in imaging(engine).values():
                await work
            await engine.analyse(io.BytesIO(FIELD), AnalysisRequest())
            write_model(model_folder, name="another")
            engine.readiness.reload()
            async with asyncio.timeout(30.0):
                while "another" not in {one.subject[:7] for one in loaded(engine)}:
                    await asyncio.sleep(0.02)
        assert threads
        assert threading.get_ident() not in threads


def loaded(engine: Engine) -> list[Any]:
    entries = entries_of(engine.settings.audit_log_folder)
    return [one for one in entries if one.event == "model.loaded"]

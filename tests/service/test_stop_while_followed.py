"""A service that is told to stop does not wait for those who follow a job."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import httpx
import numpy as np

from tests.http_service import png
from tests.service.test_bento import SERVE, environment
from tests.started import START_WITHIN_S, STOP_WITHIN_S, free_port, started, wait_until_ready
from tests.tiny_model import CODES, paint, write_model

# Grains of a few pixels, of which there are so many that the job outlasts the stop by far.
SIDE_PX = 1500


def test_a_stream_of_events_ends_with_the_service(tmp_path: Path) -> None:
    write_model(tmp_path / "models")
    log, port = tmp_path / "log.txt", free_port()
    field = png(paint(np.random.default_rng(1).integers(0, len(CODES), (SIDE_PX, SIDE_PX))))
    with (
        started(
            [sys.executable, "-c", SERVE],
            environment(tmp_path, PETROSERVE_HTTP_PORT=str(port)),
            log,
        ) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_WITHIN_S) as client,
    ):
        wait_until_ready(str(client.base_url), process, log)
        files = {"image": ("field.png", field)}
        job = client.post("/v1/analyses", files=files, headers={"Prefer": "respond-async"}).json()
        with client.stream("GET", job["events"]) as events:
            lines = events.iter_lines()
            told = [next(line for line in lines if line.startswith("event: "))]
            process.send_signal(signal.SIGTERM)
            told += [line for line in lines if line.startswith("event: ")]
        assert process.wait(STOP_WITHIN_S) == 0, log.read_text()
    # The job itself goes on in the next process, and so does who comes back to follow it.
    assert set(told) == {"event: progress"}

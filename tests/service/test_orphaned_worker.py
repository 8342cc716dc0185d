"""Workers whose supervisor was killed end, and a service can be started in its place."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.service.test_bento import FIELD, SERVE, environment
from tests.started import START_WITHIN_S, STOP_WITHIN_S, free_port, started, wait_until_ready
from tests.tiny_model import write_model

END_WITHIN_S = 30.0
WATCHED = """
import sys, time
from service.bento.orphaned_worker import end_with_supervisor

end_with_supervisor(int(sys.argv[1]) if sys.argv[1:] else None)
print("begun", flush=True)
time.sleep(float(sys.argv[2]) if sys.argv[2:] else 60)
"""


@contextlib.contextmanager
def workers_of(supervisor: int, count: int) -> Iterator[list[psutil.Process]]:
    """The workers; whatever happens, they are gone afterwards."""
    workers = psutil.Process(supervisor).children()
    assert len(workers) == count
    try:
        yield workers
    finally:
        for worker in workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()


def test_a_killed_service_can_be_started_again(tmp_path: Path) -> None:
    write_model(tmp_path / "models")
    log, port = tmp_path / "log.txt", free_port()
    stated = {"PETROSERVE_HTTP_PORT": str(port), "PETROSERVE_WORKERS": "2"}
    # What the killed one leaves of its folders lies here.
    variables = environment(tmp_path, TMPDIR=str(tmp_path), **stated)
    address = f"http://127.0.0.1:{port}"
    with started([sys.executable, "-c", SERVE], variables, log) as process:
        wait_until_ready(address, process, log)
        with workers_of(process.pid, count=2) as workers:
            form = {"files": {"image": ("field.png", FIELD)}, "timeout": START_WITHIN_S}
            headers = {"Prefer": "respond-async"}
            job = httpx.post(f"{address}/v1/analyses", headers=headers, **form).json()
            process.kill()
            process.wait(STOP_WITHIN_S)
            _, left = psutil.wait_procs(workers, END_WITHIN_S)
            assert left == [], log.read_text()
    assert log.read_text().count(f"(process {process.pid}) is gone") == 2
    (left_folder,) = tmp_path.glob("petroserve-*")

    with started([sys.executable, "-c", SERVE], variables, log) as process:
        wait_until_ready(address, process, log)
        deadline = time.monotonic() + START_WITHIN_S
        asked = f"{address}{job['href']}"
        while (status := httpx.get(asked, timeout=START_WITHIN_S).status_code) == 202:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        assert status == 200, log.read_text()
        assert not left_folder.exists(), log.read_text()
    # And what the libraries made was in it.
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"models", "artefacts", "home", "log.txt"}


def watched(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WATCHED, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_worker_whose_supervisor_was_gone_before_it_began_ends() -> None:
    gone = watched()
    gone.kill()
    gone.communicate()
    with watched(gone.pid) as process:
        assert process.wait(STOP_WITHIN_S) == -signal.SIGTERM


@pytest.mark.parametrize("told", [True, False])
def test_a_worker_stays_as_long_as_its_supervisor(told: bool) -> None:
    arguments = (os.getpid(), 2.5) if told else ()
    with watched(*arguments) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        if told:
            assert process.wait(STOP_WITHIN_S) == 0
        else:
            time.sleep(2.5)
            assert process.poll() is None
            process.kill()

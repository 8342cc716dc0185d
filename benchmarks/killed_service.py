"""A service that is killed again and again while jobs run, and the count of what came of them.

Used by ``bench_kill.py`` and, with a handful of kills, by the tests. Every round is a new process
that serves HTTP on a socket of its own, forked from one that has imported everything: a start takes
a second instead of five, and nothing that serves was there before.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from benchmarks.serving import Parts, free_port

ROOT = Path(__file__).resolve().parent.parent
WITHIN_S = 120.0
# One of five processes is killed while it starts, the others while they work.
_AT_THE_START, _START_S = 0.2, 1.0
_NURSERY = """
import os, signal, sys
import uvicorn
import dbos, sqlalchemy.dialects.sqlite
import service.jobs.durable_queue
from service.engine import Engine
from service.http_api import create_app
from service.settings import read_settings
from service.telemetry import Telemetry

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        # SQLite and others wait for processes of their own.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        app = create_app(Engine(read_settings(), Telemetry()))
        uvicorn.run(app, host="127.0.0.1", port=int(line), log_level="critical")
        os._exit(0)
    print(pid, flush=True)
"""


@dataclass
class Outcome:
    """What came of all kills.

    Attributes
    ----------
    kills : int
        Processes that were killed.
    submitted : int
        Submissions that were answered with 202, under different keys.
    states : dict of str to int
        Jobs by their last state.
    results : int
        Results that are kept.
    listed : int
        Analyses that the catalogue lists.
    callbacks : int
        Messages that came, repetitions included.
    told : int
        Jobs of which at least one message came.
    different : int
        Jobs of which messages with different content or ids came.
    seconds : float
        In all.
    """

    kills: int = 0
    submitted: int = 0
    states: dict[str, int] = field(default_factory=dict)
    results: int = 0
    listed: int = 0
    callbacks: int = 0
    told: int = 0
    different: int = 0
    seconds: float = 0.0

    @property
    def lost(self) -> int:
        """Jobs without a result, or of which nobody was told."""
        return (self.submitted - self.states.get("done", 0)) + (self.submitted - self.told)

    @property
    def doubled(self) -> int:
        """Results and entries beyond one for each key, and jobs that were told differently."""
        return (
            abs(self.results - self.submitted) + abs(self.listed - self.submitted) + self.different
        )


class Receiver:
    """Takes callbacks and remembers them."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
        remember = self._remember

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                remember(self.headers["webhook-id"], body)
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/done"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()

    def _remember(self, message_id: str, body: bytes) -> None:
        self.bodies[json.loads(body)["data"]["id"]].append((message_id, body))


class KilledService:
    """A service in a process that can be killed and started again.

    Parameters
    ----------
    variables : dict of str to str
        Its environment.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        self._nursery = subprocess.Popen(
            [sys.executable, "-c", _NURSERY],
            env=variables,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._pid: int | None = None
        self.address = ""
        self._said()

    def start(self) -> None:
        """Start a process; it is not ready yet."""
        port = free_port()
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(f"{port}\n")
        self._nursery.stdin.flush()
        self._pid = int(self._said())
        self.address = f"http://127.0.0.1:{port}"

    def wait_until_ready(self) -> None:
        """Wait until it takes work.

        Raises
        ------
        TimeoutError
            If it does not.
        """
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/readyz", timeout=5.0).status_code == 200:
                    return
            time.sleep(0.02)
        msg = f"the service was not ready within {WITHIN_S:g} s"
        raise TimeoutError(msg)

    def kill(self) -> None:
        """Kill it, as if the power of the machine had gone."""
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)
            self._pid = None

    def close(self) -> None:
        """Kill it for good."""
        self.kill()
        self._nursery.kill()
        self._nursery.communicate()

    def _said(self) -> str:
        assert self._nursery.stdout is not None
        return self._nursery.stdout.readline().strip()


class Submitter(threading.Thread):
    """Hands jobs in, each under its key until it is answered, and keeps some unfinished.

    Parameters
    ----------
    service : KilledService
        Where to.
    receiver : Receiver
        Who is to be told.
    unfinished : int
        How many jobs are kept at work.
    """

    def __init__(self, service: KilledService, receiver: Receiver, unfinished: int) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._receiver = receiver
        self._unfinished = unfinished
        self.ids: dict[int, str] = {}
        self.enough = threading.Event()
        self._unanswered: int | None = None

    def wait_for_work(self) -> None:
        """Wait until there are jobs that have not ended.

        Raises
        ------
        TimeoutError
            If the service takes none.
        """
        deadline = time.monotonic() + WITHIN_S
        while len(self.ids) <= len(self._receiver.bodies):
            if time.monotonic() > deadline:
                msg = f"the service took no job within {WITHIN_S:g} s"
                raise TimeoutError(msg)
            time.sleep(0.005)

    def run(self) -> None:
        """Hand in until it is enough, and the last one until it is answered."""
        while not self.enough.is_set():
            if len(self.ids) - len(self._receiver.bodies) < self._unfinished:
                self._hand_in(len(self.ids))
            else:
                time.sleep(0.01)
        # What a kill cut off may be recorded already. Who never asks again leaves an entry that
        # nobody counts, and the service would seem to have doubled a job.
        deadline = time.monotonic() + WITHIN_S
        while self._unanswered is not None and time.monotonic() < deadline:
            self._hand_in(self._unanswered)

    def _hand_in(self, number: int) -> None:
        self._unanswered = None if self._answered(number) else number
        if self._unanswered is not None:
            time.sleep(0.01)

    def _answered(self, number: int) -> bool:
        headers = {"Prefer": "respond-async", "Idempotency-Key": f"key-{number}"}
        files: Parts = {
            "image": ("field.png", picture(number)),
            "request": (None, json.dumps({"callback": self._receiver.url})),
        }
        try:
            answer = httpx.post(
                f"{self._service.address}/v1/analyses", headers=headers, files=files, timeout=60.0
            )
        except httpx.HTTPError:
            return False
        if answer.status_code != 202:
            return False
        self.ids[number] = answer.json()["id"]
        return True


def picture(number: int) -> bytes:
    """A small picture of its own for every number."""
    painted = np.random.default_rng(number).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(painted).resize((192, 128), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def kill_again_and_again(
    folder: Path,
    models: Path,
    kills: int,
    *,
    seed: int = 0,
    longest_s: float = 2.0,
    unfinished: int = 4,
    say: Any = None,
) -> Outcome:
    """Kill a service at random moments while jobs run, then let it finish, and count.

    Parameters
    ----------
    folder : Path
        Empty; for results, jobs and secrets.
    models : Path
        The models folder.
    kills : int
        How often.
    seed : int
        Of the moments.
    longest_s : float
        A process lives at most so long once it is ready.
    unfinished : int
        Jobs that are kept at work.
    say : callable, optional
        Told the kills so far.
    """
    moments, began = random.Random(seed), time.monotonic()
    receiver = Receiver()
    service = KilledService(variables_of(folder, models))
    submitter = Submitter(service, receiver, unfinished)
    outcome = Outcome()
    try:
        service.start()
        submitter.start()
        for outcome.kills in range(1, kills + 1):
            if moments.random() < _AT_THE_START:
                time.sleep(moments.uniform(0.0, _START_S))
            else:
                service.wait_until_ready()
                submitter.wait_for_work()
                time.sleep(moments.uniform(0.0, longest_s))
            service.kill()
            service.start()
            if say is not None:
                say(outcome.kills, len(submitter.ids), len(receiver.bodies))
        submitter.enough.set()
        submitter.join()
        service.wait_until_ready()
        _count(outcome, service.address, submitter, receiver, folder)
    finally:
        submitter.enough.set()
        service.close()
        receiver.close()
    outcome.seconds = time.monotonic() - began
    return outcome


def _count(
    outcome: Outcome, address: str, submitter: Submitter, receiver: Receiver, folder: Path
) -> None:
    ids = set(submitter.ids.values())
    outcome.submitted = len(submitter.ids)
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline and not ids <= receiver.bodies.keys():
        time.sleep(0.05)
    states = [entry["state"] for entry in listed(address)]
    outcome.states = {state: states.count(state) for state in sorted(set(states))}
    outcome.listed = len(states)
    outcome.results = len(list((folder / "artefacts" / "analyses").glob("[!.]*/result.json")))
    outcome.callbacks = sum(len(told) for told in receiver.bodies.values())
    outcome.told = len(ids & receiver.bodies.keys())
    outcome.different = sum(len(set(told)) > 1 for told in receiver.bodies.values())


def listed(address: str) -> Iterator[dict[str, Any]]:
    """All analyses that a service lists."""
    cursor: dict[str, str] = {}
    while True:
        page = httpx.get(
            f"{address}/v1/analyses", params={"limit": "200", **cursor}, timeout=60.0
        ).json()
        yield from page["analyses"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


def variables_of(folder: Path, models: Path) -> dict[str, str]:
    """The environment of a small service, with secrets for callbacks to this machine."""
    secrets = folder / "webhook.secrets"
    secrets.write_text("whsec_" + "YWJj" * 8 + "\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "PETROSERVE_MODELS_FOLDER": str(models),
        "PETROSERVE_ARTEFACTS_FOLDER": str(folder / "artefacts"),
        "PETROSERVE_ARTEFACTS_MAX_COUNT": "1000000",
        "PETROSERVE_PROVIDER": "cpu",
        "PETROSERVE_THREADS": "1",
        "PETROSERVE_WEBHOOK_SECRETS_FILE": str(secrets),
        "PETROSERVE_WEBHOOK_NETWORKS": "127.0.0.0/8",
    }

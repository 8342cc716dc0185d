"""Many submissions with repeated keys: how many analyses, and how fast are they taken?

::

    python benchmarks/bench_submissions.py [--submissions 10000] [--repeated 1000] [--clients 8]

A service on a socket takes small images with ``Prefer: respond-async``; some keys come twice, in any
order and at the same time. One more analysis than there are keys, or one less, is a failure (exit
status 1). Work goes on meanwhile; with ``--finish`` it is waited for, and results are counted too.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.killed_service import KilledService, listed, picture, variables_of
from benchmarks.recording import machine, recorded_options, tell
from tests.tiny_model import write_model


@dataclass(frozen=True)
class Measured:
    """What was measured."""

    keys: int
    ids: int
    analyses: int
    done: int
    seconds: list[float]
    lasted_s: float


def main() -> None:
    """Submit, count and write a table."""
    arguments = parser().parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "models")
        measured = measure(folder, arguments)
    table = "\n".join(rows(measured, arguments))
    tell(table, arguments)
    sys.exit(0 if measured.ids == measured.analyses == measured.keys else 1)


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = recorded_options(__doc__)
    options.add_argument("--submissions", type=int, default=10_000)
    options.add_argument("--repeated", type=int, default=1_000)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--finish", action="store_true")
    return options


def measure(folder: Path, arguments: argparse.Namespace) -> Measured:
    """Start a service and submit to it."""
    more = {"PETROSERVE_JOBS_QUEUED": "1000000", "PETROSERVE_QUEUE_LENGTH": "64"}
    service = KilledService(variables_of(folder, folder / "models") | more)
    try:
        service.start()
        service.wait_until_ready()
        return submitted(service.address, arguments)
    finally:
        service.close()


def submitted(address: str, arguments: argparse.Namespace) -> Measured:
    """Submit from several clients at the same time."""
    keys = arguments.submissions - arguments.repeated
    chance = random.Random(0)
    numbers = [*range(keys), *chance.sample(range(keys), arguments.repeated)]
    chance.shuffle(numbers)
    own, began = threading.local(), time.perf_counter()

    def send(number: int) -> tuple[str, float]:
        if not hasattr(own, "client"):
            own.client = httpx.Client(base_url=address, timeout=600.0)
        asked = time.perf_counter()
        answer = own.client.post(
            "/v1/analyses",
            headers={"Prefer": "respond-async", "Idempotency-Key": f"key-{number}"},
            files={"image": ("field.png", picture(number))},
        )
        answer.raise_for_status()
        return answer.json()["id"], time.perf_counter() - asked

    with ThreadPoolExecutor(arguments.clients) as clients:
        answers = list(clients.map(send, numbers))
    lasted_s = time.perf_counter() - began
    states = list(states_of(address, arguments.finish))
    return Measured(
        keys,
        len({analysis_id for analysis_id, _ in answers}),
        len(states),
        states.count("done"),
        [seconds for _, seconds in answers],
        lasted_s,
    )


def states_of(address: str, finish: bool) -> Iterator[str]:
    """The states of all analyses, of the ended ones only if they are waited for."""
    states = [entry["state"] for entry in listed(address)]
    while finish and {"queued", "running"} & set(states):
        time.sleep(2.0)
        states = [entry["state"] for entry in listed(address)]
    return iter(states)


def rows(measured: Measured, arguments: argparse.Namespace) -> list[str]:
    """The table."""
    p50, p99 = (1000.0 * float(np.percentile(measured.seconds, one)) for one in (50, 99))
    return [
        f"## Submissions of jobs ({machine()})",
        "",
        (
            f"`bench_submissions.py --submissions {arguments.submissions} "
            f"--repeated {arguments.repeated} --clients {arguments.clients}`"
        ),
        "",
        "| submissions | keys | ids | analyses | done meanwhile | a second | p50 ms | p99 ms |",
        "|---|---|---|---|---|---|---|---|",
        (
            f"| {len(measured.seconds)} | {measured.keys} | {measured.ids} | {measured.analyses} "
            f"| {measured.done} | {len(measured.seconds) / measured.lasted_s:.0f} "
            f"| {p50:.0f} | {p99:.0f} |"
        ),
    ]


if __name__ == "__main__":
    main()

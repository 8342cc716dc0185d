from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.engine.admission import Admission
from service.telemetry import Telemetry


def samples(telemetry: Telemetry) -> list[str]:
    return [line for line in telemetry.exposition().decode().splitlines() if line[0] != "#"]


def test_requests_are_counted_by_route_method_and_status() -> None:
    telemetry = Telemetry()

    telemetry.observe_request(route="/livez", method="GET", status=200, seconds=0.002)
    telemetry.observe_request(route="/livez", method="GET", status=200, seconds=0.002)

    counted = 'petroserve_http_requests_total{method="GET",route="/livez",status="200"} 2.0'
    assert counted in samples(telemetry)


def test_invented_methods_share_one_label() -> None:
    telemetry = Telemetry()
    for number in range(30):
        telemetry.observe_request(route="/", method=f"M{number}", status=405, seconds=0.0)

    counted = 'petroserve_http_requests_total{method="OTHER",route="/",status="405"} 30.0'
    assert counted in samples(telemetry)


def test_errors_stages_and_tiles() -> None:
    telemetry = Telemetry()

    telemetry.observe_error(ZeroDivisionError())
    telemetry.observe_stage("decode", 0.02)
    telemetry.observe_tile_batch("cpu", 4, 0.2)

    lines = samples(telemetry)
    assert 'petroserve_errors_total{error="ZeroDivisionError"} 1.0' in lines
    assert 'petroserve_stage_seconds_bucket{le="0.03",stage="decode"} 1.0' in lines
    assert 'petroserve_stage_seconds_bucket{le="0.01",stage="decode"} 0.0' in lines
    assert "petroserve_tiles_total 4.0" in lines
    assert 'petroserve_tile_batch_seconds_sum{provider="cpu"} 0.2' in lines


WORKER = """
import sys
from pathlib import Path

from service.telemetry import Telemetry

telemetry = Telemetry(Path(sys.argv[1]))
telemetry.observe_tile_batch("cpu", 3, 0.1)
telemetry.queue_depth.set(2)
telemetry.model_info.labels("tiny", "1", "0" * 64, "cpu").set(1)
print(telemetry.exposition().decode())
if sys.argv[2] == "stops":
    telemetry.close()
"""


@pytest.mark.usefixtures("clean_environment")
def test_workers_add_up_and_one_that_stopped_waits_for_nothing(tmp_path: Path) -> None:
    def worker(end: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", WORKER, str(tmp_path), end],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert "petroserve_tiles_total 3.0" in worker("stops")
    assert "petroserve_queue_depth 2.0" in worker("is killed")
    last = worker("stops")

    # What was done stays counted; nothing waits in a process that is gone, however it went.
    assert "petroserve_tiles_total 9.0" in last
    assert "petroserve_queue_depth 2.0" in last
    assert "petroserve_processes 1.0" in last
    assert 'petroserve_model_info{name="tiny",provider="cpu"' in last


def test_who_waits_longest_for_a_turn_is_seen_and_then_forgotten() -> None:
    async def waiting_behind_another() -> tuple[float, float]:
        telemetry = Telemetry()
        admission = Admission(concurrent=1, queue_length=2, telemetry=telemetry)

        async def work() -> None:
            async with admission.turn():
                pass

        async with admission.turn():
            nobody = oldest_wait_s(telemetry)
            second, third = asyncio.create_task(work()), asyncio.create_task(work())
            await asyncio.sleep(0)
            while (both := oldest_wait_s(telemetry)) == 0.0:
                await asyncio.sleep(0)
            assert nobody == 0.0
            second.cancel()
            await asyncio.wait([second])
            assert oldest_wait_s(telemetry) > 0.0
            third.cancel()
            await asyncio.wait([third])
        return both, oldest_wait_s(telemetry)

    some, none = asyncio.run(waiting_behind_another())
    assert some > 0.0
    assert none == 0.0


def oldest_wait_s(telemetry: Telemetry) -> float:
    (line,) = (one for one in samples(telemetry) if one.startswith("petroserve_queue_oldest_wait"))
    return float(line.rpartition(" ")[2])

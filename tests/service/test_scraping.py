"""Metrics that are read at the time of the scrape."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric

from petrography.errors import ConfigurationError
from petrography.pipeline.wanted_files import without_png
from petrography.report import UNSCALED
from service.engine import Engine
from service.engine.observing import KINDS_OF_DEGRADATION, kind_of_degradation
from service.scraping import Ages, Counts, Gpus, Processes
from service.settings import Settings
from service.telemetry import WEBHOOK_STATES, Telemetry


def values(metrics: Any) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.values()) or ''}": sample.value
        for metric in metrics
        for sample in metric.samples
    }


def exposed(telemetry: Telemetry) -> list[str]:
    return telemetry.exposition().decode().splitlines()


def test_processes_are_added_up_and_the_dead_are_left_out() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        both = values(Processes(lambda: [os.getpid(), child.pid]).collect())
    ended = values(Processes(lambda: [os.getpid(), child.pid]).collect())
    assert both["petroserve_processes"] == 2
    # Of one beside an older one it is the younger that tells when it began anew.
    newest, oldest = (both[f"petroserve_process_{of}start_time_seconds"] for of in ("newest_", ""))
    assert newest > oldest == ended["petroserve_process_newest_start_time_seconds"]
    assert ended["petroserve_processes"] == 1
    for name in ("resident_bytes", "open_files", "threads"):
        assert both[f"petroserve_process_{name}"] > 0
    total, largest = (both[f"petroserve_process_resident_{of}bytes"] for of in ("", "max_"))
    assert total > largest > 1_000_000
    assert 0 < both["petroserve_process_open_files_fraction"] < 1
    assert ended["petroserve_process_cpu_seconds_total"] > 0


@dataclass
class FakeNvml:
    """NVML with two GPUs: one whole, one a part of another that tells its memory only."""

    NVML_TEMPERATURE_GPU: int = 0
    NVMLError: type[Exception] = RuntimeError
    count: Callable[[], int] = lambda: 2
    opened: list[int] = field(default_factory=list)

    def nvmlDeviceGetCount(self) -> int:
        return self.count()

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, handle: int) -> str:
        return f"Card {handle}"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(used=1000 + handle, total=4000)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=self._of_whole(handle, 25))

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        assert sensor == self.NVML_TEMPERATURE_GPU
        return self._of_whole(handle, 40)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return self._of_whole(handle, 70_500)

    def _of_whole(self, handle: int, value: int) -> int:
        if handle:
            raise self.NVMLError("not supported")
        return value


def test_gpus_tell_what_they_can() -> None:
    assert values(Gpus(FakeNvml).collect()) == {
        "petroserve_gpu_memory_used_bytes['0', 'Card 0']": 1000,
        "petroserve_gpu_memory_used_bytes['1', 'Card 1']": 1001,
        "petroserve_gpu_memory_total_bytes['0', 'Card 0']": 4000,
        "petroserve_gpu_memory_total_bytes['1', 'Card 1']": 4000,
        "petroserve_gpu_utilisation_fraction['0', 'Card 0']": 0.25,
        "petroserve_gpu_temperature_celsius['0', 'Card 0']": 40,
        "petroserve_gpu_power_watts['0', 'Card 0']": 70.5,
    }


def test_without_a_gpu_or_with_one_that_is_lost_there_are_no_figures() -> None:
    opened = []

    def open_library() -> None:
        opened.append(1)

    none = Gpus(open_library)
    assert values(none.collect()) == values(none.collect()) == {}
    assert len(opened) == 1

    def lost() -> int:
        raise RuntimeError("GPU is lost")

    assert values(Gpus(lambda: FakeNvml(count=lost)).collect()) == {}


def test_gpus_are_among_the_metrics() -> None:
    lines = exposed(Telemetry(gpus=Gpus(FakeNvml)))
    assert 'petroserve_gpu_memory_used_bytes{gpu="1",name="Card 1"} 1001.0' in lines


def test_jobs_are_counted_by_whoever_keeps_them() -> None:
    telemetry = Telemetry()
    assert not [line for line in exposed(telemetry) if line.startswith("petroserve_jobs{")]

    telemetry.jobs.ask(lambda: {"queued": 3, "running": 1, "strange": 2, "stranger": 2})

    lines = exposed(telemetry)
    assert 'petroserve_jobs{state="queued"} 3.0' in lines
    assert 'petroserve_jobs{state="dead"} 0.0' in lines
    assert 'petroserve_jobs{state="other"} 4.0' in lines
    assert not [line for line in lines if "strange" in line]


def test_the_wait_of_the_oldest_job_is_told_once_by_whoever_keeps_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def shown(telemetry: Telemetry) -> list[str]:
        name = "petroserve_jobs_oldest_queued_seconds"
        return [line for line in exposed(telemetry) if line.startswith(f"{name} ")]

    def gone() -> float:
        raise ConfigurationError("the database does not answer")

    # Of several workers the one that answers asks for all: nothing is added up.
    for telemetry in (Telemetry(), Telemetry(tmp_path)):
        assert shown(telemetry) == []
        telemetry.oldest_queued_job.ask(lambda: 12.5)
        assert shown(telemetry) == ["petroserve_jobs_oldest_queued_seconds 12.5"]
        telemetry.oldest_queued_job.ask(gone)
        assert shown(telemetry) == []
    assert "the database does not answer" in caplog.text


def test_a_database_that_is_gone_does_not_hide_the_other_metrics(
    caplog: pytest.LogCaptureFixture,
) -> None:
    telemetry = Telemetry()

    def gone() -> Mapping[str, int]:
        raise ConfigurationError("the database does not answer")

    telemetry.jobs.ask(gone)
    telemetry.webhooks.ask(lambda: {"waiting": 2})

    lines = exposed(telemetry)
    assert 'petroserve_webhooks{state="waiting"} 2.0' in lines
    assert not [line for line in lines if line.startswith("petroserve_jobs{")]
    assert "the database does not answer" in caplog.text


def test_an_age_is_that_of_the_oldest_moment() -> None:
    registry = CollectorRegistry()
    moment = Gauge("arrived", "Moment.", ["worker"], registry=registry)
    ages = Ages(registry, {"arrived": ("age", "Age.")}, clock=lambda: 1000.0)

    def age() -> list[Metric]:
        return list(ages.collect())

    moment.labels("a").set(math.inf)
    assert values(age()) == {"age": 0.0}
    moment.labels("b").set(990.0)
    assert values(age()) == {"age": 10.0}
    # The clock of another machine, or one that was set back.
    moment.labels("b").set(1001.0)
    assert values(age()) == {"age": 0.0}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("no_scale", UNSCALED),
        ("resampling", "scale missing: resampled by 0.5, as if photographed with the microscope"),
        ("gpu_memory", "GPU memory ran out on cuda: batches of 2 instead of 4 tiles"),
        ("provider", "cpu instead of tensorrt"),
        ("association", "association S2 holds Gn, which tiny does not know: they are mapped as"),
        ("views", "2 views between crossed polars at these angles tell their mean colour only"),
        ("overlay_reduced", "overlay.jpg shows the map at 1/4 of its size; labels.ome.tif is"),
        ("png_left_out", without_png(None, 200_000_000)[0]),
        ("outlines_left_out", "outlines of 3 grains that reach over more than 16 megapixels"),
        ("trained_on_phantoms", "phantom-xpl-fusion was trained on phantoms only, never on real"),
        ("other", "a meteor struck the laboratory"),
    ],
)
def test_every_degradation_has_one_of_few_kinds(kind: str, said: str) -> None:
    assert kind_of_degradation(said) == kind
    assert kind in KINDS_OF_DEGRADATION


def test_what_alerts_look_at_is_counted_from_zero(tmp_path: Path) -> None:
    """Prometheus takes the first value of a series for what was there before."""
    telemetry = Telemetry()
    Engine(Settings(artefacts_folder=tmp_path / "artefacts"), telemetry)

    shown = exposed(telemetry)

    for kind in KINDS_OF_DEGRADATION:
        assert f'petroserve_degradations_total{{kind="{kind}"}} 0.0' in shown
    for outcome in WEBHOOK_STATES:
        assert f'petroserve_webhook_tries_total{{outcome="{outcome}"}} 0.0' in shown


def test_counts_are_named_by_their_states() -> None:
    counts = Counts("things", "Things.", ["a", "b"])
    counts.ask(lambda: {"b": 1})
    assert values(counts.collect()) == {"things['a']": 0, "things['b']": 1}

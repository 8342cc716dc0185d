"""Time of one tile, measured on the graph as the service runs it and never typed in."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx.utils import Extractor

# Before its first import, or ONNX Runtime's own wheels send usage events.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

from petrography.model_card import TileGeometry, Timing

__all__ = ["RUNS", "time_graphs"]

RUNS = 15
_PROVIDERS: dict[Literal["cpu", "cuda"], str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
}


@dataclass(frozen=True)
class _Way:
    provider: Literal["cpu", "cuda"]
    threads: int


def time_graphs(
    graphs: Sequence[bytes],
    geometry: TileGeometry,
    *,
    classes: int,
    channels: int,
    runs: int | None = None,
) -> tuple[tuple[Timing, ...], ...]:
    """Time one tile through every graph, on one CPU thread, on all, and on CUDA where it is.

    The graphs take turns, so that a disturbance of the machine hits all of them, and are cut to
    what the service asks of them: probabilities to blend, otherwise labels and confidence.

    Parameters
    ----------
    graphs : sequence of bytes
        ONNX files of the project's contract.
    geometry : TileGeometry
        Side of the tile and how tiles are joined.
    classes, channels : int
        Of all graphs.
    runs : int, optional
        Timed runs of each, after one that is not counted; default: `RUNS`.

    Returns
    -------
    tuple of tuple of Timing
        For each graph one entry a way.
    """
    outputs = ["probabilities"] if geometry.mode == "blend" else ["labels", "confidence"]
    cut = [_cut(graph, outputs) for graph in graphs]
    size = geometry.size_px
    feeds = {
        "image": np.random.default_rng(0).integers(0, 256, (1, size, size, channels), np.uint8),
        "allowed": np.ones((1, classes), dtype=np.float32),
    }
    counted = RUNS if runs is None else runs
    timed: list[list[Timing]] = [[] for _ in graphs]
    for way in _ways():
        sessions = [_session(graph, way) for graph in cut]
        if not all(_PROVIDERS[way.provider] in session.get_providers() for session in sessions):
            continue  # a wheel for CUDA on a machine without: it says so in no other way
        for timings, seconds in zip(
            timed, _in_turns(sessions, outputs, feeds, counted), strict=True
        ):
            timings.append(_timing(way, size, seconds))
    return tuple(tuple(timings) for timings in timed)


def _ways() -> list[_Way]:
    cores = os.cpu_count() or 1
    ways = [_Way("cpu", threads) for threads in sorted({1, cores})]
    if _PROVIDERS["cuda"] in ort.get_available_providers():
        ort.preload_dlls()
        ways.append(_Way("cuda", cores))
    return ways


def _cut(graph: bytes, outputs: list[str]) -> bytes:
    """Keep what leads to some outputs: ONNX Runtime computes every node of a graph otherwise."""
    model = onnx.load_from_string(graph)
    inputs = [port.name for port in model.graph.input]
    kept: bytes = Extractor(model).extract_model(inputs, outputs).SerializeToString()
    return kept


def _session(graph: bytes, way: _Way) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = way.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = [_PROVIDERS[way.provider], _PROVIDERS["cpu"]]
    return ort.InferenceSession(graph, options, providers=list(dict.fromkeys(wanted)))


def _in_turns(
    sessions: Sequence[Any], outputs: list[str], feeds: dict[str, Any], runs: int
) -> list[list[float]]:
    """Seconds of every run of every session."""
    for session in sessions:
        session.run(outputs, feeds)
    seconds: list[list[float]] = [[] for _ in sessions]
    for _ in range(runs):
        for measured, session in zip(seconds, sessions, strict=True):
            began = time.perf_counter()
            session.run(outputs, feeds)
            measured.append(time.perf_counter() - began)
    return seconds


def _timing(way: _Way, tile_px: int, seconds: list[float]) -> Timing:
    lower, median, upper = np.percentile(np.array(seconds) * 1e3, (25, 50, 75))
    return Timing(
        provider=way.provider,
        machine=_machine(way.provider),
        threads=way.threads,
        tile_px=tile_px,
        runs=len(seconds),
        median_ms=float(median),
        lower_quartile_ms=float(lower),
        upper_quartile_ms=float(upper),
    )


def _machine(provider: Literal["cpu", "cuda"]) -> str:
    """Name the processor or GPU, and ONNX Runtime."""
    if provider == "cuda":
        import torch

        name = torch.cuda.get_device_name() if torch.cuda.is_available() else "a CUDA device"
    else:
        name = f"{_processor()}, {os.cpu_count() or 1} cores"
    return f"{name}, ONNX Runtime {ort.__version__}"


def _processor() -> str:
    """Name as Linux knows it; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()

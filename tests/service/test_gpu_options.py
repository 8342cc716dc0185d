"""What ONNX Runtime is told about a GPU; a fake one writes it down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from service.runtime import OpenSession, open_session
from service.settings import Provider, Settings
from tests.tiny_model import nearest_colour_model

GIB = 1024**3


class FakeRuntime:
    """Opens real sessions on the CPU that say they run on a GPU."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.providers: list[list[Any]] = []
        self._open = onnxruntime.InferenceSession
        names = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
        monkeypatch.setattr(onnxruntime, "InferenceSession", self.open)

    def open(self, model: bytes, options: Any, *, providers: list[Any]) -> Any:
        self.providers.append(providers)
        names = [one if isinstance(one, str) else one[0] for one in providers]
        return FakeSession(self._open(model, options, providers=["CPUExecutionProvider"]), names)


class FakeSession:
    def __init__(self, session: Any, names: list[str]) -> None:
        self._session, self._names = session, names

    def get_providers(self) -> list[str]:
        return self._names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def opened(provider: Provider, **fields: Any) -> OpenSession:
    settings = Settings(provider=provider, threads=1, **fields)
    return open_session(nearest_colour_model().SerializeToString(), settings, source="tiny")


def test_cuda_is_told_what_keeps_memory_and_results_steady(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime = FakeRuntime(monkeypatch)

    session = opened("cuda", gpu_memory_bytes=2 * GIB, gpu_tile_batch=6)

    (name, options), rest = runtime.providers[0]
    assert (name, rest) == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert options == {
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "gpu_mem_limit": str(GIB),
    }
    assert (session.provider, session.tile_batch, session.degradations) == ("cuda", 6, ())


def test_tensorrt_keeps_its_engines_where_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runtime = FakeRuntime(monkeypatch)

    opened("tensorrt")
    opened("tensorrt", tensorrt_cache_folder=tmp_path, gpu_memory_bytes=GIB)

    assert runtime.providers[0][0] == ("TensorrtExecutionProvider", {})
    assert runtime.providers[-1][0] == (
        "TensorrtExecutionProvider",
        {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(tmp_path),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(tmp_path),
            "trt_max_workspace_size": str(GIB // 2),
        },
    )
    assert [one[0] for one in runtime.providers[-1][1:2]] == ["CUDAExecutionProvider"]


def test_a_model_on_a_gpu_can_be_opened_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeRuntime(monkeypatch)
    session = opened("auto")
    assert session.provider == "cuda"
    assert session.open_on_cpu is not None

    on_cpu = session.open_on_cpu()

    assert (on_cpu.provider, on_cpu.tile_batch, on_cpu.open_on_cpu) == ("cpu", 1, None)

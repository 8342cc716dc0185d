"""Sessions of ONNX Runtime on the provider that the settings ask for.

A GPU wheel without a usable GPU says nothing: ``get_available_providers()`` still lists CUDA and
the session falls back to the CPU. Only ``session.get_providers()`` tells the truth, so a GPU that
was demanded is looked for there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import onnxruntime

from petrography.errors import ConfigurationError, ModelCardError
from service.runtime.graph_outputs import keep_outputs, output_names
from service.settings import Provider, Settings

__all__ = [
    "Graph",
    "OpenSession",
    "Port",
    "ProviderName",
    "open_graph",
    "open_session",
    "wants_gpu",
]

ProviderName = Literal["cpu", "cuda", "tensorrt"]

_ORT_NAMES: dict[ProviderName, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


# Labels and probabilities (`OpenSession`): each has an arena of its own.
_SESSIONS_OF_A_MODEL = 2


@dataclass(frozen=True)
class Port:
    """One input or output of a graph: element type and dimensions (None where free)."""

    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Graph:
    """Inputs and outputs of a graph by name."""

    inputs: dict[str, Port]
    outputs: dict[str, Port]


@dataclass(frozen=True)
class OpenSession:
    """A model that is open, once for each set of outputs that is wanted together.

    Attributes
    ----------
    labels, probabilities : onnxruntime.InferenceSession
        For the outputs labels and confidence, and for the other ones.
    provider : str
        Where it really runs: ``cpu``, ``cuda`` or ``tensorrt``.
    degradations : tuple of str
        What was wanted and could not be had.
    tile_batch : int
        The one batch size that is ever run, so that a tile never depends on its neighbours.
    open_on_cpu : callable or None
        Opens the same model on the CPU, for when the memory of a GPU does not suffice; None where
        it is there already.
    """

    labels: Any
    probabilities: Any
    provider: ProviderName
    degradations: tuple[str, ...]
    tile_batch: int
    open_on_cpu: Callable[[], OpenSession] | None = None

    def graph(self) -> Graph:
        """Read the signature of the graph as it is in the file."""
        sessions = (self.labels, self.probabilities)
        return Graph(
            inputs={port.name: _port(port) for one in sessions for port in one.get_inputs()},
            outputs={port.name: _port(port) for one in sessions for port in one.get_outputs()},
        )


def _port(port: Any) -> Port:
    return Port(port.type, tuple(size if isinstance(size, int) else None for size in port.shape))


def open_session(model: bytes, settings: Settings, *, source: str) -> OpenSession:
    """Open an ONNX model on the provider that the settings ask for.

    Parameters
    ----------
    model : bytes
        The content of ``model.onnx``.
    settings : Settings
        `provider`, `threads` and the GPU limits are used.
    source : str
        What the bytes are, for messages.

    Raises
    ------
    ConfigurationError
        If a GPU is demanded and cannot be used.
    ModelCardError
        If the bytes are no graph with labels and probabilities that ONNX Runtime opens.
    """
    wanted = _wanted(settings)
    for_labels, others = _cut(model, source)
    labels = _open(for_labels, wanted, settings, source)
    probabilities = _open(others, wanted, settings, source)
    provider = _provider(labels, wanted, settings, source)
    degradations = (f"{provider} instead of {wanted}",) if provider != wanted else ()
    if provider == "cpu":
        return OpenSession(labels, probabilities, provider, degradations, 1)
    on_cpu = settings.model_copy(update={"provider": "cpu"})
    open_on_cpu = partial(open_session, model, on_cpu, source=source)
    batch = settings.gpu_tile_batch
    return OpenSession(labels, probabilities, provider, degradations, batch, open_on_cpu)


def open_graph(model: bytes, settings: Settings, *, source: str) -> Any:
    """Open any ONNX graph as it is, for the networks that are no models of minerals.

    Parameters
    ----------
    model : bytes
        The content of an ONNX file.
    settings : Settings
        As for `open_session`.
    source : str
        What the bytes are, for messages.

    Returns
    -------
    onnxruntime.InferenceSession
        The open graph.

    Raises
    ------
    ConfigurationError
        If it cannot be opened, or a GPU that is demanded cannot be used.
    """
    wanted = _wanted(settings)
    try:
        session = _open(model, wanted, settings, source)
    except ModelCardError as error:
        raise ConfigurationError(str(error)) from error
    _provider(session, wanted, settings, source)
    return session


def wants_gpu(settings: Settings) -> bool:
    """Tell whether models will be looked for on a GPU, without opening one.

    Parameters
    ----------
    settings : Settings
        `provider` is used.

    Raises
    ------
    ConfigurationError
        If a GPU is demanded and this ONNX Runtime knows none.
    """
    return _choose(settings.provider, set(onnxruntime.get_available_providers())) != "cpu"


def _wanted(settings: Settings) -> ProviderName:
    wanted = _choose(settings.provider, set(onnxruntime.get_available_providers()))
    if wanted != "cpu":
        onnxruntime.preload_dlls()
    return wanted


def _provider(session: Any, wanted: ProviderName, settings: Settings, source: str) -> ProviderName:
    """Tell where a session really runs; a GPU that was demanded must be it."""
    provider = _running_on(session, wanted)
    if provider != wanted and settings.provider != "auto":
        msg = (
            f"provider {wanted} was demanded but {source} runs on {provider}: CUDA libraries or "
            "GPU are not usable here; set PETROSERVE_PROVIDER=auto or cpu to run without"
        )
        raise ConfigurationError(msg)
    return provider


def _cut(model: bytes, source: str) -> tuple[bytes, bytes]:
    """The parts of a model that compute labels with confidence, and everything else."""
    together = ("labels", "confidence")
    try:
        others = [name for name in output_names(model) if name not in together]
        return keep_outputs(model, together), keep_outputs(model, others)
    except ModelCardError as error:
        msg = f"{source} cannot be opened: {error}"
        raise ModelCardError(msg) from None


def _open(model: bytes, wanted: ProviderName, settings: Settings, source: str) -> Any:
    try:
        return onnxruntime.InferenceSession(
            model, _session_options(settings), providers=_providers(wanted, settings)
        )
    except Exception as error:
        # ONNX Runtime has a dozen exception classes without a common root but this one.
        msg = f"{source} cannot be opened by ONNX Runtime {onnxruntime.__version__}: {error}"
        raise ModelCardError(msg) from error


def _choose(provider: Provider, available: set[str]) -> ProviderName:
    if provider == "auto":
        return "cuda" if _ORT_NAMES["cuda"] in available else "cpu"
    if _ORT_NAMES[provider] not in available:
        msg = (
            f"provider {provider} was demanded but this ONNX Runtime has only "
            f"{', '.join(sorted(available))}; install the extra gpu instead of cpu"
        )
        raise ConfigurationError(msg)
    return provider


def _running_on(session: Any, wanted: ProviderName) -> ProviderName:
    active = session.get_providers()
    candidates: tuple[ProviderName, ...] = (wanted, "cuda", "cpu")
    return next(name for name in candidates if _ORT_NAMES[name] in active)


def _session_options(settings: Settings) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    # Threads of an idle session otherwise spin and steal the cores of decoding and statistics.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _providers(wanted: ProviderName, settings: Settings) -> list[Any]:
    cuda: dict[str, str] = {
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
    }
    if settings.gpu_memory_bytes is not None:
        cuda["gpu_mem_limit"] = str(settings.gpu_memory_bytes // _SESSIONS_OF_A_MODEL)
    chain: dict[ProviderName, list[Any]] = {
        "cpu": [],
        "cuda": [(_ORT_NAMES["cuda"], cuda)],
        "tensorrt": [
            (_ORT_NAMES["tensorrt"], _tensorrt_options(settings)),
            (_ORT_NAMES["cuda"], cuda),
        ],
    }
    return [*chain[wanted], _ORT_NAMES["cpu"]]


def _tensorrt_options(settings: Settings) -> dict[str, str]:
    """Options of TensorRT; building an engine takes minutes, so they are kept where one says so."""
    options: dict[str, str] = {}
    if settings.tensorrt_cache_folder is not None:
        folder = str(settings.tensorrt_cache_folder)
        options |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": folder,
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": folder,
        }
    if settings.gpu_memory_bytes is not None:
        options["trt_max_workspace_size"] = str(settings.gpu_memory_bytes // _SESSIONS_OF_A_MODEL)
    return options

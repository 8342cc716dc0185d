"""Versions of the GPU libraries that this process has loaded: they choose the kernels of a network.

They are asked where they are loaded, not where they are installed: ONNX Runtime takes those of a
Python package, of the system or of an image, whichever it finds first.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path

from pydantic import JsonValue

__all__ = ["loaded_libraries"]

_MAPS = Path("/proc/self/maps")
_LIBRARY = re.compile(
    r"(?P<path>/\S*/lib(?P<name>cudart|cudnn|cublas|nvinfer)\.so\.\S*)$", re.MULTILINE
)


def loaded_libraries() -> dict[str, JsonValue]:
    """Ask the CUDA runtime, cuDNN, cuBLAS and TensorRT for their versions, where they are loaded."""
    try:
        maps = _MAPS.read_text()
    except OSError:
        return {}
    found = {match["name"]: match["path"] for match in _LIBRARY.finditer(maps)}
    return {name: _version(name, path) for name, path in sorted(found.items())}


def _version(name: str, path: str) -> str | None:
    try:
        return _ASKED[name](ctypes.CDLL(path))
    except (OSError, AttributeError):
        return None


def _cudart(library: ctypes.CDLL) -> str:
    number = ctypes.c_int()
    library.cudaRuntimeGetVersion(ctypes.byref(number))
    return f"{number.value // 1000}.{number.value % 1000 // 10}"


def _cudnn(library: ctypes.CDLL) -> str:
    library.cudnnGetVersion.restype = ctypes.c_size_t
    number = int(library.cudnnGetVersion())
    # Since 9 the major version has five digits behind it, before three.
    major = 10_000 if number >= 90_000 else 1000
    return f"{number // major}.{number % major // 100}.{number % 100}"


def _cublas(library: ctypes.CDLL) -> str:
    parts = []
    # MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL of libraryPropertyType.
    for kind in range(3):
        number = ctypes.c_int()
        library.cublasGetProperty(kind, ctypes.byref(number))
        parts.append(str(number.value))
    return ".".join(parts)


def _nvinfer(library: ctypes.CDLL) -> str:
    number = int(library.getInferLibVersion())
    major = 10_000 if number >= 100_000 else 1000
    return f"{number // major}.{number % major // 100}.{number % 100}"


_ASKED: dict[str, Callable[[ctypes.CDLL], str]] = {
    "cudart": _cudart,
    "cudnn": _cudnn,
    "cublas": _cublas,
    "nvinfer": _nvinfer,
}

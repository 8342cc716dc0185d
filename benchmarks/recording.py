"""Where the tables of benchmarks are kept, and what they say of the machine."""

from __future__ import annotations

import platform
from pathlib import Path

__all__ = ["machine", "record"]

_RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def record(table: str) -> None:
    """Append a table to ``benchmarks/RESULTS.md``.

    Parameters
    ----------
    table : str
        Markdown: a heading that says where and how it was measured, and the lines.
    """
    with _RESULTS.open("a", encoding="utf-8") as file:
        file.write(f"\n{table.strip()}\n")


def machine() -> str:
    """Processor, cores and versions, in words."""
    import onnxruntime

    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return (
        f"{names[0] if names else platform.processor()}, {len(names) or 1} cores, "
        f"ONNX Runtime {onnxruntime.__version__}, Python {platform.python_version()}"
    )

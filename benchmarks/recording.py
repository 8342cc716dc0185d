"""Where the tables of benchmarks are kept."""

from __future__ import annotations

from pathlib import Path

__all__ = ["record"]

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

"""Where the tables of benchmarks are kept, and what they say of the machine and the day."""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import re
import subprocess
from pathlib import Path

__all__ = ["machine", "record", "record_if_asked", "recorded_options", "tell", "with_table"]

_ROOT = Path(__file__).resolve().parents[1]
_RESULTS = _ROOT / "benchmarks" / "RESULTS.md"


def recorded_options(about: str | None) -> argparse.ArgumentParser:
    """Begin the options of a benchmark with those that all have.

    Parameters
    ----------
    about : str or None
        Text of its module; the first line describes it.
    """
    options = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    options.add_argument("--record", action="store_true", help="keep in benchmarks/RESULTS.md")
    options.add_argument("--note", default="", help="what to say there of machine and day")
    return options


def tell(table: str, arguments: argparse.Namespace) -> None:
    """Print a table, and record it if that is asked for; parameters as for `record_if_asked`."""
    print(table)
    record_if_asked(table, arguments)


def record_if_asked(table: str, arguments: argparse.Namespace) -> None:
    """Record a table that is printed already, if that is asked for.

    Parameters
    ----------
    table : str
        As for `record`.
    arguments : argparse.Namespace
        Of `recorded_options`.
    """
    if arguments.record:
        record(table, arguments.note)


def record(table: str, note: str = "") -> None:
    """Put a table into ``benchmarks/RESULTS.md``, in the place of an older one of its title.

    Parameters
    ----------
    table : str
        Markdown: a heading, a text that says where and how it was measured, and the lines.
    note : str
        Said of machine and day, behind them.
    """
    kept = _RESULTS.read_text(encoding="utf-8")
    _RESULTS.write_text(with_table(kept, table, _stamp(note)), encoding="utf-8")


def with_table(text: str, table: str, stamp: str) -> str:
    """Put a table at the end of a text of tables, without an older one of its title.

    Parameters
    ----------
    text : str
        Markdown with sections.
    table : str
        Markdown that begins with its heading, ``## Title`` or ``### Title``.
    stamp : str
        Stands below the heading.

    Returns
    -------
    str
        The new text.
    """
    heading, _, rest = table.strip().partition("\n")
    sections = re.split(r"^(?=#{2,3} )", text, flags=re.MULTILINE)
    others = (one for one in sections if one.partition("\n")[0] != heading)
    return f"{''.join(others).rstrip()}\n\n{heading}\n\n{stamp}\n\n{rest.strip()}\n"


def machine() -> str:
    """Processor, cores and versions, in words."""
    import onnxruntime

    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return (
        f"{names[0] if names else platform.processor()}, {len(names) or 1} cores, "
        f"ONNX Runtime {onnxruntime.__version__}, Python {platform.python_version()}"
    )


def _stamp(note: str) -> str:
    """The day and the commit, whose code and models were measured."""
    day = dt.datetime.now(tz=dt.UTC).date().isoformat()
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    is_altered = bool(_git("status", "--porcelain", "--", ".", ":!benchmarks/RESULTS.md"))
    altered, said = ", altered since" if is_altered else "", f"; {note}" if note else ""
    return f"Measured on {day}, commit {commit}{altered}{said}."


def _git(*words: str) -> str:
    asked = ["git", "-C", str(_ROOT), *words]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

"""``make bench``: run every benchmark on the shipped models and append the tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the benchmarks one after the other."""
    for model in sorted(one.name for one in (HERE.parent / "models").iterdir() if one.is_dir()):
        command = [sys.executable, str(HERE / "bench_analysis.py"), "--model", model, "--record"]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()

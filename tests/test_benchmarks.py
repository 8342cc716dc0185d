"""`make bench` runs every benchmark, or says what one needs."""

from __future__ import annotations

from pathlib import Path

import benchmarks.__main__ as bench

FOLDER = Path(bench.__file__).parent


def test_every_benchmark_is_run_or_left_out_for_a_reason() -> None:
    # That of a whole analysis is run for each model.
    named = {*bench.SCRIPTS, *bench.NEEDING_MORE, "bench_analysis.py"}

    assert named == {path.name for path in FOLDER.glob("bench_*.py")}
    assert not set(bench.SCRIPTS) & set(bench.NEEDING_MORE)


def test_every_benchmark_does_something_when_it_is_run() -> None:
    for path in FOLDER.glob("bench_*.py"):
        assert path.read_text(encoding="utf-8").rstrip().endswith("main()"), path.name

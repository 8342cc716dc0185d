"""`make bench` runs every benchmark, or says what one needs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

import benchmarks.__main__ as bench
from benchmarks import killed_service
from benchmarks.recording import recorded_options, tell, with_table

FOLDER = Path(bench.__file__).parent


def test_every_benchmark_is_run_or_left_out_for_a_reason() -> None:
    # That of a whole analysis is run for each model.
    named = {*bench.SCRIPTS, *bench.NEEDING_MORE, "bench_analysis.py"}

    assert named == {path.name for path in FOLDER.glob("bench_*.py")}
    assert not set(bench.SCRIPTS) & set(bench.NEEDING_MORE)


def test_every_benchmark_does_something_when_it_is_run() -> None:
    for path in FOLDER.glob("bench_*.py"):
        assert path.read_text(encoding="utf-8").rstrip().endswith("main()"), path.name


# Those that take seconds; the types of the others are checked.
SMALLEST = {
    "bench_exports.py": ["--side", "5"],
    "bench_grain_truth.py": ["--seeds", "1"],
    "bench_grains.py": ["--grains", "400"],
    "bench_kill.py": ["--kills", "2", "--longest-s", "0.5"],
    "bench_memory.py": ["--sides", "600", "--fake"],
    "bench_submissions.py": ["--submissions", "20", "--repeated", "4"],
}


@pytest.mark.parametrize("script", SMALLEST)
def test_a_benchmark_at_its_smallest_prints_a_table(script: str) -> None:
    words = [sys.executable, "-W", "error", FOLDER / script, *SMALLEST[script]]

    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)

    assert done.returncode == 0, done.stderr
    head, rule, row = re.findall(r"^\|.*\|$", done.stdout, re.MULTILINE)[:3]
    assert set(rule) <= set("|-: ")
    assert row.count("|") == head.count("|")


def test_a_submission_that_the_last_kill_cut_off_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receiver = killed_service.Receiver()
    service = SimpleNamespace(address="http://killed")
    submitter = killed_service.Submitter(cast("Any", service), receiver, unfinished=4)
    keys = []

    def post(_url: str, *, headers: dict[str, str], **_: object) -> httpx.Response:
        keys.append(headers["Idempotency-Key"])
        if len(keys) == 1:
            submitter.enough.set()
            raise httpx.ReadError("killed")
        return httpx.Response(202, json={"id": "recorded"})

    monkeypatch.setattr("benchmarks.killed_service.httpx.post", post)
    submitter.run()
    receiver.close()

    assert keys == ["key-0", "key-0"]
    assert submitter.ids == {0: "recorded"}


def test_a_table_takes_the_place_of_an_older_one_of_its_title() -> None:
    kept = "# Benchmarks\n\nAll.\n\n### A\n\nold\n\n| a |\n\n### A, large\n\nstays\n\n## B\n\nstays too\n"

    text = with_table(kept, "\n### A\n\nnew\n\n| a |\n", "Measured today.")

    assert text == (
        "# Benchmarks\n\nAll.\n\n### A, large\n\nstays\n\n## B\n\nstays too\n\n"
        "### A\n\nMeasured today.\n\nnew\n\n| a |\n"
    )


def test_a_recorded_table_names_its_day_and_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "RESULTS.md"
    results.write_text("# Benchmarks\n")
    monkeypatch.setattr("benchmarks.recording._RESULTS", results)
    asked = recorded_options("About.").parse_args(["--record", "--note", "a slow day"])

    tell("### A\n\nnew", asked)

    assert re.search(
        r"### A\n\nMeasured on \d{4}-\d\d-\d\d, commit .+; a slow day\.\n\nnew\n$",
        results.read_text(),
    )


def test_what_nobody_wants_recorded_is_only_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.recording._RESULTS", tmp_path / "RESULTS.md")

    tell("### A\n\nnew", recorded_options(None).parse_args([]))

    assert capsys.readouterr().out == "### A\n\nnew\n"
    assert not (tmp_path / "RESULTS.md").exists()

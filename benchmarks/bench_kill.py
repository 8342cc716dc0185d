"""``kill -9`` at random moments while jobs run: how many are lost or doubled?

::

    python benchmarks/bench_kill.py [--kills 1000] [--seed 0] [--longest-s 2.0]

A service on a socket takes jobs under idempotency keys, four unfinished at a time, and is killed
again and again: one time of five while it starts, otherwise within some seconds of work. The client
sends again what was not answered. After the last kill the service finishes; then results, entries of
the catalogue and callbacks are counted. The exit status is 1 if a job is lost or doubled.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.killed_service import Outcome, kill_again_and_again
from benchmarks.recording import machine, recorded_options, tell
from tests.tiny_model import write_model


def main() -> None:
    """Kill, count and write a table."""
    arguments = parser().parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "models")
        outcome = kill_again_and_again(
            folder,
            folder / "models",
            arguments.kills,
            seed=arguments.seed,
            longest_s=arguments.longest_s,
            say=say,
        )
    print(f"{'':60}", end="\r", file=sys.stderr)
    table = "\n".join(rows(outcome, arguments))
    tell(table, arguments)
    sys.exit(1 if outcome.lost or outcome.doubled else 0)


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = recorded_options(__doc__)
    options.add_argument("--kills", type=int, default=1000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--longest-s", type=float, default=2.0)
    return options


def say(kills: int, submitted: int, told: int) -> None:
    """Tell how far it is."""
    print(f"{kills} kills, {submitted} jobs, {told} told", end="\r", file=sys.stderr, flush=True)


def rows(outcome: Outcome, arguments: argparse.Namespace) -> list[str]:
    """The table."""
    states = ", ".join(f"{count} {state}" for state, count in outcome.states.items())
    return [
        f"## kill -9 during jobs ({machine()})",
        "",
        (
            f"`bench_kill.py --kills {arguments.kills} --seed {arguments.seed} "
            f"--longest-s {arguments.longest_s:g}`, {outcome.seconds:.0f} s"
        ),
        "",
        "| kills | jobs | states | results | listed | callbacks | lost | doubled |",
        "|---|---|---|---|---|---|---|---|",
        (
            f"| {outcome.kills} | {outcome.submitted} | {states} | {outcome.results} "
            f"| {outcome.listed} | {outcome.callbacks} for {outcome.told} jobs "
            f"| {outcome.lost} | {outcome.doubled} |"
        ),
    ]


if __name__ == "__main__":
    main()

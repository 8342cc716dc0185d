"""`kill -9` while jobs run: none is lost, none is doubled, every callback says the same."""

from __future__ import annotations

from pathlib import Path

from benchmarks.killed_service import kill_again_and_again


def test_jobs_survive_a_handful_of_kills(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    outcome = kill_again_and_again(folder, model_folder, kills=4, seed=2, longest_s=1.0)

    assert outcome.kills == 4
    assert outcome.submitted >= 1
    assert outcome.states == {"done": outcome.submitted}
    assert (outcome.results, outcome.listed) == (outcome.submitted, outcome.submitted)
    assert outcome.told == outcome.submitted
    assert (outcome.lost, outcome.doubled, outcome.different) == (0, 0, 0)
    assert not list((folder / "artefacts" / "jobs" / "files").glob("[!.]*"))

"""Folders of services that were killed go at the next start; those in use and of others stay."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from service.serving_folder import serving_folder
from tests.started import STOP_WITHIN_S

HELD = """
import sys, time
from pathlib import Path
from service.serving_folder import hold

hold(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def left_by_a_killed_service(parent: Path) -> Path:
    folder = parent / "petroserve-killed"
    (folder / "bentos").mkdir(parents=True)
    (folder / "serving").touch()
    return folder


def test_a_folder_lasts_as_long_as_the_service(temporary: Path) -> None:
    with serving_folder() as folder:
        assert folder.parent == temporary
        assert Path(tempfile.mkdtemp()).parent == folder
        with serving_folder() as other:  # a second one beside it
            assert other != folder
        assert folder.is_dir()
    assert list(temporary.iterdir()) == []
    assert tempfile.tempdir == str(temporary)


def test_a_worker_holds_the_folder_of_its_killed_supervisor(temporary: Path) -> None:
    killed = left_by_a_killed_service(temporary)
    worker = [sys.executable, "-c", HELD, str(killed)]
    with subprocess.Popen(worker, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with serving_folder():
            assert killed.is_dir()
        process.kill()
        process.wait(STOP_WITHIN_S)
    with serving_folder():
        assert not killed.exists()


def test_what_no_service_left_stays(temporary: Path) -> None:
    no_mark = temporary / "petroserve-notes"
    no_mark.mkdir()
    (temporary / "petroserve-file").touch()
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "serving").touch()
    (temporary / "petroserve-link").symlink_to(elsewhere)
    before = sorted(temporary.iterdir())
    with serving_folder():
        pass
    assert sorted(temporary.iterdir()) == before
    assert (elsewhere / "serving").exists()

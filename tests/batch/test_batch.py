"""`petroserve batch` as people start it, on real Ray; skipped where the extra is not installed."""

from __future__ import annotations

import csv
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from tests.batch.prepared import painted_png
from tests.command_runs import Run
from tests.started import free_port, without_settings
from tests.tiny_model import write_model

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S, STOP_WITHIN_S = 300.0, 60.0
BATCH = (sys.executable, str(ROOT / "petroserve.py"), "batch")
pytestmark = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed (extra batch)"
)


@dataclass
class Seen:
    """What was seen of a batch while it ran: processes, and addresses on which they listened."""

    processes: set[psutil.Process] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)

    def look(self, pid: int) -> None:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            parent = psutil.Process(pid)
            self.processes |= {parent, *parent.children(recursive=True)}
        for process in self.processes:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                self.addresses |= {
                    one.laddr.ip
                    for one in process.net_connections("tcp")
                    if one.status == psutil.CONN_LISTEN
                }


@contextmanager
def started(home: Path, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Run a batch for the length of the block; whatever happens, it is gone afterwards."""
    home.mkdir(exist_ok=True)
    # Results name the threads, which are to be those of the analyses beside.
    own = {"PYTHONPATH": str(ROOT), "HOME": str(home), "PETROSERVE_THREADS": "1"}
    process = subprocess.Popen(
        [*BATCH, *map(str, words)], env=without_settings() | own, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def counts(told: str) -> dict[str, str]:
    """The lines of the summary."""
    lines = [line.rsplit(maxsplit=1) for line in told.splitlines()[:-1]]
    return {name.strip(): count for name, count in lines}


def rows_of(results: Path) -> list[dict[str, str]]:
    with (results / "batch.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def finished(results: Path) -> set[Path]:
    return {path.parent for path in results.rglob("result.json")} - {
        path.parent for path in (results / ".unfinished").rglob("result.json")
    }


def wait_until_one_is_finished(results: Path) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not finished(results) and time.monotonic() < deadline:
        time.sleep(0.02)


def refused(folder: Path, *words: str, **variables: str) -> str:
    """Run a batch of one photograph, `archive/a.png`, that must not begin; what it complains of."""
    (folder / "archive").mkdir()
    (folder / "archive" / "a.png").write_bytes(painted_png(1))
    write_model(folder / "models")
    ended = subprocess.run(
        [*BATCH, *words], cwd=folder, check=False, capture_output=True, text=True,
        env=without_settings() | {"PYTHONPATH": str(ROOT)} | variables,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    return ended.stderr


def test_an_archive_is_analysed_like_single_photographs(
    run: Run, tmp_path: Path, model_folder: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    archive, results, home = (tmp_path / name for name in ("archive", "results", "home"))
    (archive / "s1").mkdir(parents=True)
    names = ("a.png", "a.tif", "s1/a.png", "s1/b.png")
    for seed, name in enumerate(names):
        (archive / name).write_bytes(painted_png(seed))
    (archive / "bad.png").write_bytes(b"no image")
    options = ("--models", model_folder, "--association", "0,1,2,6", "--um-per-px", "0.5")
    seen = Seen()
    with started(home, archive, results, *options, "--workers", 2) as process:
        while process.poll() is None:
            seen.look(process.pid)
            time.sleep(0.05)
        told, complaints = process.communicate()
    assert process.returncode == 1, complaints
    assert counts(told) | {"analysed a minute": ""} == {
        "photographs": "5", "analysed now": "4", "finished before": "0", "refused": "1",
        "failed": "0", "calibrate first": "0", "analysed a minute": "",
    }  # fmt: skip
    assert "bad.png: image begins with the bytes" in complaints
    rows = rows_of(results)
    assert [(row["file"], row["folder"], row["status"]) for row in rows] == [
        ("a.png", "a.png", "ok"), ("a.tif", "a.tif", "ok"), ("bad.png", "bad", "refused"),
        ("s1/a.png", "s1/a", "ok"), ("s1/b.png", "s1/b", "ok"),
    ]  # fmt: skip
    clean_environment.setenv("PETROSERVE_THREADS", "1")
    for name, row in zip(names, [one for one in rows if one["status"] == "ok"], strict=True):
        single = tmp_path / "single" / row["folder"]
        assert run("analyse", archive / name, "--out", single, *options)[0] == 0
        assert_same(results / row["folder"], single)
    # Nobody else of the machine or the network is let in, and nothing is left behind.
    assert len(seen.processes) > 4
    assert seen.addresses
    assert all(
        ipaddress.ip_address(one.removeprefix("::ffff:")).is_loopback for one in seen.addresses
    )
    psutil.wait_procs(seen.processes, timeout=30)
    assert not [one for one in seen.processes if name_of(one)]
    assert not list(home.iterdir())


def assert_same(folder: Path, single: Path) -> None:
    """The same files; those that tell of their time are compared by what else they hold."""
    assert {path.name for path in folder.iterdir()} == {path.name for path in single.iterdir()}
    for path in folder.iterdir():
        if path.name not in {"result.json", "provenance.json"}:
            assert path.read_bytes() == (single / path.name).read_bytes(), path
    one, other = (json.loads((at / "provenance.json").read_text()) for at in (folder, single))
    times = {"started_utc": "", "finished_utc": ""}
    assert one | times == other | times


def test_a_killed_batch_goes_on_where_it_was(tmp_path: Path, model_folder: Path) -> None:
    archive, results, home = (tmp_path / name for name in ("archive", "results", "home"))
    archive.mkdir()
    lines = ["file,sample_id"]
    for seed in range(12):
        (archive / f"{seed:02}.png").write_bytes(painted_png(seed, 200, 300))
        lines.append(f"{seed:02}.png,S-{seed}")
    listed = archive / "list.csv"
    listed.write_text("\n".join(lines))
    words = (home, listed, results, "--models", model_folder, "--workers", 1)
    seen = Seen()
    with started(*words) as process:
        wait_until_one_is_finished(results)
        seen.look(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = finished(results)
    assert 0 < len(before) < 12
    assert not (results / "batch.csv").exists()
    ids = {folder: json.loads((folder / "result.json").read_text())["id"] for folder in before}
    # Two of Ray's own processes look for their parent once a minute only; workers are gone at once.
    psutil.wait_procs([one for one in seen.processes if "Agent" not in name_of(one)], timeout=30)
    assert not [one for one in seen.processes if "MapWorker" in name_of(one)]
    # Of a batch that is killed, Ray's log stays.
    for session in Path(tempfile.gettempdir()).glob(f"petroserve-*/session_*_{process.pid}"):
        shutil.rmtree(session.parent)
    with started(*words) as process:
        told, complaints = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0, complaints
    rows = rows_of(results)
    assert [row["sample_id"] for row in rows] == [f"S-{seed}" for seed in range(12)]
    assert {row["status"] for row in rows} == {"ok"}
    done_before = int(counts(told)["finished before"])
    assert done_before >= len(before)
    assert int(counts(told)["analysed now"]) == 12 - done_before
    for folder, identity in ids.items():
        assert json.loads((folder / "result.json").read_text())["id"] == identity
    assert {path.name for path in results.iterdir() if not path.is_dir()} == {"batch.csv", ".lock"}
    assert not (results / ".unfinished").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_batch_that_is_told_to_stop_ends_at_once_and_leaves_nothing_behind(
    number: signal.Signals, tmp_path: Path, model_folder: Path
) -> None:
    archive, results, home = (tmp_path / name for name in ("archive", "results", "home"))
    archive.mkdir()
    for seed in range(40):
        (archive / f"{seed:02}.png").write_bytes(painted_png(seed, 400, 600))
    seen = Seen()
    with started(home, archive, results, "--models", model_folder, "--workers", 1) as process:
        wait_until_one_is_finished(results)
        seen.look(process.pid)
        process.send_signal(number)
        _, complaints = process.communicate(timeout=STOP_WITHIN_S)
    assert process.returncode == 130
    assert "SIGTERM" not in complaints
    assert "Traceback" not in complaints
    psutil.wait_procs(seen.processes, timeout=STOP_WITHIN_S)
    assert not [one for one in seen.processes if name_of(one)]
    assert not list(Path(tempfile.gettempdir()).glob(f"petroserve-*/session_*_{process.pid}"))
    assert not (results / ".unfinished").exists()


def name_of(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return str(process.name()) if process.status() != psutil.STATUS_ZOMBIE else ""
    return ""


# Photographs by what they do to their worker; run as a program, so that Ray takes its classes along.
DEADLY = """
import os, sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from command_line.batch import one_image, workers
from command_line.batch.archive import ArchiveImage
from command_line.batch.cluster import connected, load_ray
from command_line.batch.command import gathered
from command_line.batch.division import Division
from command_line.batch.one_image import WhereTo
from command_line.batch.places import FolderPlace
from petrography.errors import ConfigurationError
from service.settings import Settings

FOLDER = Path(sys.argv[1])


class Prepared:
    card = SimpleNamespace(onnx_sha256="a", full_name="fake:1")
    model = SimpleNamespace(card=card, card_sha256="b")

    def of_stated(self, stated: dict[str, str], *, source: str) -> "Prepared":
        return self

    def analyse(self, image: Path, folder: Path) -> Any:
        tries = image.with_suffix(".tries")
        tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
        if image.name == "deadly.png" or (image.name == "once.png" and tries.read_text() == "x"):
            os._exit(1)
        raise ConfigurationError("came through")


@dataclass(frozen=True)
class Stated:
    settings: Settings

    def opened(self) -> Prepared:
        return Prepared()


images = [ArchiveImage(f"{name}.png", name, {}) for name in ("deadly", "fine", "once", "other")]
places = WhereTo(FolderPlace(FOLDER), FolderPlace(FOLDER / "out"))
division = Division(2, 1, on_gpu=False)
ray, told = load_ray(None), []
with connected(ray, None, division):
    work = workers.Work(Stated(Settings()), places, ("a", "b"))
    for row in gathered(images, workers.analysed_rows(ray, images, work, division)):
        told.append(f"{row.file} {row.problem_detail}")
    work = workers.Work(Stated(Settings()), places, ("another", "b"))
    try:
        list(workers.analysed_rows(ray, images, work, division))
    except ConfigurationError as error:
        told.append(str(error))
(FOLDER / "told").write_text("\\n".join(told))
"""


def test_a_photograph_that_kills_its_worker_fails_alone(tmp_path: Path) -> None:
    for name in ("deadly", "fine", "once", "other"):
        (tmp_path / f"{name}.png").write_bytes(b"")
    ended = subprocess.run(
        [sys.executable, "-c", DEADLY, str(tmp_path)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=WITHIN_S,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    deadly, *others, other_model = (tmp_path / "told").read_text().splitlines()
    assert "the worker that analysed it died" in deadly
    assert others == [f"{name}.png came through" for name in ("fine", "once", "other")]
    assert other_model.endswith("has another fake:1 than the machine where the batch began")
    assert (tmp_path / "deadly.tries").read_text() == "xx"


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    complaint = refused(tmp_path, "archive", "results", RAY_ADDRESS=address)
    assert f"no cluster answers at {address} (RAY_ADDRESS)" in complaint


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nowhere", "results"), "nowhere: No such file"),
        ((".", "results"), "results for photographs"),
        (("archive", "results", "--workers", "0"), "--workers 0"),
        (("archive", "results", "--association", "S9"), "S9"),
        (("archive", "results", "--model", "none"), "none"),
    ],
)
def test_what_cannot_begin_is_refused(
    words: tuple[str, ...], complaint: str, tmp_path: Path
) -> None:
    assert complaint in refused(tmp_path, *words)
    assert not (tmp_path / "results").exists()

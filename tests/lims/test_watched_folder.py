"""The bridge for systems that know only files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from petrography.errors import ConfigurationError, InternalError, InvalidParameterError
from service.disk import ASIDE
from service.lims import Dropped, WatchedFolder

ROOT = Path(__file__).resolve().parents[2]
SETTLE_S = 5.0


class Bench:
    """A watched folder, a clock, and an analysis that writes down what it was given."""

    def __init__(self, tmp_path: Path) -> None:
        self.inbox, self.outbox = tmp_path / "in", tmp_path / "out"
        self.now_s = 0.0
        self.seen: list[Dropped] = []
        self.read: list[bytes] = []
        self.error: BaseException | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def analyse(self, dropped: Dropped, folder: Path) -> None:
        self.seen.append(dropped)
        self.read.append(dropped.path.read_bytes())
        (folder / "result.json").write_bytes(self.read[-1])
        self.meanwhile()
        if self.error is not None:
            raise self.error
        (folder / "senaite.csv").write_text(f",A,end\n{dropped.stated.get('sample_id')},1,\n")
        (folder / "edd-long.csv").write_text("SAMPLEID\n")

    def watched(self) -> WatchedFolder:
        return WatchedFolder(
            self.inbox,
            self.outbox,
            {".png": self.analyse},
            settle_s=SETTLE_S,
            max_bytes=100,
            clock=lambda: self.now_s,
        )

    def drop(self, name: str, content: bytes = b"image") -> Path:
        path = self.inbox / name
        path.write_bytes(content)
        return path

    def after(self, folder: WatchedFolder, seconds: float = SETTLE_S) -> list[tuple[str, str]]:
        self.now_s += seconds
        return [(one.name, one.state) for one in folder.look()]

    def names(self, place: str) -> set[str]:
        """Files and folders in a place of the inbox or outbox, without digests."""
        folder = (self.outbox if place in {"results", "senaite", "edd"} else self.inbox) / place
        return {path.name[:1] + path.name[18:] for path in folder.iterdir()}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def folder(bench: Bench) -> Iterator[WatchedFolder]:
    with bench.watched().opened() as opened:
        yield opened


def test_a_file_with_its_csv_is_answered_whole(bench: Bench, folder: WatchedFolder) -> None:
    bench.drop("a.csv", b"\xef\xbb\xbfsample_id, section\r\nSEC-1, B\r\n")
    bench.drop("a.png")
    assert bench.after(folder) == []
    assert bench.after(folder) == [("a.png", "done")]
    stated = {"sample_id": "SEC-1", "section": "B"}
    assert bench.seen == [Dropped(bench.inbox / "a.png", stated)]
    assert bench.names("results") == {"a"}
    assert bench.names("senaite") == {"a_1.csv"}
    assert bench.names("edd") == {"a.csv"}
    assert bench.names("done") == {"a.png", "a.csv"}
    assert {path.name for path in bench.inbox.iterdir()} == {"done", "failed"}
    assert bench.after(folder) == []


def test_a_second_csv_of_an_analysis_has_a_name_that_was_not_read(
    bench: Bench, folder: WatchedFolder
) -> None:
    for sample, content in (
        (b"OLD", b'{"id": "4d7f"}'),
        (b"NEW", b'{"id": "4d7f", "version": 2}'),
        (b"NEW", b'{"id": "../4d7f"}'),
    ):
        bench.drop("a.csv", b"sample_id\n" + sample + b"\n")
        bench.drop("a.png", content)
        bench.after(folder)
        assert bench.after(folder) == [("a.png", "done")]
    handed = {path.name: path.read_text() for path in (bench.outbox / "senaite").iterdir()}
    assert "OLD" in handed["4d7f_1.csv"]
    assert "NEW" in handed["4d7f_2.csv"]
    assert sum(name.startswith("a-") for name in handed) == 1, "no id that names a file"
    assert len(handed) == 3


def test_a_csv_that_waits_is_not_handed_out_twice(bench: Bench, folder: WatchedFolder) -> None:
    def dropped_again() -> set[str]:
        bench.drop("a.png", b'{"id": "4d7f"}')
        bench.after(folder)
        assert bench.after(folder) == [("a.png", "done")]
        return {path.name for path in (bench.outbox / "senaite").iterdir()}

    assert dropped_again() == dropped_again() == {"4d7f_1.csv"}
    (bench.outbox / "senaite" / "imported.csv").write_text("4d7f_1.csv\n")
    assert dropped_again() == {"4d7f_1.csv", "4d7f_2.csv", "imported.csv"}


def test_a_file_that_grows_is_waited_for(bench: Bench, folder: WatchedFolder) -> None:
    path = bench.drop("a.png", b"i")
    for size in range(2, 6):
        assert bench.after(folder) == []
        path.write_bytes(b"i" * size)
    assert bench.after(folder) == []
    assert folder.unsettled == 1
    assert bench.after(folder, SETTLE_S / 2) == []
    assert bench.after(folder) == [("a.png", "done")]
    assert bench.read == [b"iiiii"]


def test_a_file_that_changes_while_it_is_analysed_is_analysed_again(
    bench: Bench, folder: WatchedFolder
) -> None:
    path = bench.drop("a.png", b"first")
    bench.meanwhile = lambda: path.write_bytes(b"the second")
    bench.after(folder)
    assert bench.after(folder) == [("a.png", "later")]
    assert bench.names("results") == bench.names("edd") == set()
    bench.meanwhile = lambda: None
    bench.after(folder)
    assert bench.after(folder) == [("a.png", "done")]
    assert bench.read == [b"first", b"the second"]


def test_a_rewritten_file_of_the_same_size_is_waited_for(
    bench: Bench, folder: WatchedFolder
) -> None:
    path = bench.drop("a.png", b"one")
    bench.after(folder)
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert bench.after(folder) == []
    assert bench.after(folder) == [("a.png", "done")]


@pytest.mark.parametrize("name", [".a.png", "a.png.tmp", "a.txt", "a.csv", "folder.png"])
def test_other_things_are_left_alone(bench: Bench, folder: WatchedFolder, name: str) -> None:
    path = bench.inbox / name
    path.mkdir() if name == "folder.png" else bench.drop(name)
    for _ in range(3):
        assert bench.after(folder) == []
    assert path.exists()


def test_a_link_is_never_followed(bench: Bench, folder: WatchedFolder, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"key")
    (bench.inbox / "a.png").symlink_to(secret)
    bench.after(folder)
    assert bench.after(folder) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidParameterError("no sample is named"), "a.png: no sample is named\n"),
        (InternalError("broken"), "a.png: broken\n"),
        (MemoryError(), "a.png: not enough memory\n"),
    ],
)
def test_a_failure_is_set_aside_with_its_reason(
    bench: Bench, folder: WatchedFolder, error: BaseException, said: str
) -> None:
    bench.error = error
    bench.drop("a.csv", b"sample_id\nX\n")
    bench.drop("a.png")
    bench.after(folder)
    assert bench.after(folder) == [("a.png", "failed")]
    assert bench.names("failed") == {"a.png", "a.csv", "a.reason.txt"}
    (reason,) = (bench.inbox / "failed").glob("*.reason.txt")
    assert reason.read_text() == said
    assert bench.names("results") == bench.names("senaite") == set()
    assert bench.after(folder) == []


@pytest.mark.parametrize(
    "sidecar",
    [
        b"",
        b"sample_id\n",
        b"sample_id\nA\nB\n",
        b"a,b\n1\n",
        b"a,a\n1,2\n",
        b"\xff\xfe\x00",
        b'a\n"open',
        b"a\n" + b"x" * 70_000,
    ],
)
def test_a_csv_that_cannot_be_read_fails_its_file(
    bench: Bench, folder: WatchedFolder, sidecar: bytes
) -> None:
    bench.drop("a.csv", sidecar)
    bench.drop("a.png")
    bench.after(folder)
    assert bench.after(folder) == [("a.png", "failed")]
    assert bench.seen == []


def test_a_file_over_the_limit_fails_before_it_is_analysed(
    bench: Bench, folder: WatchedFolder
) -> None:
    bench.drop("a.png", b"x" * 101)
    bench.after(folder)
    assert bench.after(folder) == [("a.png", "failed")]
    assert bench.seen == []


def test_a_full_disk_leaves_the_file_for_later(bench: Bench, folder: WatchedFolder) -> None:
    bench.error = OSError(28, "No space left on device", "result.json")
    bench.drop("a.png")
    bench.after(folder)
    assert bench.after(folder) == [("a.png", "later")]
    assert bench.names("results") == set(), "nothing half written is left"
    bench.error = None
    assert bench.after(folder) == []
    assert bench.after(folder) == [("a.png", "done")]


def test_what_a_killed_watcher_was_writing_is_taken_away(bench: Bench) -> None:
    with bench.watched().opened():
        places = [bench.outbox / "edd", bench.outbox / "senaite"]
        places += [bench.inbox / "done", bench.inbox / "failed"]
    for place in places:
        (place / f"{ASIDE}half").write_bytes(b"hal")
    with bench.watched().opened():
        assert [list(place.iterdir()) for place in places] == [[]] * 4


def test_an_inbox_that_is_away_is_looked_for_again(bench: Bench, folder: WatchedFolder) -> None:
    away = bench.inbox.rename(bench.inbox.with_name("away"))
    assert bench.after(folder) == [("in", "later")]
    away.rename(bench.inbox)
    assert bench.after(folder) == []


def test_the_same_bytes_again_are_answered_by_what_is_there(
    bench: Bench, folder: WatchedFolder
) -> None:
    for _ in range(2):
        bench.drop("a.png")
        bench.after(folder)
        assert bench.after(folder) == [("a.png", "done")]
    assert len(bench.seen) == 1
    bench.drop("a.png", b"other")
    bench.after(folder)
    assert bench.after(folder) == [("a.png", "done")]
    assert len(bench.seen) == 2
    assert len(list((bench.outbox / "results").iterdir())) == 2


def test_a_corrected_csv_beside_the_same_image_is_another_question(
    bench: Bench, folder: WatchedFolder
) -> None:
    for sample in (b"OLD", b"NEW"):
        bench.drop("a.csv", b"sample_id\n" + sample + b"\n")
        bench.drop("a.png")
        bench.after(folder)
        assert bench.after(folder) == [("a.png", "done")]
    assert [one.stated["sample_id"] for one in bench.seen] == ["OLD", "NEW"]
    handed = {path.read_text().splitlines()[1] for path in (bench.outbox / "senaite").iterdir()}
    assert handed == {"OLD,1,", "NEW,1,"}


def test_a_csv_that_is_corrected_meanwhile_is_read_again(
    bench: Bench, folder: WatchedFolder
) -> None:
    sidecar = bench.drop("a.csv", b"sample_id\nOLD\n")
    bench.drop("a.png")
    bench.meanwhile = lambda: sidecar.write_bytes(b"sample_id\nNEW\n")
    bench.after(folder)
    assert bench.after(folder) == [("a.png", "later")]
    bench.after(folder)
    assert bench.after(folder) == [("a.png", "done")]
    assert [one.stated["sample_id"] for one in bench.seen] == ["OLD", "NEW"]


def test_two_images_of_one_name_share_their_csv(bench: Bench) -> None:
    handlers = dict.fromkeys((".jpg", ".png"), bench.analyse)
    watched = WatchedFolder(
        bench.inbox, bench.outbox, handlers, settle_s=SETTLE_S, clock=lambda: bench.now_s
    )
    with watched.opened() as folder:
        bench.drop("g.csv", b"sample_id\nS\n")
        bench.drop("g.jpg", b"one")
        bench.drop("g.png", b"other")
        bench.after(folder)
        assert bench.after(folder) == [("g.jpg", "done"), ("g.png", "done")]
    assert [one.stated for one in bench.seen] == [{"sample_id": "S"}] * 2
    assert bench.names("done") == {"g.jpg", "g.png", "g.csv"}
    assert not (bench.inbox / "g.csv").exists()


@pytest.mark.parametrize("letter", ["n", "ж"])
def test_a_name_as_long_as_a_file_system_takes_is_answered(
    bench: Bench, folder: WatchedFolder, letter: str
) -> None:
    stem = letter * (250 // len(letter.encode()))
    for name in (f"{stem}.png", f"{stem[:-1]}.png"):
        bench.drop(name)
        bench.after(folder)
        assert bench.after(folder) == [(name, "done")]
    assert len(bench.seen) == 2, "names that begin alike are not one"
    bench.error = InvalidParameterError("no")
    bench.drop(f"{stem}.png", b"bad")
    bench.after(folder)
    assert bench.after(folder) == [(f"{stem}.png", "failed")]


def test_a_csv_left_by_a_killed_watcher_is_not_for_the_next_image(bench: Bench) -> None:
    with bench.watched().opened() as folder:
        bench.drop("a.csv", b"sample_id\nOLD\n")
        bench.drop("a.png")
        bench.after(folder)
        bench.after(folder)
    (copy,) = (bench.inbox / "done").glob("*.csv")
    left = bench.drop("a.csv", copy.read_bytes())
    now_ns = left.stat().st_ctime_ns
    os.utime(copy, ns=(now_ns, now_ns))
    with bench.watched().opened():
        assert not left.exists(), "copied after it was dropped: its image was answered"
    os.utime(copy, ns=(1, 1))
    bench.drop("a.csv", copy.read_bytes())
    with bench.watched().opened():
        assert left.exists(), "dropped since: its image comes"


KILLED = """
import os, signal, sys
from pathlib import Path
from service.lims import WatchedFolder

def die(dropped, folder):
    (folder / "result.json").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

watched = WatchedFolder(Path(sys.argv[1]), Path(sys.argv[2]), {".png": die}, settle_s=0.0)
with watched.opened():
    watched.look()
"""


def test_a_killed_watcher_is_taken_up_by_the_next(bench: Bench) -> None:
    bench.inbox.mkdir()
    bench.drop("a.png")
    words = [sys.executable, "-c", KILLED, str(bench.inbox), str(bench.outbox)]
    killed = subprocess.run(
        words, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list((bench.outbox / "results").iterdir())) == 1
    with bench.watched().opened() as folder:
        assert list((bench.outbox / "results").iterdir()) == []
        bench.after(folder)
        assert bench.after(folder) == [("a.png", "done")]
    (result,) = (bench.outbox / "results").glob("*/result.json")
    assert result.read_bytes() == b"image"


def test_killed_after_the_result_its_answer_is_handed_out(bench: Bench) -> None:
    with bench.watched().opened() as folder:
        path = bench.drop("a.png")
        bench.after(folder)
        bench.after(folder)
    (handed,) = (bench.outbox / "edd").iterdir()
    handed.unlink()
    (moved,) = (bench.inbox / "done").iterdir()
    moved.rename(path)
    with bench.watched().opened() as folder:
        bench.after(folder)
        assert bench.after(folder) == [("a.png", "done")]
    assert len(bench.seen) == 1
    assert bench.names("edd") == {"a.csv"}


def test_two_watchers_are_one_too_many(bench: Bench, folder: WatchedFolder) -> None:
    with (
        pytest.raises(ConfigurationError, match="another process watches"),
        bench.watched().opened(),
    ):
        pytest.fail("two watchers")


@pytest.mark.parametrize(("one", "other"), [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_folders_inside_each_other_are_refused(tmp_path: Path, one: str, other: str) -> None:
    with pytest.raises(ConfigurationError, match="lie in each other"):
        WatchedFolder(tmp_path / one, tmp_path / other, {})

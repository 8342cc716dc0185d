"""One photograph of an archive: the files of `analyse`, found again, or told why not."""

from __future__ import annotations

import errno
import hashlib
import json
from pathlib import Path

import pytest

from command_line.batch.archive import ArchiveImage
from command_line.batch.one_image import WhereTo, row_of
from command_line.batch.places import BucketPlace, FolderPlace
from command_line.one_analysis import PreparedAnalysis
from tests.batch.prepared import archive_at, asking, image, painted_png, prepare
from tests.command_runs import Run
from tests.s3_stand_in import BUCKET, s3_bucket

pytestmark = pytest.mark.usefixtures("clean_environment")
# They tell when the analysis was made, and are compared by what else they hold.
OF_ITS_TIME = {"result.json", "provenance.json"}


@pytest.fixture
def prepared(model_folder: Path) -> PreparedAnalysis:
    return prepare(model_folder, association="0,1,2")


@pytest.fixture
def places(tmp_path: Path) -> WhereTo:
    return archive_at(tmp_path)


def comparable(folder: Path) -> dict[str, object]:
    """The content of result.json without what differs from run to run."""
    content = json.loads((folder / "result.json").read_text())
    for name in ("id", "timings_s"):
        del content[name]
    for name in ("started_utc", "finished_utc"):
        del content["provenance"][name]
    for artefact in content["artefacts"]:
        if artefact["name"] in OF_ITS_TIME:
            del artefact["sha256"]
    return content


def test_the_files_are_those_of_analyse(
    run: Run, prepared: PreparedAnalysis, places: WhereTo, model_folder: Path, tmp_path: Path
) -> None:
    row = row_of(image(sample_id="A-1", um_per_px="0.5"), places, prepared)
    photograph = tmp_path / "in" / "s1" / "a.png"
    words = ("--models", model_folder, "--association", "0,1,2", "--um-per-px", "0.5")
    single = tmp_path / "single"
    assert run("analyse", photograph, "--out", single, "--sample-id", "A-1", *words)[0] == 0
    batch = tmp_path / "out" / "s1" / "a"
    files = {path.name: path for path in batch.iterdir()}
    assert set(files) == {path.name for path in single.iterdir()}
    for name in set(files) - OF_ITS_TIME:
        assert files[name].read_bytes() == (single / name).read_bytes(), name
    assert comparable(batch) == comparable(single)
    result = json.loads(files["result.json"].read_text())
    assert (row.status, row.was_there, row.id) == ("ok", False, result["id"])
    assert row.sha256 == hashlib.sha256(photograph.read_bytes()).hexdigest()
    assert (row.sample_id, row.model) == ("A-1", "tiny:1")
    shares = {share.code: (share.percent, share.ci95) for share in row.shares}
    for one in result["modal"]:
        assert shares[one["code"]] == (one["area_percent"], tuple(one["ci95"]))


def test_what_is_finished_is_found_again(prepared: PreparedAnalysis, places: WhereTo) -> None:
    first = row_of(image(), places, prepared)
    again = row_of(image(), places, prepared)
    assert again == first.model_copy(update={"was_there": True})


@pytest.mark.parametrize(
    "change", ["bytes", "parameter", "statement", "artefact", "document", "model"]
)
def test_what_is_not_the_same_is_made_again(
    change: str, prepared: PreparedAnalysis, places: WhereTo, tmp_path: Path
) -> None:
    first = row_of(image(), places, prepared)
    results, asked, photograph = tmp_path / "out" / "s1" / "a", prepared, image()
    if change == "bytes":
        (tmp_path / "in" / "s1" / "a.png").write_bytes(painted_png(2))
    elif change == "parameter":
        asked = asking(prepared, association="0,1")
    elif change == "statement":
        photograph = image(um_per_px="0.25")
    elif change == "artefact":
        (results / "modal.csv").unlink()
    elif change == "document":
        (results / "result.json").write_text('{"schema_version": 1')
    else:
        card = tmp_path / "models" / "tiny" / "1" / "model.json"
        card.write_text(card.read_text() + "\n")
        asked = prepare(tmp_path / "models", association="0,1,2")
    again = row_of(photograph, places, asked)
    assert (again.status, again.was_there) == ("ok", False)
    assert again.id != first.id
    assert json.loads((results / "result.json").read_text())["id"] == again.id
    assert (results / "modal.csv").is_file()


@pytest.mark.parametrize(
    ("content", "stated", "kind", "told"),
    [
        (b"no image", {}, "unsupported-image", "wanted a PNG, JPEG or TIFF"),
        (b"", {}, "unsupported-image", "0 bytes"),
        (painted_png(1)[:60], {}, "damaged-image", "truncated"),
        (painted_png(1), {"um_per_px": "wide"}, "invalid-parameter", "um_per_px"),
        (painted_png(1), {"association": "S9"}, "invalid-parameter", "S9"),
        (painted_png(1), {"sample_id": "a\tb"}, "invalid-parameter", "sample"),
    ],
)
def test_a_bad_photograph_is_refused_and_leaves_nothing(
    content: bytes,
    stated: dict[str, str],
    kind: str,
    told: str,
    prepared: PreparedAnalysis,
    places: WhereTo,
    tmp_path: Path,
) -> None:
    (tmp_path / "in" / "s1" / "a.png").write_bytes(content)
    row = row_of(image(**stated), places, prepared)
    assert (row.status, row.problem_type) == ("refused", f"urn:petroserve:problem:{kind}")
    assert told in (row.problem_detail or "")
    assert (row.sha256, row.trace) == (hashlib.sha256(content).hexdigest(), None)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_photograph_that_is_gone_fails(
    prepared: PreparedAnalysis, places: WhereTo, tmp_path: Path
) -> None:
    (tmp_path / "in" / "s1" / "a.png").unlink()
    row = row_of(image(), places, prepared)
    assert (row.status, row.sha256) == ("failed", None)
    assert "No such file" in (row.problem_detail or "")


def test_what_is_no_file_is_not_opened(
    prepared: PreparedAnalysis, places: WhereTo, tmp_path: Path
) -> None:
    photograph = tmp_path / "in" / "s1" / "a.png"
    photograph.unlink()
    # In the place of a pipe, which whoever opens it would wait at for ever.
    photograph.symlink_to("/dev/null")
    row = row_of(image(), places, prepared)
    assert (row.status, row.sha256) == ("refused", None)
    assert "a.png is no file" in (row.problem_detail or "")


class FullDisk(FolderPlace):
    """A place that takes nothing."""

    def replacing(self, _folder: str) -> object:
        raise OSError(errno.ENOSPC, "No space left on device")


class Broken(FolderPlace):
    """A place of which nobody thought."""

    def read(self, file: str) -> bytes | None:
        return {}[file]


def test_trouble_that_is_not_of_the_photograph_fails_it_too(
    prepared: PreparedAnalysis, places: WhereTo, tmp_path: Path
) -> None:
    full = row_of(image(), WhereTo(places.source, FullDisk(tmp_path)), prepared)
    assert (full.status, full.trace) == ("failed", None)
    assert full.problem_type == "urn:petroserve:problem:storage-unavailable"
    assert full.problem_detail == "its file or its results: No space left on device"
    broken = row_of(image(), WhereTo(places.source, Broken(tmp_path)), prepared)
    assert broken.status == "failed"
    assert broken.problem_detail == "KeyError: 's1/a/result.json'"
    assert "Traceback" in (broken.trace or "")


def test_photographs_and_results_may_lie_in_buckets(
    prepared: PreparedAnalysis,
    places: WhereTo,
    tmp_path: Path,
    clean_environment: pytest.MonkeyPatch,
) -> None:
    with s3_bucket(clean_environment) as bucket:
        bucket.put("in/s1/a.png", (tmp_path / "in" / "s1" / "a.png").read_bytes())
        remote = WhereTo(BucketPlace(f"s3://{BUCKET}/in"), BucketPlace(f"s3://{BUCKET}/out"))
        first = row_of(image(), remote, prepared)
        again = row_of(image(), remote, prepared)
        missing = row_of(ArchiveImage("none.png", "none", {}), remote, prepared)
        sent = {name: content for name, (content, _) in bucket.objects.items()}
    assert first.status == "ok"
    assert again == first.model_copy(update={"was_there": True})
    assert missing.status == "failed"
    row_of(image(), places, prepared)
    local = tmp_path / "out" / "s1" / "a"
    for path in local.iterdir():
        if path.name not in OF_ITS_TIME:
            assert sent[f"out/s1/a/{path.name}"] == path.read_bytes(), path.name

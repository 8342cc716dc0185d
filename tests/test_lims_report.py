"""petroserve lims send: the report of a version never stands under another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from petrography.image_codec import encode_jpeg
from petrography.report import Artefact, Result, result_json, reviewed
from tests.command_runs import Run
from tests.lims.painted_results import painted_result
from tests.lims.senaite_stand_in import PASSWORD, USER, Laboratory, running

OVERLAY = encode_jpeg(np.full((60, 80, 3), 90, dtype=np.uint8))
FIRST = b"%PDF-1.7 preliminary"


def artefact(name: str, content: bytes) -> Artefact:
    digest = hashlib.sha256(content).hexdigest()
    return Artefact(name=name, media_type="application/octet-stream", sha256=digest, href=name)


def analysis(um_per_px: float = 0.5) -> Result:
    files = (artefact("report.pdf", FIRST), artefact("overlay.jpg", OVERLAY))
    return painted_result(um_per_px=um_per_px, artefacts=files)


def version(number: int) -> Result:
    at, who = datetime(2026, 11, 21, 9, tzinfo=UTC), "Grace"
    made = analysis()
    if number > 1:
        made = reviewed(made, "final", reviewer=who, at=at)
    if number > 2:
        by = analysis(0.7)
        made = reviewed(made, "corrected", reviewer=who, at=at, reason="scale", content=by)
    return made


@pytest.fixture
def laboratory() -> Laboratory:
    held = Laboratory()
    held.add_sample("SEC-0001", "MOD_CCP:%")
    return held


@pytest.fixture
def site(
    laboratory: Laboratory, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    with running(laboratory) as address:
        yield ["--url", address, "--user", USER, "--password-file", str(secret)]


def kept(folder: Path, result: Result, *, overlay: bytes | None = OVERLAY) -> Path:
    (folder / "report.pdf").write_bytes(FIRST)
    if overlay is not None:
        (folder / "overlay.jpg").write_bytes(overlay)
    path = folder / "result.json"
    path.write_bytes(result_json(result))
    return path


def test_the_first_version_goes_with_the_report_of_the_analysis(
    run: Run, tmp_path: Path, site: list[str], laboratory: Laboratory
) -> None:
    assert run("lims", "send", kept(tmp_path, version(1)), *site)[0] == 0
    assert list(laboratory.files.values()) == [FIRST]


@pytest.mark.parametrize("number", [2, 3])
def test_a_later_version_goes_with_a_report_of_its_own(
    run: Run, tmp_path: Path, site: list[str], laboratory: Laboratory, number: int
) -> None:
    path, again = kept(tmp_path, version(number)), tmp_path / "again.pdf"
    status, printed, complaint = run("lims", "send", path, *site)
    assert (status, "report.pdf\tsubmitted" in printed) == (0, True), complaint
    assert run("report", path, "--out", again)[0] == 0
    assert list(laboratory.files.values()) == [again.read_bytes()] != [FIRST]


@pytest.mark.parametrize("overlay", [None, b"of another analysis"])
def test_without_its_picture_no_report_is_sent_and_that_is_said(
    run: Run, tmp_path: Path, site: list[str], laboratory: Laboratory, overlay: bytes | None
) -> None:
    path = kept(tmp_path, version(2), overlay=overlay)
    status, printed, _ = run("lims", "send", path, *site)
    assert status == 1
    assert "left out\tno report is sent" in printed
    assert laboratory.files == {}
    assert laboratory.analysis("SEC-0001", "MOD_CCP")["Result"] == "16.67"

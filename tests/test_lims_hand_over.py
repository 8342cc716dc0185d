"""petroserve lims push and imports: LIS2-A2 into SENAITE, and its import log read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrography.report import result_json
from tests.command_runs import Run
from tests.lims.lis2_reader import read_message
from tests.lims.painted_results import painted_result
from tests.lims.senaite_stand_in import PASSWORD, USER, Laboratory, running


@pytest.fixture
def laboratory() -> Laboratory:
    return Laboratory()


def kept(folder: Path, status: str) -> Path:
    path = folder / f"{status}.json"
    path.write_bytes(result_json(painted_result(status=status)))
    return path


def test_final_results_are_pushed_and_no_others(
    run: Run, tmp_path: Path, laboratory: Laboratory, clean_environment: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    final, other = kept(tmp_path, "final"), kept(tmp_path, "preliminary")
    with running(laboratory) as address:
        site = ("--url", address, "--user", USER, "--password-file", tmp_path / "password")
        status, _, complaint = run("lims", "push", final, other, *site)
        assert (status, "only a final one is pushed" in complaint) == (2, True)
        assert laboratory.messages == [], "nothing is pushed by halves"
        status, printed, _ = run("lims", "push", final, *site)
        assert (status, printed) == (0, f"{final}\tSEC-0001\tpushed\n")
        status, _, complaint = run("lims", "push", final, "--consumer", "nobody", *site)
    assert (status, "no such consumer" in complaint) == (2, True)
    (message,) = laboratory.messages
    records = read_message(message.replace("\n", "\r"))
    assert {one.field(9) for one in records if one.kind == "R"} == {"F"}


def test_a_pushed_result_is_stored(
    run: Run, tmp_path: Path, laboratory: Laboratory, clean_environment: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    laboratory.add_sample("SEC-0001", "MOD_CCP:%", "MOD_GN:%")
    with running(laboratory) as address:
        site = ("--url", address, "--user", USER, "--password-file", tmp_path / "password")
        run("lims", "push", kept(tmp_path, "final"), *site)
    copper, lead = (laboratory.analysis("SEC-0001", name) for name in ("MOD_CCP", "MOD_GN"))
    assert (copper["Result"], copper["review_state"]) == ("16.67", "to_be_verified")
    assert lead["DetectionLimitOperand"] == "<"


@pytest.mark.parametrize("sample", ["a|b", "a&b", "\u0428\u043b\u0438\u0444 7"])
def test_a_sample_that_senaite_would_not_find_is_not_pushed(
    run: Run, tmp_path: Path, laboratory: Laboratory, sample: str
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    path = tmp_path / "result.json"
    path.write_bytes(result_json(painted_result(sample, status="final")))
    with running(laboratory) as address:
        site = ("--url", address, "--user", USER, "--password-file", tmp_path / "password")
        status, _, complaint = run("lims", "push", path, *site)
    assert (status, laboratory.messages) == (2, [])
    assert "does not read back" in complaint
    assert "petroserve lims send" in complaint


def test_what_senaite_made_of_the_files_is_read_back(run: Run, tmp_path: Path) -> None:
    for name in ("a-1_1.csv", "a-1_12.csv", "b_1.csv", ".c_1.csv.tmp"):
        (tmp_path / name).write_text("")
    (tmp_path / "imported.csv").write_text('a-1_1.csv,"a-1_12.csv"\ngone_1.csv\n')
    (tmp_path / "logs.log").write_text(
        "2026-11-20 begin a-1_12.csv\nLine 2: No valid number: '<1'\n2026-11-20 a-1_1.csv done\n"
    )
    status, printed, _ = run("lims", "imports", tmp_path)
    assert status == 1
    assert printed.splitlines() == [
        "a-1_1.csv\tread",
        "a-1_1.csv\tlog\t2026-11-20 a-1_1.csv done",
        "a-1_12.csv\tread",
        "a-1_12.csv\tlog\t2026-11-20 begin a-1_12.csv",
        "a-1_12.csv\tlog\tLine 2: No valid number: '<1'",
        "b_1.csv\twaits",
        "gone_1.csv\tread",
    ]
    for name in ("a-1_12.csv", "b_1.csv", "logs.log"):
        (tmp_path / name).unlink()
    assert run("lims", "imports", tmp_path)[0] == 0
    assert "is no folder" in run("lims", "imports", tmp_path / "absent")[2]

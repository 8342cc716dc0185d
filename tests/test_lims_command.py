"""petroserve lims: export, check, worklist and send, against a stand-in for SENAITE."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from petrography.image_codec import encode_png
from petrography.report import result_json
from tests.command_runs import Run
from tests.lims.lis2_reader import read_message
from tests.lims.painted_results import painted_result
from tests.lims.senaite_stand_in import PASSWORD, USER, Laboratory, running
from tests.tiny_model import paint


@pytest.fixture
def laboratory() -> Laboratory:
    held = Laboratory()
    held.add_sample("SEC-0001", "MOD_CCP:%", "MOD_GN:%")
    held.add_sample("SEC-0002", "MOD_CCP:%")
    return held


@pytest.fixture
def site(
    laboratory: Laboratory, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """The words that name the stand-in and its account."""
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    with running(laboratory) as address:
        yield ["--url", address, "--user", USER, "--password-file", str(secret)]


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = tmp_path / "result.json"
    path.write_bytes(result_json(painted_result()))
    return path


def table(printed: str) -> list[list[str]]:
    return [line.split("\t") for line in printed.splitlines()]


def test_export_writes_every_format_and_check_takes_it(
    run: Run, result: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run("lims", "export", result, "--out", out)[0] == 0
    assert {path.name for path in out.iterdir()} == {
        f"{painted_result().id}_1.csv",
        "edd-long.csv",
        "edd-wide.csv",
        "lis2",
    }
    (message,) = (out / "lis2").iterdir()
    assert read_message(message.read_bytes().decode())[2].field(3) == "SEC-0001"
    (table_of_one,) = out.glob("*_1.csv")
    status, printed, _ = run("lims", "check", table_of_one)
    assert status == 0
    assert ["MOD_CCP", "16.67"] in [row[3:5] for row in table(printed)]


def test_what_is_exported_again_has_a_name_that_senaite_has_not_read(
    run: Run, result: Path, tmp_path: Path
) -> None:
    out, stem = tmp_path / "out", painted_result().id
    words = ("lims", "export", result, "--format", "senaite", "--out", out)
    assert run(*words)[1] == f"{out / f'{stem}_1.csv'}\n"
    assert run(*words)[1] == f"{out / f'{stem}_1.csv'}\n", "it still waits, and says the same"
    (out / "imported.csv").write_text(f"{stem}_1.csv\n")
    (out / f"{stem}_1.csv").unlink()
    assert run(*words)[1] == f"{out / f'{stem}_2.csv'}\n"
    (out / f"{stem}_2.csv").write_text("something else")
    assert run(*words)[1] == f"{out / f'{stem}_3.csv'}\n"
    assert not list(out.glob(".*"))


def test_each_result_is_exported_into_a_file_of_its_own(run: Run, tmp_path: Path) -> None:
    files = []
    for number in (1, 2):
        one = painted_result(f"SEC-{number}").model_copy(update={"id": f"analysis-{number}"})
        files.append(tmp_path / f"{number}.json")
        files[-1].write_bytes(result_json(one))
    assert run("lims", "export", *files, "--out", tmp_path / "out")[0] == 0
    first, second = ((tmp_path / "out" / f"analysis-{n}_1.csv").read_text() for n in (1, 2))
    assert ("SEC-1," in first, "SEC-2," in first, "SEC-2," in second) == (True, False, True)


@pytest.mark.parametrize("form", ["senaite", "lis2"])
def test_an_id_that_is_no_name_of_a_file_is_refused(run: Run, tmp_path: Path, form: str) -> None:
    file = tmp_path / "result.json"
    file.write_bytes(result_json(painted_result().model_copy(update={"id": "../outside"})))
    words = ("lims", "export", file, "--format", form, "--out", tmp_path / "out" / "deep")
    status, _, complaint = run(*words)
    assert (status, "cannot name a file" in complaint) == (2, True)
    assert not list(tmp_path.glob("**/outside*"))


def test_check_asks_senaite_and_fails_on_what_it_would_not_take(
    run: Run, tmp_path: Path, site: list[str], laboratory: Laboratory
) -> None:
    file = tmp_path / "senaite.csv"
    file.write_text(",MOD_CCP,MOD_XX,end\nSEC-0002,1.5,2,\nSEC-0009,1,1,\n")
    assert run("lims", "check", file)[0] == 0
    status, printed, _ = run("lims", "check", file, "--ask", *site)
    assert status == 1
    assert [row[1:3] + row[5:] for row in table(printed)[1:]] == [
        ["taken", "SEC-0002", "as it is"],
        ["warning", "SEC-0002", "no such analysis in the sample: tried as an interim field"],
        ["error", "SEC-0009", "no such sample"],
    ]


def test_the_work_list_shrinks_as_results_are_sent(
    run: Run, result: Path, site: list[str], laboratory: Laboratory, tmp_path: Path
) -> None:
    waiting = table(run("lims", "worklist", *site)[1])
    assert [row[:2] for row in waiting] == [
        ["SEC-0001", "MOD_CCP"],
        ["SEC-0001", "MOD_GN"],
        ["SEC-0002", "MOD_CCP"],
    ]
    report = tmp_path / "report.pdf"
    report.write_bytes(b"%PDF")
    status, printed, _ = run("lims", "send", result, "--attach", report, *site)
    assert status == 0
    rows = {row[1]: row[2:4] for row in table(printed)}
    assert rows["MOD_CCP"] == ["16.67", "submitted"]
    assert rows["MOD_GN"][1] == "submitted"
    assert rows["(attachment)"] == ["report.pdf", "submitted"]
    again = table(run("lims", "send", result, "--attach", report, *site)[1])
    assert {row[3] for row in again} == {"already there", "not asked for"}
    left = table(run("lims", "worklist", "--keyword", "MOD_CCP", *site)[1])
    assert [row[:2] for row in left] == [["SEC-0002", "MOD_CCP"]]


def test_a_profile_and_a_sample_id_are_obeyed(
    run: Run, tmp_path: Path, site: list[str], laboratory: Laboratory
) -> None:
    unnamed, lab = tmp_path / "unnamed.json", tmp_path / "lab.toml"
    unnamed.write_bytes(result_json(painted_result(None)))
    lab.write_text('only_named = true\n[keywords]\nMOD_SP = "MOD_CCP"\n')
    words = ("lims", "send", unnamed, "--profile", lab)
    assert "names no sample" in run(*words, *site)[2]
    status, printed, _ = run(*words, "--sample-id", "SEC-0002", *site)
    assert (status, table(printed)[0][1:4]) == (0, ["MOD_CCP", "8.17", "submitted"])


def test_one_sample_that_is_refused_does_not_keep_the_others_back(
    run: Run, result: Path, tmp_path: Path, site: list[str]
) -> None:
    absent = tmp_path / "absent.json"
    absent.write_bytes(result_json(painted_result("SEC-7777")))
    status, printed, complaint = run("lims", "send", absent, result, *site)
    assert status == 2
    assert "has no sample SEC-7777" in complaint
    assert "submitted" in printed


def test_what_differs_ends_with_status_one(
    run: Run, result: Path, site: list[str], laboratory: Laboratory
) -> None:
    laboratory.analysis("SEC-0001", "MOD_CCP").update(Result="3", review_state="verified")
    status, printed, _ = run("lims", "send", result, *site)
    assert status == 1
    assert "3 stands there, verified" in printed


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}", "is no result.json"),
        (b"\xff\xfe", "is no result.json"),
        (b"[" * 9999, "is no result"),
    ],
)
def test_files_that_are_no_results_are_named(
    run: Run, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    status, _, complaint = run("lims", "export", path, "--out", tmp_path / "out")
    assert (status, said in complaint) == (2, True)
    assert not (tmp_path / "out").exists()


def test_without_a_site_the_settings_are_named(
    run: Run, clean_environment: pytest.MonkeyPatch
) -> None:
    status, _, complaint = run("lims", "worklist", "--user", "a")
    assert status == 2
    assert "PETROSERVE_LIMS_URL" in complaint


def test_the_environment_names_the_site_as_well(
    run: Run, site: list[str], clean_environment: pytest.MonkeyPatch
) -> None:
    for name, value in zip(("URL", "USER", "PASSWORD_FILE"), site[1::2], strict=True):
        clean_environment.setenv(f"PETROSERVE_LIMS_{name}", value)
    assert run("lims", "worklist")[0] == 0


def test_two_results_take_no_attachment_and_no_sample_id(
    run: Run, result: Path, site: list[str], laboratory: Laboratory
) -> None:
    assert run("lims", "send", result, result, "--attach", result, *site)[0] == 2
    assert run("lims", "send", result, result, "--sample-id", "S", *site)[0] == 2
    assert run("lims", "send", result, "--sample-id", "SEC-0002", *site)[0] == 2
    assert laboratory.writes == []
    assert json.loads(result.read_text())["sample"]["id"] == "SEC-0001"


@pytest.fixture
def watching(model_folder: Path, tmp_path: Path) -> tuple[Path, list[str]]:
    """The folder that is watched, and the words that watch it once."""
    inbox = tmp_path / "in"
    inbox.mkdir()
    words = ["--once", "--settle", "0", "--models", str(model_folder)]
    return inbox, ["lims", "watch", str(inbox), str(tmp_path / "out"), *words]


def painted_png() -> bytes:
    return encode_png(paint(np.repeat(np.arange(4), 1600).reshape(80, 80)))


def test_watch_analyses_what_is_dropped_and_explains_what_fails(
    run: Run, tmp_path: Path, watching: tuple[Path, list[str]]
) -> None:
    inbox, words = watching
    (inbox / "a.csv").write_text("sample_id,section,um_per_px\nSEC-0001,A,0.5\n")
    (inbox / "a.png").write_bytes(painted_png())
    (inbox / "unnamed.png").write_bytes(painted_png())
    (inbox / "broken.csv").write_text("sample_id\nSEC-0002\n")
    (inbox / "broken.png").write_bytes(b"no image")
    (inbox / "scale.csv").write_text("sample_id,um_per_px\nSEC-0003,minus\n")
    (inbox / "scale.png").write_bytes(painted_png())
    (inbox / "b.json").write_bytes(result_json(painted_result("SEC-0009")))
    status, printed, _ = run(*words)
    assert status == 1
    assert {row[0]: row[1] for row in table(printed)} == {
        "a.png": "done",
        "b.json": "done",
        "broken.png": "failed",
        "scale.png": "failed",
        "unnamed.png": "failed",
    }
    reasons = {
        path.name.partition("-")[0]: path.read_text()
        for path in (inbox / "failed").glob("*.reason.txt")
    }
    assert "no sample is named" in reasons["unnamed"]
    assert "um_per_px" in reasons["scale"]
    out = tmp_path / "out"
    (result,) = out.glob("results/a-*/result.json")
    document = json.loads(result.read_text())
    assert document["sample"]["id"] == "SEC-0001"
    assert document["scale"]["um_per_px"] == 0.5
    handed = out / "senaite" / f"{document['id']}_1.csv"
    assert run("lims", "check", handed)[0] == 0
    assert len(list(out.glob("edd/*.csv"))) == 2


def test_no_name_of_a_file_stops_the_watcher_or_breaks_its_lines(
    run: Run, tmp_path: Path, watching: tuple[Path, list[str]]
) -> None:
    inbox, words = watching
    for name in (b"\xff.png", b"line\nbreak\ttab.png", b"bad\xfe.png"):
        content = b"no image" if b"bad" in name else painted_png()
        (inbox / os.fsdecode(name)).write_bytes(content)
        sidecar = name.replace(b".png", b".csv")
        (inbox / os.fsdecode(sidecar)).write_text("sample_id\nS\n")
    status, printed, _ = run(*words)
    assert status == 1
    assert {row[0]: row[1] for row in table(printed)} == {
        r"bad\udcfe.png": "failed",
        r"line\nbreak\ttab.png": "done",
        r"\udcff.png": "done",
    }
    (reason,) = (inbox / "failed").glob("*.reason.txt")
    assert reason.read_text().startswith(r"bad\udcfe.png: ")


def test_watch_takes_the_sample_from_the_name_where_it_is_told_to(
    run: Run, tmp_path: Path, watching: tuple[Path, list[str]]
) -> None:
    inbox, words = watching
    (inbox / "SEC-0007.png").write_bytes(painted_png())
    assert run(*words, "--sample-from-name")[0] == 0
    (handed,) = (tmp_path / "out").glob("senaite/*.csv")
    assert handed.read_text().splitlines()[1].startswith("SEC-0007,")
    assert run(*words)[1] == ""


def test_review_makes_the_next_version_and_never_writes_over(
    run: Run, result: Path, tmp_path: Path
) -> None:
    final, other = tmp_path / "v2.json", tmp_path / "other.json"
    words = ("lims", "review", result, "--status", "final", "--reviewer", "Grace", "--out", final)
    status, printed, _ = run(*words)
    assert (status, printed.strip()) == (0, f"{final}: version 2, final")
    before = final.read_bytes()
    assert "never written over" in run(*words)[2]
    assert final.read_bytes() == before
    other.write_bytes(result_json(painted_result(um_per_px=0.7)))
    words = ("lims", "review", final, "--status", "corrected", "--reviewer", "Grace")
    status, _, complaint = run(*words, "--by", other, "--out", tmp_path / "v3.json")
    assert (status, "wants a reason" in complaint) == (2, True)
    words += ("--by", other, "--reason", "wrong scale", "--out", tmp_path / "v3.json")
    assert run(*words)[0] == 0
    own = ("--reviewer", "Ada", "--by", other, "--reason", "r", "--out", tmp_path / "own.json")
    status, _, complaint = run("lims", "review", final, "--status", "corrected", *own)
    assert (status, "wanted another reviewer" in complaint) == (2, True)
    same = ("--by", final, "--reason", "r", "--out", tmp_path / "same.json")
    status, _, complaint = run(*words[:7], *same)
    assert (status, "changes nothing" in complaint) == (2, True)
    corrected = json.loads((tmp_path / "v3.json").read_text())
    assert (corrected["version"], corrected["status"]) == (3, "corrected")
    assert corrected["scale"]["um_per_px"] == 0.7

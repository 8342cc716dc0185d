"""What the service and the command line put on record, and what happens where they cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import petroserve
from petrography.errors import ConfigurationError
from petrography.model_card import sha256_hex
from service.audit import AuditEntry, AuditLog, entries_of, verify
from service.engine import Auditing
from service.settings import Settings
from tests.http_service import READY_WITHIN_S, png, running_service, settings_for
from tests.tiny_model import paint, write_model

pytestmark = pytest.mark.usefixtures("clean_environment")

IMAGE = png(paint(np.kron(np.array([[0, 1], [2, 3]]), np.ones((40, 50), dtype=np.intp))))


def run(*words: object) -> int:
    return petroserve.main([str(word) for word in words])


def made_keys(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert run("keys", "create", "--keys-file", path, "--tenant", "lab") == 0
    return capsys.readouterr().out.strip()


def service_settings(folder: Path, **changes: object) -> Settings:
    write_model(folder / "models")
    return settings_for(folder / "models", folder / "kept", **changes)


async def all_ways(settings: Settings, headers: dict[str, str]) -> list[dict[str, Any]]:
    """The same analysis, waited for and as a job; the first is approved then."""
    async with running_service(settings) as (client, _):
        client.headers.update(headers)
        waited = await client.post("/v1/analyses", files={"image": IMAGE})
        # The first job waits for its database, which a busy machine makes late.
        prefer = {"Prefer": "respond-async"}
        later = waited
        while later is waited or later.status_code == 503:
            later = await client.post("/v1/analyses", files={"image": IMAGE}, headers=prefer)
        assert (waited.status_code, later.status_code) == (201, 202)
        place = f"/v1/analyses/{later.json()['id']}/result.json"
        async with asyncio.timeout(READY_WITHIN_S):
            while (kept := await client.get(place)).status_code != 200:
                await asyncio.sleep(0.02)
        review = {"status": "final", "reviewer": "Grace"}
        path = f"/v1/analyses/{waited.json()['id']}/corrections"
        approved = await client.post(path, json=review)
        assert approved.status_code == 201
        return [waited.json(), kept.json(), approved.json()]


async def analysed(settings: Settings, headers: dict[str, str]) -> tuple[int, dict[str, object]]:
    async with running_service(settings) as (client, _):
        answer = await client.post("/v1/analyses", files={"image": IMAGE}, headers=headers)
        return answer.status_code, answer.json()


def on_record(settings: Settings) -> list[AuditEntry]:
    assert verify(settings.audit_log_folder).problem is None
    return list(entries_of(settings.audit_log_folder))


def test_who_asked_for_an_analysis_is_in_its_provenance_and_on_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = made_keys(tmp_path / "keys.json", capsys)
    settings = service_settings(tmp_path, api_keys=tmp_path / "keys.json")

    waited, job, approved = asyncio.run(all_ways(settings, {"Authorization": f"Bearer {key}"}))

    begun, loaded, *done, ended = on_record(settings)
    assert [begun.event, ended.event] == ["service.started", "service.stopped"]
    assert (loaded.event, loaded.subject) == ("model.loaded", "tiny:1")
    card = (tmp_path / "models" / "tiny" / "1" / "model.json").read_bytes()
    assert loaded.facts["card_sha256"] == sha256_hex(card)
    assert [(one.event, one.subject) for one in done] == [
        ("analysis.made", waited["id"]),
        ("analysis.made", job["id"]),
        ("result.reviewed", waited["id"]),
    ]
    key_id = key.split("_")[1]
    assert {(one.tenant, one.key_id) for one in done} == {("lab", key_id)}
    kept = settings.artefacts_folder / "tenants" / "lab" / "analyses" / waited["id"]
    assert done[0].facts["result_sha256"] == sha256_hex((kept / "result.json").read_bytes())
    assert done[0].facts["image_sha256"] == sha256_hex(IMAGE)
    assert done[2].facts["result_sha256"] == sha256_hex((kept / "result.2.json").read_bytes())
    assert approved["version"] == done[2].facts["version"] == 2

    for result in (waited, job):
        provenance = result["provenance"]
        assert provenance["asked_by"] == {"tenant": "lab", "key_id": key_id}
        assert provenance["model"]["card_sha256"] == sha256_hex(card)
        assert provenance["runtime"]["provider"] == "cpu"
        assert provenance["started_utc"] <= provenance["finished_utc"]
    secret = key.split("_", 2)[2]
    logged = b"".join(one.line() for one in on_record(settings)).decode()
    assert secret not in logged + str(waited) + str(job)


def test_nothing_is_done_that_cannot_be_put_on_record(tmp_path: Path) -> None:
    settings = service_settings(tmp_path)

    async def refused() -> tuple[int, dict[str, object], int]:
        async with running_service(settings) as (client, _):
            folder = settings.audit_log_folder
            aside = folder.rename(folder.with_name("aside"))
            folder.write_bytes(b"no folder")
            answer = await client.post("/v1/analyses", files={"image": IMAGE})
            folder.unlink()
            aside.rename(folder)
            good = await client.post("/v1/analyses", files={"image": IMAGE})
            return answer.status_code, answer.json(), good.status_code

    status, problem, afterwards = asyncio.run(refused())
    assert (status, afterwards) == (503, 201)
    assert problem["type"] == "urn:petroserve:problem:audit-unavailable"
    assert str(tmp_path) not in str(problem)
    kept = list((settings.artefacts_folder / "analyses").iterdir())
    assert [path.name for path in kept] == [
        one.subject for one in on_record(settings) if one.event == "analysis.made"
    ]


def test_a_service_without_an_audit_log_writes_none(tmp_path: Path) -> None:
    settings = service_settings(tmp_path, audit=False)
    assert asyncio.run(analysed(settings, {}))[0] == 201
    assert not settings.audit_log_folder.exists()


def test_a_log_that_cannot_be_added_to_is_found_before_the_start(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"no folder")
    with pytest.raises(ConfigurationError, match="PETROSERVE_AUDIT_FOLDER"):
        Auditing(Settings(audit_folder=tmp_path / "log")).require_usable()
    Auditing(Settings(audit_folder=tmp_path / "log", audit=False)).require_usable()
    Auditing(Settings(audit_folder=tmp_path / "another")).require_usable()


def test_keys_and_reviews_of_the_command_line_are_on_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PETROSERVE_AUDIT_FOLDER", str(tmp_path / "log"))
    key = made_keys(tmp_path / "keys.json", capsys)
    key_id = key.split("_")[1]
    assert run("keys", "revoke", key_id, "--keys-file", tmp_path / "keys.json") == 0
    write_model(tmp_path / "models")
    (tmp_path / "image.png").write_bytes(IMAGE)
    command = ["analyse", tmp_path / "image.png", "--models", tmp_path / "models"]
    assert run(*command, "--outputs", "modal.csv", "--out", tmp_path / "out") == 0
    review = ["lims", "review", tmp_path / "out" / "result.json", "--status", "rejected"]
    why = ["--reviewer", "Grace", "--reason", "blurred", "--out", tmp_path / "v2.json"]
    assert run(*review, *why) == 0

    entries = list(entries_of(tmp_path / "log"))
    assert [one.event for one in entries] == ["key.created", "key.revoked", "result.reviewed"]
    assert [one.subject for one in entries[:2]] == [key_id, key_id]
    assert entries[2].facts["reviewer"] == "Grace"
    assert entries[2].facts["result_sha256"] == sha256_hex((tmp_path / "v2.json").read_bytes())
    assert key not in (tmp_path / "log").joinpath("audit-000000000000000001.jsonl").read_text()


def test_the_log_is_shown_and_verified_by_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = AuditLog(tmp_path / "log", fsync=False)
    for number in range(4):
        log.record("analysis.made", subject=f"a{number}")
    folder = ("--folder", tmp_path / "log")

    assert run("audit", "head", *folder) == 0
    anchor = capsys.readouterr().out.strip()
    assert anchor.startswith("4:")
    assert run("audit", "verify", *folder, "--anchor", anchor) == 0
    assert capsys.readouterr().out.strip() == f"4 entries are whole; the last is {anchor}"
    assert run("audit", "show", *folder, "--analysis", "a2") == 0
    (shown,) = capsys.readouterr().out.splitlines()
    assert '"subject":"a2"' in shown
    assert run("audit", "show", *folder, "--event", "key.created") == 0
    assert run("audit", "show", *folder, "--tenant", "lab") == 0
    assert capsys.readouterr().out == ""

    (file,) = (tmp_path / "log").glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:3]))
    assert run("audit", "verify", *folder) == 0
    assert run("audit", "verify", *folder, "--anchor", anchor) == 1
    assert "its tail was cut off" in capsys.readouterr().out
    file.write_bytes(b"".join([lines[0], *lines[2:]]))
    assert run("audit", "verify", *folder) == 1
    assert "broken after 1 entries: audit-000000000000000001.jsonl:2:" in capsys.readouterr().out
    first = next(iter(entries_of(tmp_path / "log"))).anchor
    file.write_bytes(b"".join(lines[1:]))
    file.rename(file.with_name("audit-000000000000000002.jsonl"))
    assert run("audit", "verify", *folder, "--from", first) == 0
    assert run("audit", "verify", "--folder", tmp_path / "nothing") == 2


@pytest.mark.anyio
async def test_what_is_removed_to_make_room_is_on_record(tmp_path: Path) -> None:
    settings = service_settings(tmp_path, artefacts_max_count=1)
    async with running_service(settings) as (client, _):
        made = [await client.post("/v1/analyses", files={"image": IMAGE}) for _ in range(2)]
        gone = await client.get(made[0].headers["location"])
    assert gone.status_code == 404

    entries = list(entries_of(settings.audit_log_folder))
    (removed,) = (one for one in entries if one.event == "result.removed")
    assert removed.subject == made[0].json()["id"]
    assert removed.facts == {"kind": "analyses", "tenant": None}

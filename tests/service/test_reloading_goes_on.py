"""The models folder is followed for ever, whatever stood in the way of one look."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from petrography.errors import AuditUnavailableError
from service.engine.reloading import Reloading
from service.repository import Changes, FolderWatch
from tests.http_service import running_service, settings_for
from tests.tiny_model import write_model

pytestmark = pytest.mark.anyio

WITHIN_S = 20.0


class ScriptedWatch(FolderWatch):
    """A folder of which the test says what every look finds."""

    def __init__(self, *looks: Changes | Exception | None) -> None:
        self.looks = list(looks)

    def look(self, **_: bool) -> Changes | None:
        found = self.looks.pop(0) if self.looks else None
        if isinstance(found, Exception):
            raise found
        return found


def changes() -> Any:
    return object()


async def until(condition: Any) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.005)


async def test_what_could_not_be_put_on_record_is_taken_over_later() -> None:
    first, second = changes(), changes()
    watch, told, refusing = ScriptedWatch(first, second), [], [True]

    def take_over(found: Changes) -> None:
        told.append(found)
        if refusing[0]:
            raise AuditUnavailableError("the audit log takes no entry (disk full)")

    reloading = Reloading(watch, 0.01, take_over)
    reloading.begin()
    await until(lambda: len(told) >= 2)
    assert set(told) == {first}
    assert reloading.problem is not None
    assert "disk full" in reloading.problem
    refusing[0] = False
    await until(lambda: second in told)
    await until(lambda: reloading.problem is None)
    await reloading.end()


async def test_a_failing_look_and_a_failing_take_over_are_followed_by_others() -> None:
    first, second = changes(), changes()
    watch, told = ScriptedWatch(ZeroDivisionError("look"), first, second), []

    def take_over(found: Changes) -> None:
        told.append(found)
        if found is first:
            raise ZeroDivisionError("take over")

    reloading = Reloading(watch, 0.01, take_over)
    reloading.begin()
    await until(lambda: second in told)
    await until(lambda: reloading.problem is None)
    assert told == [first, second]
    await reloading.end()


async def test_a_service_without_room_for_its_audit_switches_when_there_is(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(model_folder, tmp_path, models_reload_s=0.05)
    async with running_service(settings) as (client, engine):
        recorded = engine.audit.model_loaded

        def refused(*_: object) -> None:
            raise AuditUnavailableError("the audit log takes no entry (disk full)")

        monkeypatch.setattr(engine.audit, "model_loaded", refused)
        write_model(model_folder, version=2)
        await until(lambda: engine.readiness.models_problem is not None)
        listed = (await client.get("/v1/models")).json()
        assert "disk full" in listed["problem"]
        assert [model.card.version for model in engine.repository] == [1]

        monkeypatch.setattr(engine.audit, "model_loaded", recorded)
        await until(lambda: [one.card.version for one in engine.repository] == [1, 2])
        await until(lambda: engine.readiness.models_problem is None)

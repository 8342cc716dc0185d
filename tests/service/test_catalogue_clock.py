"""The numbers of changes, with a clock that is set back, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from service.catalogue import Catalogue, NewAnalysis
from service.jobs.watching import Change, changes_of, number_of

ASKED = NewAnalysis("lab", "SEC-1", None, "a" * 64, "tiny:1", "interactive", False, "{}")
KEYED = replace(ASKED, idempotency_key="k")


def test_changes_are_told_in_their_order_though_the_clock_is_set_back(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = iter(range(100, 0, -1))
    clock = SimpleNamespace(time_ns=lambda: next(hours) * 3_600_000_000_000)
    analysis_id = catalogue.begin(ASKED).analysis_id
    numbers = [number_of(catalogue.get("lab", analysis_id))]
    first = numbers[0]
    monkeypatch.setattr("service.catalogue.rows.time", clock)
    for change in (
        lambda: catalogue.note(analysis_id, state="running", stage="tiles"),
        lambda: catalogue.claim(analysis_id),
        lambda: catalogue.release(analysis_id),
        lambda: catalogue.note(analysis_id, state="done", version=1),
        lambda: catalogue.note(analysis_id, state="done", status="final", version=2),
    ):
        change()
        numbers.append(number_of(catalogue.get("lab", analysis_id)))

    assert numbers == sorted(set(numbers))
    told = asyncio.run(told_after(first, catalogue, analysis_id))
    assert [change and change.record.state for change in told] == ["done"]


async def told_after(number: int, catalogue: Catalogue, analysis_id: str) -> list[Change | None]:
    changes = changes_of(lambda: catalogue.get("lab", analysis_id), after=number)
    return [change async for change in changes]


def test_what_is_begun_again_is_told_though_the_clock_is_set_back(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = catalogue.begin(KEYED)
    catalogue.note(begun.analysis_id, state="cancelled")
    before = number_of(catalogue.get("lab", begun.analysis_id))
    monkeypatch.setattr("service.catalogue.rows.time", SimpleNamespace(time_ns=lambda: 10**15))

    assert catalogue.begin(KEYED).taken_over
    assert number_of(catalogue.get("lab", begun.analysis_id)) > before

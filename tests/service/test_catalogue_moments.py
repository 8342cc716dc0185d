"""Records whose writers have other clocks, or came too late: nothing is lost or told backwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from service.catalogue import Catalogue, NewAnalysis
from service.jobs import changes_of, number_of
from tests.databases import fresh_postgresql, sqlite_url

ASKED = NewAnalysis("lab", "SEC-1", None, "a" * 64, "tiny:1", "interactive", False, "{}")
REFUSED = {"type": "urn:petroserve:problem:internal-error", "status": 500}
A_SECOND_US = 1_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
def catalogue(
    request: pytest.FixtureRequest, tmp_path: Path, open_catalogue: Callable[[str], Catalogue]
) -> Catalogue:
    if request.param == "sqlite":
        return open_catalogue(sqlite_url(tmp_path))
    return open_catalogue(fresh_postgresql(request.getfixturevalue("postgresql")))


def test_the_last_change_is_told_also_where_its_clock_is_behind(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = catalogue.begin(ASKED).analysis_id
    catalogue.note(one, state="running", stage="decode")
    heard = number_of(catalogue.get("lab", one))
    # The clock of another machine, or of this one after it was set.
    for module in ("noting", "claims"):
        monkeypatch.setattr(f"service.catalogue.{module}.now_us", lambda: heard - A_SECOND_US)
    numbers = [heard]

    assert catalogue.claim(one)
    numbers.append(number_of(catalogue.get("lab", one)))
    catalogue.release(one)
    numbers.append(number_of(catalogue.get("lab", one)))
    assert catalogue.note(one, state="cancelled")
    numbers.append(number_of(catalogue.get("lab", one)))

    async def told() -> list[str]:
        changes = changes_of(lambda: catalogue.get("lab", one), after=heard)
        return [change.record.state async for change in changes if change is not None]

    assert asyncio.run(told()) == ["cancelled"]
    assert numbers == sorted(set(numbers))


def test_a_result_that_is_kept_is_done_also_where_its_process_was_given_up(
    catalogue: Catalogue,
) -> None:
    one = catalogue.begin(ASKED).analysis_id
    assert catalogue.note(one, state="failed", problem=REFUSED)
    assert not catalogue.note(one, state="done")

    assert catalogue.note(one, state="done", status="preliminary", version=1)

    record = catalogue.get("lab", one)
    assert (record.state, record.status, record.problem) == ("done", "preliminary", None)
    cancelled = catalogue.begin(ASKED).analysis_id
    assert catalogue.note(cancelled, state="cancelled")
    assert not catalogue.note(cancelled, state="done", version=1)


def test_a_cancellation_is_still_to_be_put_on_record(catalogue: Catalogue) -> None:
    one = catalogue.begin(ASKED).analysis_id
    assert catalogue.note(one, state="cancelled", problem=REFUSED, recorded=False)
    cancelled = catalogue.get("lab", one)
    # Whoever works on it may not have heard of it yet.
    catalogue.beat(one)

    assert [catalogue.take_to_record(one) for _ in range(2)] == [True, False]
    assert catalogue.get("lab", one) == cancelled

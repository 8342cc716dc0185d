"""Cancellations in the catalogue: once, for good, and on record, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from service.catalogue import Catalogue, NewAnalysis

ASKED = NewAnalysis("lab", "SEC-1", None, "a" * 64, "tiny:1", "interactive", False, "{}")
KEYED = replace(ASKED, idempotency_key="k")
CANCELLED = {"type": "urn:petroserve:problem:analysis-cancelled", "status": 409}


def test_a_cancellation_stays_as_it_was(catalogue: Catalogue) -> None:
    one = catalogue.begin(ASKED).analysis_id
    assert catalogue.note(one, state="cancelled", problem=CANCELLED)
    cancelled = catalogue.get("lab", one)

    assert not catalogue.note(one, state="cancelled", problem=CANCELLED)
    assert catalogue.get("lab", one) == cancelled


def test_what_its_client_left_can_be_cancelled_for_good(catalogue: Catalogue) -> None:
    one = catalogue.begin(KEYED).analysis_id
    assert catalogue.note(one, state="cancelled")
    assert not catalogue.note(one, state="cancelled")

    assert catalogue.note(one, state="cancelled", problem=CANCELLED)

    assert not catalogue.note(one, state="cancelled", problem=CANCELLED)
    assert not catalogue.begin(KEYED).fresh
    assert catalogue.get("lab", one).problem == CANCELLED


def test_a_cancellation_that_is_not_on_record_is_taken_over_once(catalogue: Catalogue) -> None:
    one = catalogue.begin(ASKED).analysis_id
    catalogue.leave_unrecorded(one)
    assert not catalogue.take_to_record(one)
    catalogue.note(one, state="cancelled", problem=CANCELLED)
    cancelled = catalogue.get("lab", one)
    assert not catalogue.take_to_record(one)

    catalogue.leave_unrecorded(one)

    assert [catalogue.take_to_record(one) for _ in range(2)] == [True, False]
    assert catalogue.get("lab", one) == cancelled

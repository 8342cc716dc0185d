"""What is noted of an analysis after it was given up or cancelled: nothing is lost."""

from __future__ import annotations

from service.catalogue import Catalogue, NewAnalysis

ASKED = NewAnalysis("lab", "SEC-1", None, "a" * 64, "tiny:1", "interactive", False, "{}")
REFUSED = {"type": "urn:petroserve:problem:internal-error", "status": 500}


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

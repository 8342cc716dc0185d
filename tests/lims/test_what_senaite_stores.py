"""What is exported ends as a stored number, and the checker says beforehand which."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.report import Result
from service.lims import (
    SampleInLims,
    check_two_dimension,
    lis2_message,
    reported,
    two_dimension_csv,
)
from tests.lims.painted_results import painted_result
from tests.lims.senaite_importers import import_lis2, import_two_dimension
from tests.lims.senaite_stand_in import Laboratory

SENT = datetime(2026, 11, 20, 22, 15, 30, tzinfo=UTC)


def laboratory() -> Laboratory:
    """Samples in several states, with analyses that take a number and others that do not."""
    held = Laboratory()
    held.add_sample("S1", "A:%", "B:%", "C:%", client_id="NORTH 7")
    held.add_sample("S2", "A:%", state="published")
    held.add_sample("S3", state="to_be_verified")
    held.add_analysis("S3", "A", review_state="assigned")
    held.add_analysis("S3", "B", Calculation="sum", InterimFields=[{"keyword": "I", "value": ""}])
    held.add_analysis("S1", "OLD", Result="7", review_state="to_be_verified")
    held.add_analysis("S1", "SEEN", Result="7", review_state="verified")
    held.add_analysis("S1", "TWICE")
    held.add_analysis("S1", "TWICE")
    return held


def known(held: Laboratory) -> dict[str, SampleInLims]:
    """The same as the checker asks for it."""
    analyses = [one for one in held.items.values() if one["portal_type"] == "Analysis"]
    return {
        sample["id"]: SampleInLims(
            sample["review_state"],
            tuple(
                (one["Keyword"], one["review_state"], bool(one["Result"]))
                for one in analyses
                if one["getRequestID"] == sample["id"]
            ),
            frozenset(
                one["Keyword"]
                for one in analyses
                if one["getRequestID"] == sample["id"] and one.get("Calculation")
            ),
        )
        for sample in held.items.values()
        if sample["portal_type"] == "AnalysisRequest"
    }


def foretold(text: str, held: Laboratory) -> list[tuple[tuple[str, str], float]]:
    verdicts = check_two_dimension(text, known(held))
    return [
        ((one.sample, one.keyword), one.value)
        for one in verdicts
        if one.outcome == "taken" and one.value is not None
    ]


CASES = [
    ",A,B,end\nS1,1.5,2,\nend,,,\n",
    ",A,B,end\r\nS1,1.5,2,\r\n",
    "title\n,A,end\nS1,1,\n",
    "A,B\nS1,1\n",
    "",
    ",A,end\nS1,1.5\n",
    ",A,B,end\nS1,1.5,2\n",
    ",A,end\nS1,,\n",
    ",A,end\nS1,ND,\n",
    ",A,end\nS1,nd,\n",
    ",A,end\nS1,--,\n",
    ",A,end\nS1,--3,\n",
    ",A,end\nS1,-3,\n",
    ",A,end\nS1,0,\n",
    ",A,end\nS1,<0.1,\n",
    ",A,end\nS1,1_0,\n",
    ",A,end\nS1,\u0663,\n",
    ",A,end\nS1,+.5e1,\n",
    ",A,end\nS1,1e999,\n",
    ",A,end\nS1,0,5,\n",
    ',A,end\nS1,"1.5",\n',
    ",A,end\n,1,\n",
    ",A,end\nend-1,1,\n",
    ",A,end\nS2,1,\n",
    ",A,B,end\nS3,1,2,\n",
    ",I,end\nS3,1,\n",
    ",A,end\nS9,1,\n",
    ",OLD,SEEN,TWICE,NONE,A,end\nS1,1,2,3,4,5,\n",
    ",A,end\nS1,1,\nS1,2,\n",
    ",A,B,end\nS1,1,,\nS1,2,3,\n",
    ",A,B,end\nS1,<1,2,\nS1,3,4,\n",
]


@pytest.mark.parametrize("text", CASES)
def test_what_the_checker_says_is_what_is_stored(text: str) -> None:
    held = laboratory()
    said = foretold(text, held)
    log = import_two_dimension(held.items, text)
    assert said == [(place, pytest.approx(float(value))) for place, value in log.stored.items()]
    for (sample, keyword), value in log.stored.items():
        one = held.analysis(sample, keyword)
        assert (one["Result"], one["review_state"]) == (value, "to_be_verified")
    complaints = [one for one in check_two_dimension(text, known(laboratory())) if one.why]
    doubtful = {one.outcome for one in complaints} & {"error", "warning"}
    assert doubtful or not (log.errors or log.warnings), "nothing is refused without a word"


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["S1", "S3", "1", "ND", "", "-2", "x", "0.5"]), max_size=5),
        max_size=4,
    )
)
def test_the_checker_says_what_is_stored_of_any_table(rows: list[list[str]]) -> None:
    text = ",A,B,C,end\n" + "".join(f"{','.join(row)}\n" for row in rows)
    held = laboratory()
    said = foretold(text, held)
    log = import_two_dimension(held.items, text)
    assert dict(said) == {place: float(value) for place, value in log.stored.items()}
    assert len(said) == len(log.stored)


def numbered(sample: str) -> Laboratory:
    held = Laboratory()
    services = (f"{one.keyword}:{one.unit}" for one in reported(painted_result(sample)))
    held.add_sample(sample, *services)
    return held


def test_every_number_of_an_exported_csv_is_stored() -> None:
    held, result = numbered("SEC-0001"), painted_result()
    log = import_two_dimension(held.items, two_dimension_csv([result]))
    assert (log.errors, log.warnings) == ([], [])
    wanted = {
        one.keyword: 0.0 if one.below_limit else float(one.number) for one in reported(result)
    }
    assert {place[1]: float(value) for place, value in log.stored.items()} == wanted


@pytest.mark.parametrize("sample", ["SEC-0001", "North/7 (b)"])
def test_every_number_of_a_pushed_message_is_stored(sample: str) -> None:
    held, result = numbered(sample), painted_result(sample, status="final")
    for one in reported(result):
        assert held.analysis(sample, one.keyword)["Result"] == ""
    answer = held.answer("POST", "push", {}, pushed(lis2_message(result, sent=SENT)))
    assert answer == (200, {"success": True})
    for one in reported(result):
        stored = held.analysis(sample, one.keyword)
        operand = "<" if one.below_limit else ""
        assert (stored["Result"], stored["DetectionLimitOperand"]) == (one.number, operand)
        assert stored["review_state"] == "to_be_verified"
        assert stored["ResultCaptureDate"] == "20261120210400", "when it was begun: R-12"


def pushed(message: str) -> dict[str, object]:
    """What `SenaiteClient.push` sends."""
    lines = message.replace("\r", "\n")
    return {"consumer": "senaite.lis2a.import", "messages": [lines]}


def test_records_that_end_as_on_a_line_are_no_results_to_senaite() -> None:
    held = numbered("SEC-0001")
    log = import_lis2(held.items, lis2_message(painted_result(status="final"), sent=SENT))
    assert (log.stored, log.errors) == ({}, []), "it answers as if all were well"


@pytest.mark.parametrize("sample", ["a|b^c&d\\e", "\u0428\u043b\u0438\u0444 7"])
def test_an_escaped_sample_is_not_found(sample: str) -> None:
    held, result = numbered(sample), painted_result(sample, status="final")
    log = import_lis2(held.items, as_lines(result))
    assert (log.stored, len(log.errors)) == ({}, len(reported(result)))


def as_lines(result: Result, sender: str = "Petroserve") -> str:
    return lis2_message(result, sent=SENT, sender=sender).replace("\r", "\n")


def test_the_section_of_a_sample_is_nobodys_sample() -> None:
    held, result = numbered("SEC-0001"), painted_result(status="final")
    assert result.sample.section == "A"
    next(one for one in held.items.values() if one.get("id") == "SEC-0001").update(
        review_state="verified"
    )
    held.add_sample("OTHER-7", *(f"{one.keyword}:" for one in reported(result)), client_id="A")
    log = import_lis2(held.items, as_lines(result))
    assert (log.stored, len(log.errors)) == ({}, len(reported(result)))


@pytest.mark.parametrize(
    ("status", "taken"), [("preliminary", True), ("corrected", True), ("rejected", False)]
)
def test_senaite_takes_what_is_not_final_unless_it_is_rejected(status: str, taken: bool) -> None:
    held = numbered("SEC-0001")
    log = import_lis2(held.items, as_lines(painted_result(status=status)))
    assert (bool(log.stored), log.errors, log.warnings) == (taken, [], [])


def test_a_message_is_passed_over_without_a_sample_and_read_once() -> None:
    held, final = numbered("SEC-0001"), painted_result(status="final")
    assert import_lis2(held.items, "").errors
    log = import_lis2(held.items, as_lines(painted_result("SEC-9", status="final")))
    assert (log.stored, len(log.errors)) == ({}, len(reported(final)))
    assert import_lis2(held.items, as_lines(final, sender="Other")).stored
    again = import_lis2(held.items, as_lines(final))
    assert (again.stored, len(again.errors)) == ({}, len(reported(final))), "no result twice"

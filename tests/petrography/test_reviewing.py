"""Which status follows which; a change makes the next version and loses nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import InvalidParameterError
from petrography.report import (
    TRANSITIONS,
    Result,
    Sample,
    result_json,
    result_schema,
    reviewed,
)
from petrography.report.review import Status
from tests.lims.painted_results import painted_result

AT = datetime(2026, 11, 20, 21, 4, tzinfo=UTC)
STATUSES = sorted(TRANSITIONS)
FIRST = painted_result()
OTHER_SCALE = painted_result(um_per_px=0.7)
SCHEMA = jsonschema.Draft202012Validator(result_schema())


def _other_than(result: Result) -> Result:
    return FIRST if result.scale == OTHER_SCALE.scale else OTHER_SCALE


def follow(result: Result, status: Status, *, minutes: int = 0) -> Result:
    """Change a status with all that the change wants."""
    return reviewed(
        result,
        status,
        reviewer="Grace",
        at=AT + timedelta(minutes=minutes),
        reason="another scale",
        content=_other_than(result) if status == "corrected" else None,
    )


def test_an_approval_is_version_two_with_reviewer_and_time() -> None:
    local = datetime(2026, 11, 20, 23, 4, tzinfo=timezone(timedelta(hours=2)))
    final = reviewed(FIRST, "final", reviewer=" Grace ", at=local)
    assert (final.version, final.status, final.id) == (2, "final", FIRST.id)
    (review,) = final.reviews
    assert (review.reviewer, review.reviewed_utc, review.version) == ("Grace", AT, 2)
    assert review.meaning == "reviewed and approved"
    assert (FIRST.version, FIRST.status, FIRST.reviews) == (1, "preliminary", ())
    assert final.modal == FIRST.modal


def test_a_correction_takes_the_numbers_and_keeps_id_and_history() -> None:
    other = painted_result(um_per_px=0.7, id="another")
    final = follow(FIRST, "final")
    corrected = reviewed(
        final, "corrected", reviewer="Grace", at=AT, reason="scale was wrong", content=other
    )
    assert (corrected.id, corrected.version, corrected.status) == (FIRST.id, 3, "corrected")
    assert corrected.scale is not None
    assert corrected.scale.um_per_px == 0.7
    assert [one.status for one in corrected.reviews] == ["final", "corrected"]
    assert corrected.reviews[-1].reason == "scale was wrong"
    assert [one.analysis for one in corrected.reviews] == [None, "another"]


def test_numbers_that_were_rejected_correct_nothing() -> None:
    rejected = reviewed(OTHER_SCALE, "rejected", reviewer="Grace", at=AT, reason="blurred")
    with pytest.raises(
        InvalidParameterError, match="is rejected, so that its numbers cannot stand"
    ):
        reviewed(
            follow(FIRST, "final"), "corrected", reviewer="Grace", at=AT, reason="scale",
            content=rejected,
        )  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("following", STATUSES)
def test_only_what_the_table_allows_follows(status: Status, following: Status) -> None:
    result = FIRST.model_copy(update={"status": status})
    if following in TRANSITIONS[status]:
        assert follow(result, following).status == following
    else:
        with pytest.raises(InvalidParameterError, match=f"a {status} result cannot become"):
            follow(result, following)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(STATUSES), max_size=6))
def test_any_series_of_reviews_is_counted_whole(wanted: list[Status]) -> None:
    result, made = FIRST, 0
    for minutes, status in enumerate(wanted):
        if status not in TRANSITIONS[result.status]:
            continue
        result, made = follow(result, status, minutes=minutes), made + 1
    assert result.version == 1 + made
    assert [one.version for one in result.reviews] == list(range(2, made + 2))
    assert Result.model_validate_json(result_json(result)) == result
    SCHEMA.validate(json.loads(result_json(result)))


@pytest.mark.parametrize(
    "reviewer",
    ["Ada", " ada ", "ADA", "\u200bAda", "A\u00adda", "Ａｄａ", "Ada\u3164", "\ufeffada\u00a0"],
)
def test_nobody_approves_an_analysis_of_their_own(reviewer: str) -> None:
    with pytest.raises(InvalidParameterError, match="made the analysis or its numbers; wanted"):
        reviewed(FIRST, "final", reviewer=reviewer, at=AT)


@pytest.mark.parametrize("reviewer", ["", "   ", "\u200b", "\u2800\u00a0", "\u3164"])
def test_nobody_is_no_reviewer(reviewer: str) -> None:
    named = painted_result(sample="S")
    unnamed = named.model_copy(update={"sample": Sample(id="S")})
    for result in (named, unnamed):
        with pytest.raises(InvalidParameterError, match="shows no name; wanted the name"):
            reviewed(result, "final", reviewer=reviewer, at=AT)


def test_nobody_takes_numbers_of_their_own() -> None:
    final = follow(FIRST, "final")
    own = OTHER_SCALE.model_copy(update={"sample": Sample(id="SEC-0001", operator="Grace")})
    with pytest.raises(InvalidParameterError, match="made the analysis or its numbers"):
        reviewed(final, "corrected", reviewer="Grace", at=AT, reason="scale", content=own)
    with pytest.raises(InvalidParameterError, match="operator and reviewer"):
        reviewed(
            final, "corrected", reviewer="Grace", at=AT, reason="scale",
            content=OTHER_SCALE, sample=Sample(operator="grace"),
        )  # fmt: skip


@pytest.mark.parametrize("operator", [None, "", "Edsger"])
def test_who_was_operator_once_never_reviews(operator: str | None) -> None:
    final = follow(FIRST, "final")
    other = OTHER_SCALE.model_copy(update={"sample": Sample(id="SEC-0001", operator="Niklaus")})
    by_other = reviewed(final, "corrected", reviewer="Grace", at=AT, reason="r", content=other)
    renamed = reviewed(
        by_other, "corrected", reviewer="Grace", at=AT, reason="r", sample=Sample(operator=operator)
    )
    assert renamed.sample.operator == operator
    assert renamed.reviews[-1].operators == ("Ada", "Niklaus")
    read = Result.model_validate_json(result_json(renamed))
    for reviewer in filter(None, ("Ada", "niklaus", operator)):
        with pytest.raises(InvalidParameterError, match="wanted another reviewer"):
            reviewed(read, "rejected", reviewer=reviewer, at=AT, reason="r")
    assert reviewed(read, "rejected", reviewer="Barbara", at=AT, reason="r").version == 5


def test_numbers_bring_those_who_made_them_along() -> None:
    made = OTHER_SCALE.model_copy(update={"sample": Sample(id="SEC-0001", operator="Niklaus")})
    renamed = reviewed(
        follow(made, "final"), "corrected", reviewer="Barbara", at=AT, reason="r",
        sample=Sample(operator=None),
    )  # fmt: skip
    final = follow(FIRST, "final")
    with pytest.raises(InvalidParameterError, match="wanted another reviewer"):
        reviewed(final, "corrected", reviewer="Niklaus", at=AT, reason="r", content=renamed)
    taken = reviewed(final, "corrected", reviewer="Grace", at=AT, reason="r", content=renamed)
    with pytest.raises(InvalidParameterError, match="wanted another reviewer"):
        reviewed(taken, "rejected", reviewer="Niklaus", at=AT, reason="r")


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_rejection_wants_a_reason(reason: str | None) -> None:
    with pytest.raises(InvalidParameterError, match="wants a reason"):
        reviewed(FIRST, "rejected", reviewer="Grace", at=AT, reason=reason)


def test_a_correction_and_only_it_wants_numbers() -> None:
    final = follow(FIRST, "final")
    with pytest.raises(InvalidParameterError, match="a correction comes with"):
        reviewed(final, "corrected", reviewer="Grace", at=AT, reason="why")
    with pytest.raises(InvalidParameterError, match="a correction comes with"):
        reviewed(FIRST, "final", reviewer="Grace", at=AT, content=FIRST)
    for unnamed in (FIRST, painted_result(None)):
        named = "sample SEC-0001" if unnamed is FIRST else "no named sample"
        with pytest.raises(InvalidParameterError, match=f"OTHER, the result of {named}; wanted"):
            reviewed(
                follow(unnamed, "final"), "corrected", reviewer="Grace", at=AT, reason="why",
                content=painted_result("OTHER"),
            )  # fmt: skip
    with pytest.raises(InvalidParameterError, match="is of sample OTHER"):
        reviewed(
            final, "corrected", reviewer="Grace", at=AT, reason="why",
            content=painted_result("OTHER"),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "sample"),
    [
        (None, Sample()),
        (None, Sample(id="SEC-0001")),
        (FIRST, None),
        (FIRST.model_copy(update={"id": "a copy"}), Sample(id="SEC-0001", section="A")),
    ],
)
def test_a_correction_changes_something(content: Result | None, sample: Sample | None) -> None:
    final = follow(FIRST, "final")
    for by in (content, content and follow(content, "final")):
        with pytest.raises(InvalidParameterError, match="changes nothing"):
            reviewed(
                final, "corrected", reviewer="Grace", at=AT, reason="r", content=by, sample=sample
            )


def test_times_have_a_zone_and_do_not_go_back() -> None:
    with pytest.raises(InvalidParameterError, match="no time zone"):
        reviewed(FIRST, "final", reviewer="Grace", at=AT.replace(tzinfo=None))
    final = follow(FIRST, "final", minutes=5)
    with pytest.raises(InvalidParameterError, match="before that of"):
        follow(final, "rejected")

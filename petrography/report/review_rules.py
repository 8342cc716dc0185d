"""Which status follows which, and the next version of a result; nothing is ever written over.

::

    preliminary -> final | rejected
    final       -> corrected | rejected
    corrected   -> corrected | rejected
    rejected       (for good: a new analysis takes its place)
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import ValidationError

from petrography.errors import InvalidParameterError, field_problems
from petrography.report.person_names import comparable_name
from petrography.report.result import Result, Sample
from petrography.report.review import Review, Status

__all__ = ["TRANSITIONS", "reviewed"]

TRANSITIONS: dict[Status, tuple[Status, ...]] = {
    "preliminary": ("final", "rejected"),
    "final": ("corrected", "rejected"),
    "corrected": ("corrected", "rejected"),
    "rejected": (),
}
_MEANINGS: dict[Status, str] = {
    "final": "reviewed and approved",
    "corrected": "correction reviewed and approved",
    "rejected": "not valid",
}
_NEEDS_REASON = {"corrected", "rejected"}


def reviewed(
    result: Result,
    status: Status,
    *,
    reviewer: str,
    at: datetime,
    reason: str | None = None,
    content: Result | None = None,
    sample: Sample | None = None,
    tenant: str | None = None,
    key_id: str | None = None,
) -> Result:
    """Make the next version of a result, with another status.

    Parameters
    ----------
    result : Result
        The version that stands; it is not changed.
    status : str
        The new status.
    reviewer : str
        Who vouches for it: another than the operators of all versions, the new one among them, and
        of the analysis whose numbers stand. Names are compared by `comparable_name`.
    at : datetime
        When, with a time zone.
    reason : str, optional
        Why; a correction and a rejection want one.
    content : Result, optional
        For a correction, and only for it: the analysis whose numbers stand from now on.
    sample : Sample, optional
        For a correction, and only for it: the fields of the sample that were wrong, as they should
        be; those that were not set stay.
    tenant, key_id : str, optional
        Who asked, as the service knows it; the reviewer is whom they name.

    Returns
    -------
    Result
        Version n + 1 under the same id, with one more entry in `reviews`.

    Raises
    ------
    InvalidParameterError
        If the status cannot follow, the reviewer is nobody or who made the analysis, the time is
        before the last review or without a zone, or reason, content or sample are missing or
        too many, or the content was rejected or is what stands already.

    References
    ----------
    ISO/IEC 17025:2017, 7.8.8 (amended reports) and 7.11.3; 21 CFR 11.10(e) and 11.50.
    """
    _require_allowed(result, status, reviewer, reason)
    _require_later(result, at)
    numbers = _numbers(result, status, content, sample)
    operators = _operators(result, content or result)
    _require_other(reviewer, operators, numbers.sample.operator)
    version = result.version + 1
    try:
        review = Review(
            status=status,
            version=version,
            reviewer=reviewer.strip(),
            reviewed_utc=at.astimezone(UTC),
            meaning=_MEANINGS[status],
            reason=reason,
            tenant=tenant,
            key_id=key_id,
            analysis=None if content is None else content.id,
            operators=operators,
        )
    except ValidationError as error:
        msg = f"the review cannot be written: {field_problems(error)}"
        raise InvalidParameterError(msg) from None
    history = {"version": version, "status": status, "reviews": (*result.reviews, review)}
    return numbers.model_copy(update={"id": result.id, **history})


def _require_allowed(result: Result, status: Status, reviewer: str, reason: str | None) -> None:
    following = TRANSITIONS[result.status]
    if status not in following:
        wanted = " or ".join(following) or "none: a new analysis takes the place of a rejected one"
        msg = f"a {result.status} result cannot become {status}; wanted {wanted}"
        raise InvalidParameterError(msg)
    if not comparable_name(reviewer):
        msg = f"the reviewer is {reviewer!r}, which shows no name; wanted the name of a person"
        raise InvalidParameterError(msg)
    if status in _NEEDS_REASON and not (reason or "").strip():
        msg = f"a result that is {status} wants a reason"
        raise InvalidParameterError(msg)


def _require_later(result: Result, at: datetime) -> None:
    if at.tzinfo is None:
        msg = f"the time of the review, {at}, has no time zone"
        raise InvalidParameterError(msg)
    if result.reviews and at < result.reviews[-1].reviewed_utc:
        msg = f"the review is of {at}, before that of {result.reviews[-1].reviewed_utc}"
        raise InvalidParameterError(msg)


def _numbers(
    result: Result, status: Status, content: Result | None, sample: Sample | None
) -> Result:
    """The result whose numbers stand from now on."""
    if (content is not None or sample is not None) != (status == "corrected"):
        msg = (
            "a correction comes with another analysis, whose numbers stand from now on, or with "
            "fields of the sample that were wrong; wanted one of them for status corrected, and "
            f"for no other; the status is {status}"
        )
        raise InvalidParameterError(msg)
    if content is not None and content.status == "rejected":
        msg = (
            f"analysis {content.id} is rejected, so that its numbers cannot stand; wanted one that "
            "is not"
        )
        raise InvalidParameterError(msg)
    changes = {} if sample is None else sample.model_dump(exclude_unset=True)
    numbers = result if content is None else content
    if "id" not in changes and numbers.sample.id != result.sample.id:
        msg = (
            f"the correction is of {_told(numbers)}, the result of {_told(result)}; wanted an "
            "analysis of the same sample, or sample.id among the fields that were wrong"
        )
        raise InvalidParameterError(msg)
    following = numbers.model_copy(update={"sample": numbers.sample.model_copy(update=changes)})
    if status == "corrected" and _unreviewed(following) == _unreviewed(result):
        msg = (
            "the correction changes nothing: numbers and sample are those that stand; wanted "
            "another analysis, or fields of the sample that were wrong"
        )
        raise InvalidParameterError(msg)
    return following


def _told(result: Result) -> str:
    return "no named sample" if result.sample.id is None else f"sample {result.sample.id}"


def _unreviewed(result: Result) -> Result:
    """What two versions have to differ in: all but the reviews, and the id, which stays."""
    history = {"id": "", "version": 1, "status": "preliminary", "reviews": ()}
    return result.model_copy(update=history)


def _operators(*results: Result) -> tuple[str, ...]:
    """Name once who made results, with those in whose place a correction put others."""
    first: dict[str, str] = {}
    for result in results:
        earlier = (name for review in result.reviews for name in review.operators)
        for name in (*earlier, result.sample.operator or ""):
            first.setdefault(comparable_name(name), name)
    first.pop("", None)
    return tuple(first.values())


def _require_other(reviewer: str, before: tuple[str, ...], after: str | None) -> None:
    """Refuse a reviewer who made one of the versions, or would have made the next one."""
    name = comparable_name(reviewer)
    if name in map(comparable_name, before):
        msg = f"{reviewer!r} made the analysis or its numbers; wanted another reviewer"
        raise InvalidParameterError(msg)
    if name == comparable_name(after):
        msg = f"{reviewer!r} would be operator and reviewer; wanted another reviewer"
        raise InvalidParameterError(msg)

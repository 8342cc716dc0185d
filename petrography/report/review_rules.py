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
from petrography.report.result import Result
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
        Who vouches for it: another than who made the analysis.
    at : datetime
        When, with a time zone.
    reason : str, optional
        Why; a correction and a rejection want one.
    content : Result, optional
        For a correction, and only for it: the analysis whose numbers stand from now on.
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
        before the last review or without a zone, or reason or content are missing or too many.

    References
    ----------
    ISO/IEC 17025:2017, 7.8.8 (amended reports) and 7.11.3; 21 CFR 11.10(e) and 11.50.
    """
    _require_allowed(result, status, reviewer, reason)
    _require_later(result, at)
    numbers = _numbers(result, status, content)
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
    operator = result.sample.operator or ""
    if reviewer.strip().casefold() == operator.strip().casefold():
        msg = f"{reviewer or 'nobody'} made the analysis; wanted another reviewer"
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


def _numbers(result: Result, status: Status, content: Result | None) -> Result:
    """The result whose numbers stand from now on."""
    if (content is not None) != (status == "corrected"):
        msg = "a correction, and nothing else, comes with the analysis whose numbers stand now"
        raise InvalidParameterError(msg)
    if content is None:
        return result
    if content.sample.id != result.sample.id:
        msg = f"the correction is of sample {content.sample.id}, the result of {result.sample.id}"
        raise InvalidParameterError(msg)
    return content

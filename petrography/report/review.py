"""Who gave a result its status, when, and what for: entries of result.json."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

__all__ = ["Review", "Status"]

Status = Literal["preliminary", "final", "corrected", "rejected"]
_Text = Annotated[str, Field(min_length=1, max_length=256)]


class Review(BaseModel):
    """One change of the status of a result; what stood before is the version before."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    status: Status
    """From now on."""
    version: Annotated[int, Field(ge=2)]
    """Of the result that this change made."""
    reviewer: _Text
    """As stated by who asked: a name, which is not checked."""
    reviewed_utc: AwareDatetime
    meaning: _Text
    """What the reviewer vouches for (21 CFR 11.50)."""
    reason: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """Why a result was corrected or rejected."""
    tenant: str | None = None
    """Of the API key or token that the review was asked with; null without keys."""
    key_id: str | None = None
    """Public part of that key, or the subject of the token; null without keys."""
    analysis: str | None = None
    """Id of the analysis whose numbers a correction took; null where they stayed."""
    operators: tuple[str, ...] = ()
    """Who made what was reviewed: operators of this and of all earlier versions, and of the analysis
    whose numbers a correction takes. None of them reviews a later version."""

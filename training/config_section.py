"""What the sections of a run's configuration have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from petrography.model_input import MAX_FACTOR, MIN_FACTOR

__all__ = ["Factor", "Positive", "Section", "Seed", "Share"]

Positive = Annotated[float, Field(gt=0.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
# As far as the service resamples; a slip of the pen beyond it asks for all the memory there is.
Factor = Annotated[float, Field(ge=MIN_FACTOR, le=MAX_FACTOR)]
# What torch takes.
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]


class Section(BaseModel):
    """Frozen, without fields that nobody knows, and of finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

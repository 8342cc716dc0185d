"""What the parts of the card are built of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Frozen", "Name", "Precision"]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Precision = Literal["float32", "float16", "int8"]


class Frozen(BaseModel):
    """Never changes once it is made, and has no fields but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

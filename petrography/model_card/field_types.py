"""What the parts of the card are built of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Fraction", "Frozen", "Name", "Percent", "Positive", "Precision", "Sha256"]

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Percent = Annotated[float, Field(ge=0.0, le=100.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Precision = Literal["float32", "float16", "int8"]


class Frozen(BaseModel):
    """Never changes once it is made, and has no fields but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

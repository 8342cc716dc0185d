"""Numbers and digests as fields of stored documents: each with its limits, none NaN or infinite."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

__all__ = [
    "Code",
    "Count",
    "Finite",
    "Fraction",
    "NotNegative",
    "Percent",
    "PercentagePoints",
    "Positive",
    "Sha256",
]

Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0.0, le=100.0, allow_inf_nan=False)]
# One percentage less another.
PercentagePoints = Annotated[float, Field(ge=-100.0, le=100.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
# Of a phase in a label image; 255 is "not annotated" and is no phase.
Code = Annotated[int, Field(ge=0, le=254)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

"""What the parts of the card are built of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

__all__ = ["Name", "Precision"]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Precision = Literal["float32", "float16", "int8"]

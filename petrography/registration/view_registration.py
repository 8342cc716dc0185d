"""How a view lies over the reference, as it is kept and sent."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from petrography.registration.consensus import Model
from petrography.registration.geometry import Matrix

__all__ = ["Method", "Rounded", "Row", "ViewRegistration", "identity", "rows_of"]

Method: TypeAlias = Literal["key points", "correlation", "carried", "reference"]

# Sums differ in their last digits with where in memory an image lies. These digits are kept: far
# more than are known, and a shift of 0.0001 px over the largest image.
_DIGITS, _LINEAR_DIGITS = 4, 8


def _rounded(value: float) -> float:
    # Adding 0 takes the sign from a negative zero.
    return round(value, _DIGITS) + 0.0


def _rounded_row(row: tuple[float, float, float]) -> tuple[float, float, float]:
    a, b, shift_px = row
    return round(a, _LINEAR_DIGITS) + 0.0, round(b, _LINEAR_DIGITS) + 0.0, _rounded(shift_px)


Rounded: TypeAlias = Annotated[float, AfterValidator(_rounded)]
Row: TypeAlias = Annotated[tuple[float, float, float], AfterValidator(_rounded_row)]


class ViewRegistration(BaseModel):
    """How a view lies over the reference, and how well that is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    matrix: tuple[Row, Row] = Field(
        description="2x3; takes (x, y, 1) of this view to (x, y) of the reference; x is the "
        "column, y the row, the centre of the first pixel is (0, 0)"
    )
    model: Model = Field(description="similarity, or affine where it earned its two parameters")
    method: Method = Field(
        description="what was matched: key points; blocks found by correlation; carried over "
        "from the PPL view of the same stage angle; or the reference itself"
    )
    rmse_px: Rounded = Field(
        ge=0,
        description="root mean square of the symmetric transfer error (forth and back) of the "
        "inliers after refinement; the error of the matrix itself is smaller",
    )
    inliers: int = Field(ge=0, description="matched points, or blocks, that agree on the matrix")
    inlier_fraction: Rounded = Field(ge=0, le=1, description="of all matched points, or blocks")
    overlap_fraction: Rounded = Field(ge=0, le=1, description="share of the reference covered")
    correlation: Rounded = Field(ge=-1, le=1, description="of local structure over the overlap")
    rotation_deg: Rounded = Field(description="of the view to the reference, from x towards y")
    carried_by: str | None = Field(default=None, description="PPL view whose matrix it is")

    def as_matrix(self) -> Matrix:
        """Give the matrix as float64, shape (2, 3)."""
        return np.array(self.matrix, dtype=np.float64)


def rows_of(matrix: Matrix) -> tuple[Row, Row]:
    """Write a 2x3 matrix as plain numbers."""
    (a, b, c), (d, e, f) = matrix.tolist()
    return (a, b, c), (d, e, f)


def identity(name: str) -> ViewRegistration:
    """Describe the reference itself."""
    return ViewRegistration(
        name=name,
        matrix=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        model="similarity",
        method="reference",
        rmse_px=0.0,
        inliers=0,
        inlier_fraction=1.0,
        overlap_fraction=1.0,
        correlation=1.0,
        rotation_deg=0.0,
    )

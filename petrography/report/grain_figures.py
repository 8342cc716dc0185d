"""The figures of the grains of one mineral in result.json, beyond count and area."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from petrography.field_types import Count, Finite, NotNegative, Percent
from petrography.stored_documents import Document

__all__ = [
    "AstmNumbers",
    "ChordEntry",
    "ChordSizes",
    "EdgeCorrectedEntry",
    "InterceptEntry",
    "ShapeEntry",
    "SieveEntry",
    "Sizes",
    "TouchingEntry",
]


class Sizes(Document):
    """Equivalent circle diameters below which 20, 50 and 80 % lie, of number and of area."""

    number_p20: NotNegative
    number_p50: NotNegative
    number_p80: NotNegative
    area_p20: NotNegative
    area_p50: NotNegative
    area_p80: NotNegative


class EdgeCorrectedEntry(Document):
    """Sizes with the edge correction of Miles and Lantuéjoul."""

    count: Count
    """Grains that do not touch the edge of the image, or of what is annotated: the only ones in
    these figures."""
    estimated_count: NotNegative
    """Grains that an area as large as the image has."""
    ecd_px: Sizes
    ecd_um: Sizes | None


class ShapeEntry(Document):
    """Medians over the grains of a mineral."""

    perimeter_px: NotNegative
    perimeter_um: NotNegative | None
    feret_max_px: NotNegative
    feret_max_um: NotNegative | None
    feret_min_px: NotNegative
    feret_min_um: NotNegative | None
    aspect_ratio: Annotated[float, Field(ge=1.0, allow_inf_nan=False)]
    circularity: NotNegative
    solidity: Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]


class SieveEntry(Document):
    """Grains with lower < diameter <= upper, in um with a scale, else in px."""

    lower: NotNegative | None
    upper: NotNegative | None
    count: Count
    area_percent: Percent
    passing_percent: Percent
    """Area of all grains up to `upper`."""


class ChordSizes(Document):
    """Lengths up to which chords make up 20, 50 and 80 %, of their number and of their length."""

    number_p20: NotNegative
    number_p50: NotNegative
    number_p80: NotNegative
    length_p20: NotNegative
    length_p50: NotNegative
    length_p80: NotNegative


class ChordEntry(Document):
    """Distribution of the intercepts that lie whole in the image, of rows and columns together."""

    count: Count
    """Chords in these figures."""
    whole_percent: Percent
    """Share of all lines in the mineral that is in them; the others are cut by the edge."""
    chord_px: ChordSizes
    chord_um: ChordSizes | None


class InterceptEntry(Document):
    """Mean intercept lengths; null in a direction in which none ends inside the image."""

    horizontal_px: NotNegative | None
    vertical_px: NotNegative | None
    mean_px: NotNegative | None
    mean_um: NotNegative | None
    chords: ChordEntry | None = None
    """None where the edge of the image cuts every intercept."""


class AstmNumbers(Document):
    """Grain size numbers G of ASTM E112, of the components of one mineral."""

    from_intercept: Finite | None
    from_count: Finite | None


class TouchingEntry(Document):
    """Touching grains of one mineral, told apart by a watershed."""

    particles: Count
    """Parts of all grains; a grain that is not divided is one."""
    divided: Count
    """Grains that fall into two parts or more."""
    too_large: Count
    """Grains above the largest size that is divided; they stay whole."""
    ecd_px: Sizes | None
    ecd_um: Sizes | None

"""What the figures of grains mean, printed with them."""

from __future__ import annotations

from petrography.statistics.size_distributions import FEWEST_ABOVE_P80, RESAMPLES
from petrography.statistics.touching_grains import LARGEST_CROP_PX, MAXIMUM_FRACTION

__all__ = ["of_grains"]


def of_grains() -> dict[str, str]:
    """State the definitions of sizes and shapes of grains, one sentence or two each."""
    return {**_of_sizes(), **_of_shapes()}


def _of_sizes() -> dict[str, str]:
    return {
        "p80_ci95": (
            f"95 % interval of area_p80 from {RESAMPLES} bootstrap resamples of the grains: which "
            "grains happened to be met, not mistakes of the map; null where fewer than "
            f"{FEWEST_ABOVE_P80} grains are larger than area_p80"
        ),
        "edge_corrected": (
            "grains that do not touch the edge, each weighted with the inverse of its chance to "
            "lie whole in the image, by its height and width (Miles-Lantuejoul, ISO 13322-1), or "
            "in the annotated part of it where that is a rectangle; null where it is none, and "
            "where grains that the edge cuts hold more than half of the area of the mineral: too "
            "large for images of this size"
        ),
        "sieve_classes": (
            "grains by equivalent circle diameter in root-of-two classes, in um with a scale, else "
            "in px; a diameter in a section is no sieve size: sections of grains are smaller than "
            "the grains"
        ),
        "intercept": (
            "mean length of the intercepts of all rows and columns with the mineral; ends at the "
            "image edge or at unannotated pixels are not counted as ends; chords: those of them with "
            "both ends in the image, of rows and columns together, the lengths up to which they "
            "make up 20, 50 and 80 % of their number and of their length; whole_percent is the "
            "share of all lines in the mineral that they are, and where it is low the lengths are "
            "too small"
        ),
        "astm_e112": (
            "grain size number G of ASTM E112 from the mean intercept, and from the count of "
            "grains per area of all of them (those cut by the edge counted half), of a material "
            "whose grains are the components of the mineral: not of its crystals, where these touch"
        ),
        "touching": (
            "grains cut where a watershed of the distance to the outline cuts them, from maxima "
            f"that rise by {MAXIMUM_FRACTION:g} of the greatest distance in the grain or more; "
            f"grains wider or higher than {LARGEST_CROP_PX} px stay whole (too_large); only where "
            "asked for"
        ),
    }


def _of_shapes() -> dict[str, str]:
    return {
        "perimeter": (
            "Crofton estimate from lines in 4 directions; holes and cuts of the image edge count; "
            "one straight edge comes out 5.2 % short to 2.6 % long, by its direction, and corners "
            "lose 0.3 px each"
        ),
        "feret": (
            "greatest and least distance of two parallel tangents of the outline of the pixels; "
            "rectangle: bounding rectangle of least area"
        ),
        "shape": (
            "aspect_ratio: major over minor axis of the ellipse of equal second moments; "
            "circularity: 4 pi area / perimeter²; solidity: area / area of the convex hull; "
            "orientation_deg: of the major axis against the rows, counter-clockwise, 0 to 180; "
            "euler_number: 1 less the number of holes; medians over the grains in result.json"
        ),
    }

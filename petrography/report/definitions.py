"""What the numbers of a report mean, printed with them."""

from __future__ import annotations

from petrography.statistics import Composition, Grains

__all__ = ["UNSCALED", "definitions"]

# The degradation of every result without a scale.
UNSCALED = "no pixel size was given: lengths and areas are in pixels only"


def definitions(composition: Composition, grains: Grains) -> dict[str, str]:
    """State the definitions behind a result, with the settings that were used.

    Parameters
    ----------
    composition : Composition
        The modal composition of the result.
    grains : Grains
        The grains of the result.

    Returns
    -------
    dict of str to str
        One sentence or two each.
    """
    design = composition.design
    return {
        "area_percent": (
            "share of the whole annotated field, background included; in a plane section it "
            "estimates the volume share (Delesse)"
        ),
        "ore_percent": "share of the ore minerals only, background and non-ore phases excluded",
        "mass_percent": (
            "share of the mass of the ore minerals: area times the density of the end-member"
        ),
        "element_percent": (
            "mass share in the ore minerals, from end-member formulae; solid solution is not seen"
        ),
        "ci95": (
            f"95 % interval for the section from this one image: block bootstrap of "
            f"{design.blocks} blocks of about {design.block_px[0]:.0f} x "
            f"{design.block_px[1]:.0f} px, {design.resamples} resamples, scaled for the "
            "correlation between blocks, on the logit scale; it covers which field was "
            "photographed, not errors of the mineral map; null where fewer than 4 blocks fit, or "
            "a phase fills the whole basis"
        ),
        "grain": (
            "8-connected component of one mineral: touching grains of one mineral count as one; "
            "background forms none"
        ),
        "minimum_size": (
            f"components below {grains.min_area_px} px are counted apart (below_minimum) and are "
            "not measured; their area stays in the modal composition"
        ),
        "edge_rule": (
            "grains cut by the image edge are included with their visible part and marked "
            "touches_edge; sizes are not corrected for it"
        ),
        "ecd": (
            "diameter of the circle of equal area; number_pNN: quantile over grains; area_pNN: "
            "size below which NN % of the area lies, interpolated on the logarithm of size"
        ),
    }

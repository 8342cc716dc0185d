"""What the numbers of a report mean, printed with them."""

from __future__ import annotations

from collections.abc import Sequence

from petrography.minerals import mineral
from petrography.report.grain_definitions import of_grains
from petrography.statistics import Composition, Grains, MapErrors

__all__ = ["UNSCALED", "definitions"]

# The degradation of every result without a scale.
UNSCALED = "no pixel size was given: lengths and areas are in pixels only"


def definitions(
    composition: Composition, grains: Grains, errors: MapErrors | None = None
) -> dict[str, str]:
    """State the definitions behind a result, with the settings that were used.

    Parameters
    ----------
    composition : Composition
        The modal composition of the result.
    grains : Grains
        The grains of the result.
    errors : MapErrors, optional
        What mistakes of the map do to the composition.

    Returns
    -------
    dict of str to str
        One sentence or two each.
    """
    design = composition.design
    corrected = {} if errors is None else _of_map_errors(errors)
    return {
        "area_percent": (
            "share of the whole annotated field, background included; in a plane section it "
            "estimates the volume share (Delesse)"
        ),
        "analysed_percent": (
            f"share of the annotated field without {_symbols(composition.not_analysed)}; equal to "
            "area_percent where none of it occurs"
        ),
        "ore_percent": "share of the ore minerals only, background and non-ore phases excluded",
        "mass_percent": (
            "share of the mass of the ore minerals: area times the density of the end-member"
        ),
        "element_percent": (
            "mass share in the ore minerals, from end-member formulae; solid solution is not seen"
        ),
        "ci95": (
            f"95 % interval for the section that this one image lies on, if its texture is the "
            f"same all over: block bootstrap of {design.blocks} blocks of about "
            f"{design.block_px[0]:.0f} x {design.block_px[1]:.0f} px, {design.resamples} resamples, "
            "scaled for the correlation between blocks; bounds of Clopper and Pearson for as many "
            "independent samples, at most twice those of the texture as a whole; mass_ci95 and "
            "element_ci95 from the same blocks; it covers which field was photographed, not errors "
            "of the mineral map and not other sections; null where fewer than 4 blocks fit, or a "
            "phase fills the whole basis"
        ),
        "uncertainty": (
            "of area_percent, in percentage points: combined_pp is the root of the sum of squares "
            "of the budget, expanded_pp twice that (k = 2, about 95 % where the degrees of freedom "
            "are many); independent_samples = share x (100 - share) / standard error squared, "
            "integral_range_px2 = annotated pixels / independent_samples; representative: area at "
            "whose size two standard errors are error_percent of the share"
        ),
        "not_found": (
            "phases that could have been named and have no pixel: 95 % upper bound 1 - 0.05^(1/n), "
            "about 3 / n, for the n independent samples of the texture as a whole; mistakes of the "
            "map are not in it"
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
            "touches_edge; sizes are not corrected for it, except those of edge_corrected"
        ),
        "ecd": (
            "diameter of the circle of equal area; number_pNN: quantile over grains; area_pNN: "
            "size below which NN % of the area lies, interpolated on the logarithm of size"
        ),
        **of_grains(),
        **corrected,
    }


def _symbols(codes: Sequence[int]) -> str:
    return ", ".join(mineral(code).symbol for code in codes) or "anything left out"


def _of_map_errors(errors: MapErrors) -> dict[str, str]:
    held_out = errors.held_out
    told = "all classes open" if held_out.association is None else f"told {held_out.association}"
    return {
        "total_ci95": (
            f"95 % interval of area_percent: ci95 joined in quadrature with the bias and the "
            f"scatter between images of the mistakes of the map, from the confusion on "
            f"{held_out.images} held-out images ({told}), each worth {held_out.effective_size:.1f} "
            "independent pixels of a class; it assumes ore and photographs like those"
        ),
        "corrected_percent": (
            "shares, none negative and of sum 100, that best explain the shares of the map by the "
            "rates of the held-out confusion; beside area_percent, not instead of it: on single "
            "images of real ore it was further from the truth"
        ),
        "corrected_ci95": (
            f"corrected_percent and the scatter of {errors.simulations} simulated corrections, "
            "joined in quadrature with ci95"
        ),
    }

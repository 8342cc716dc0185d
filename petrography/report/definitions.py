"""What the numbers of a report mean, printed with them."""

from __future__ import annotations

from petrography.report.grain_definitions import of_grains
from petrography.report.modal_definitions import of_composition
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
    corrected = {} if errors is None else _of_map_errors(errors)
    return {
        **of_composition(composition),
        "grain": (
            "8-connected component of one mineral: touching grains of one mineral count as one; "
            "background forms none"
        ),
        "minimum_size": (
            f"components below {grains.min_area_px} px are counted apart (below_minimum) and are "
            "not measured; their area stays in the modal composition"
        ),
        "edge_rule": (
            "grains cut by the image edge, and those with an unannotated pixel (255) among their "
            "eight neighbours, are included with their visible part and marked touches_edge; sizes "
            "are not corrected for it, except those of edge_corrected"
        ),
        "ecd": (
            "diameter of the circle of equal area; number_pNN: size below which NN % of the grains "
            "lie; area_pNN: of their area; both interpolated on the logarithm of size, with and "
            "without weights for the edge alike"
        ),
        **of_grains(),
        **corrected,
    }


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

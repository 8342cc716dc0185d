"""What the numbers of the modal composition mean."""

from __future__ import annotations

from collections.abc import Sequence

from petrography.minerals import mineral
from petrography.statistics import BlockDesign, Composition

__all__ = ["of_composition"]


def of_composition(composition: Composition) -> dict[str, str]:
    """State the bases, the intervals and the uncertainty of a composition."""
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
        "ci95": _of_intervals(composition.design),
        "uncertainty": (
            "of area_percent, in percentage points: combined_pp is the root of the sum of squares "
            "of the budget, expanded_pp twice that (k = 2, about 95 % where the effective degrees "
            "of freedom, which stand beside it, are many; below 4 a warning says so); independent_samples = share x (100 - share) / standard error squared, "
            "integral_range_px2 = annotated pixels / independent_samples; representative: area at "
            "whose size two standard errors are error_percent of the share"
        ),
        "not_found": (
            "phases that could have been named and have no pixel: 95 % upper bound 1 - 0.05^(1/n), "
            "about 3 / n, for the n independent samples of the texture as a whole; n is at most the "
            "number of blocks where all but the main phase lies in fewer than five of them; null "
            "where one phase fills the image, which shows no texture; upper_percent takes the map "
            "to miss nothing, map_upper_percent is it over the share of held-out pixels of the "
            "phase that the model names right (recall), at most 100: where it is given it is the "
            "limit in tables and reports"
        ),
    }


def _of_intervals(design: BlockDesign) -> str:
    return (
        f"95 % interval for the section that this one image lies on, if its texture is the "
        f"same all over: block bootstrap of {design.blocks} blocks of about "
        f"{design.block_px[0]:.0f} x {design.block_px[1]:.0f} px, {design.resamples} resamples, "
        "scaled for the correlation between blocks; bounds of Clopper and Pearson for as many "
        "independent samples, at most twice those of the texture as a whole; mass_ci95 and "
        "element_ci95 from the same blocks; it covers which field was photographed, not errors "
        "of the mineral map and not other sections; null where fewer than 4 blocks fit, or a "
        "phase fills the whole basis"
    )


def _symbols(codes: Sequence[int]) -> str:
    return ", ".join(mineral(code).symbol for code in codes) or "anything left out"

"""Grain sizes as aligned text for the terminal."""

from __future__ import annotations

from petrography.report.aligned_text import aligned
from petrography.report.grain_figures import Sizes
from petrography.report.result import GrainEntry, Result

__all__ = ["grain_size_cells", "grain_size_table"]


def grain_size_table(result: Result) -> str:
    """Write the grain sizes of each mineral as aligned text.

    Parameters
    ----------
    result : Result
        The analysis.

    Returns
    -------
    str
        A header and one mineral a line, without a line break at the end; a dash where null. Sizes
        are equivalent circle diameters, in um with a scale, else in px.
    """
    unit = "px" if result.scale is None else "um"
    with_parts = any(entry.touching is not None for entry in result.grains.values())
    header = ["symbol", "grains", f"P50, {unit}", f"P80, {unit}", "95 % interval"]
    header += ["edge-corrected P80", f"intercept, {unit}", *(["told apart"] if with_parts else [])]
    rows = [
        _row(symbol, entry, unit, with_parts=with_parts) for symbol, entry in result.grains.items()
    ]
    return "\n".join(aligned([header, *rows], text_columns=1))


def _row(symbol: str, entry: GrainEntry, unit: str, *, with_parts: bool) -> list[str]:
    parts = "–" if entry.touching is None else str(entry.touching.particles)
    sizes = grain_size_cells(entry, in_px=unit == "px")
    return [symbol, str(entry.count), *sizes, *([parts] if with_parts else [])]


def grain_size_cells(entry: GrainEntry, *, in_px: bool) -> list[str]:
    """Write P50, P80, its interval, the edge-corrected P80 and the mean intercept of a mineral.

    Parameters
    ----------
    entry : GrainEntry
        The mineral.
    in_px : bool
        Whether in pixels, else in micrometres.

    Returns
    -------
    list of str
        Five numbers; a dash where null.
    """
    sizes = entry.ecd_px if in_px else entry.ecd_um
    corrected, intercept = entry.edge_corrected, entry.intercept
    whole = None if corrected is None else corrected.ecd_px if in_px else corrected.ecd_um
    mean = None if intercept is None else intercept.mean_px if in_px else intercept.mean_um
    bounds = entry.p80_ci95_px if in_px else entry.p80_ci95_um
    return [
        "–" if sizes is None else f"{sizes.area_p50:.1f}",
        _p80(sizes),
        "–" if bounds is None else f"{bounds[0]:.1f} – {bounds[1]:.1f}",
        _p80(whole),
        "–" if mean is None else f"{mean:.1f}",
    ]


def _p80(sizes: Sizes | None) -> str:
    return "–" if sizes is None else f"{sizes.area_p80:.1f}"

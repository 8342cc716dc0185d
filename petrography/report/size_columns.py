"""The grain sizes of each mineral as a table: one mineral a row."""

from __future__ import annotations

from petrography.report.fields import Field, tabulated
from petrography.report.result import GrainEntry, Result, Sizes
from petrography.report.table import Cell, Table

__all__ = ["tabulated_sizes"]

_Entry = tuple[str, GrainEntry]

_FIELDS: tuple[Field[_Entry], ...] = (
    Field("code", "integer", lambda one: one[1].code, "code of the mineral in the label image"),
    Field("symbol", "text", lambda one: one[0], "IMA-CNMNC symbol"),
    Field("name", "text", lambda one: one[1].name, "name of the mineral"),
    Field("grains", "integer", lambda one: one[1].count, "grains of at least the minimum size"),
    Field(
        "touching_edge",
        "integer",
        lambda one: one[1].touching_edge,
        "cut by the edge of the image, or of what is annotated",
    ),
    Field("area_px", "integer", lambda one: one[1].area_px, "pixels of the grains"),
    Field("area_um2", "number", lambda one: one[1].area_um2, "area of the grains"),
    Field(
        "below_minimum",
        "integer",
        lambda one: one[1].below_minimum.count,
        "components below the minimum size, in no other figure",
    ),
    Field(
        "below_minimum_area_px",
        "integer",
        lambda one: one[1].below_minimum.area_px,
        "pixels of the components below the minimum size",
    ),
)

_FURTHER: tuple[Field[_Entry], ...] = (
    Field(
        "edge_corrected_area_p80_px",
        "number",
        lambda one: None if (fit := one[1].edge_corrected) is None else fit.ecd_px.area_p80,
        "P80 by area of the grains that lie whole in the image, weighted for the others",
    ),
    Field(
        "edge_corrected_area_p80_um",
        "number",
        lambda one: (
            None
            if (fit := one[1].edge_corrected) is None or fit.ecd_um is None
            else fit.ecd_um.area_p80
        ),
        "P80 by area of the grains that lie whole in the image, weighted for the others",
    ),
    Field(
        "mean_intercept_px",
        "number",
        lambda one: None if (cut := one[1].intercept) is None else cut.mean_px,
        "mean length of the lines that cross grains",
    ),
    Field(
        "mean_intercept_um",
        "number",
        lambda one: None if (cut := one[1].intercept) is None else cut.mean_um,
        "mean length of the lines that cross grains",
    ),
    Field(
        "astm_e112_intercept",
        "number",
        lambda one: None if (grade := one[1].astm_e112) is None else grade.from_intercept,
        "grain size number G from the mean intercept",
    ),
    Field(
        "astm_e112_count",
        "number",
        lambda one: None if (grade := one[1].astm_e112) is None else grade.from_count,
        "grain size number G from the number of grains",
    ),
)


def tabulated_sizes(result: Result) -> Table:
    """Tabulate the grain sizes.

    Parameters
    ----------
    result : Result
        The analysis.

    Returns
    -------
    Table
        ``sizes``: a row for each mineral with grains, by code, with the sizes below which 20, 50
        and 80 % of the grains and of their area lie, in px and, with a scale, in um; the interval
        of the P80 by area, the P80 corrected for the edge, mean intercepts, ASTM E112 numbers.
    """
    units = ("px", "um")
    fields = (
        *_FIELDS,
        *(field for unit in units for field in _quantiles(unit)),
        *(field for unit in units for field in _p80_interval(unit)),
        *_FURTHER,
    )
    return tabulated("sizes", fields, sorted(result.grains.items(), key=lambda one: one[1].code))


def _quantiles(unit: str) -> tuple[Field[_Entry], ...]:
    return tuple(
        _quantile(f"{by}_p{share}", f"{share} % {of} lies below this diameter", unit)
        for by, of in (("number", "of the grains"), ("area", "of the area of the grains"))
        for share in (20, 50, 80)
    )


def _quantile(name: str, definition: str, unit: str) -> Field[_Entry]:
    def read(one: _Entry) -> Cell:
        sizes: Sizes | None = one[1].ecd_px if unit == "px" else one[1].ecd_um
        value: float | None = None if sizes is None else getattr(sizes, name)
        return value

    return Field(f"ecd_{name}_{unit}", "number", read, definition)


def _p80_interval(unit: str) -> tuple[Field[_Entry], ...]:
    """Two columns for the ends of the interval of the P80 by area."""
    ends = ((0, "low"), (1, "high"))
    return tuple(_p80_bound(end, f"area_p80_ci95_{name}_{unit}", unit) for end, name in ends)


def _p80_bound(end: int, name: str, unit: str) -> Field[_Entry]:
    def read(one: _Entry) -> Cell:
        bounds = one[1].p80_ci95_px if unit == "px" else one[1].p80_ci95_um
        return None if bounds is None else bounds[end]

    return Field(name, "number", read, "95 % interval of the P80 by area")

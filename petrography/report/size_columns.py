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
        "touching_edge", "integer", lambda one: one[1].touching_edge, "cut by the edge of the image"
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
        and 80 % of the grains and of their area lie, in px and, with a scale, in um.
    """
    fields = (*_FIELDS, *(field for unit in ("px", "um") for field in _quantiles(unit)))
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

"""The sieve classes of each mineral as a table: one class of one mineral a row."""

from __future__ import annotations

from petrography.report.fields import Field, tabulated
from petrography.report.grain_figures import SieveEntry
from petrography.report.result import Result
from petrography.report.table import Table

__all__ = ["tabulated_sieves"]

_Class = tuple[int, str, SieveEntry]


def tabulated_sieves(result: Result) -> Table:
    """Tabulate the sieve classes.

    Parameters
    ----------
    result : Result
        The analysis.

    Returns
    -------
    Table
        ``sieves``: a row for each class of each mineral, by code and size; the ends of classes in
        um with a scale, else in px, None where a class is open.
    """
    unit = "px" if result.scale is None else "um"
    classes = [
        (entry.code, symbol, one)
        for symbol, entry in sorted(result.grains.items(), key=lambda item: item[1].code)
        for one in entry.sieve_classes
    ]
    return tabulated("sieves", _fields(unit), classes)


def _fields(unit: str) -> tuple[Field[_Class], ...]:
    return (
        Field("code", "integer", lambda one: one[0], "code of the mineral in the label image"),
        Field("symbol", "text", lambda one: one[1], "IMA-CNMNC symbol"),
        Field(f"lower_{unit}", "number", lambda one: one[2].lower, "diameters are larger"),
        Field(f"upper_{unit}", "number", lambda one: one[2].upper, "diameters are at most this"),
        Field("grains", "integer", lambda one: one[2].count, "grains of the class"),
        Field("area_percent", "number", lambda one: one[2].area_percent, "of the area of grains"),
        Field(
            "passing_percent",
            "number",
            lambda one: one[2].passing_percent,
            "of the area of grains, up to the upper end of the class",
        ),
    )

"""The files of a report that are made of its numbers, each by its name and writer."""

from __future__ import annotations

from collections.abc import Callable

from petrography.report.coco import grains_coco
from petrography.report.geojson import grains_geojson
from petrography.report.grain_columns import tabulated_grains
from petrography.report.modal_columns import tabulated_modal
from petrography.report.result import Result
from petrography.report.size_columns import tabulated_sizes
from petrography.report.tables import csv_text, grains_csv, modal_csv
from petrography.statistics import Grains

__all__ = ["EXPORTS", "EXPORTS_ON_REQUEST", "exports"]

EXPORTS: dict[str, str] = {
    "modal.csv": "text/csv; charset=utf-8",
    "sizes.csv": "text/csv; charset=utf-8",
    "grains.csv": "text/csv; charset=utf-8",
    "grains.parquet": "application/vnd.apache.parquet",
    "grains.geojson": "application/geo+json",
    "grains.coco.json": "application/json",
    "analysis.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Media types by name."""

# They take a good part of a second, or repeat what others say.
EXPORTS_ON_REQUEST = frozenset({"grains.coco.json", "analysis.xlsx"})


def exports(
    result: Result, grains: Grains, *, identity: str, file_name: str = "image"
) -> dict[str, Callable[[], bytes]]:
    """Tell how each file is written that is made of the numbers of a report.

    Parameters
    ----------
    result : Result
        The report.
    grains : Grains
        Its grains.
    identity : str
        Of the label image, for the identifiers of the grains.
    file_name : str
        Of the photograph.

    Returns
    -------
    dict of str to callable
        What writes it, by the names of `EXPORTS`. The libraries behind a file are loaded when it
        is written.
    """
    um_per_px = None if result.scale is None else result.scale.um_per_px
    return {
        "modal.csv": lambda: modal_csv(result).encode(),
        "sizes.csv": lambda: csv_text(tabulated_sizes(result)).encode(),
        "grains.csv": lambda: grains_csv(grains, um_per_px=um_per_px).encode(),
        "grains.parquet": lambda: _parquet(result, grains),
        "grains.geojson": lambda: grains_geojson(grains, identity=identity, um_per_px=um_per_px),
        "grains.coco.json": lambda: grains_coco(grains, file_name=file_name),
        "analysis.xlsx": lambda: _workbook(result, grains),
    }


def _parquet(result: Result, grains: Grains) -> bytes:
    from petrography.report.parquet import table_parquet

    um_per_px = None if result.scale is None else result.scale.um_per_px
    notes = {
        "sample": result.sample.model_dump(mode="json"),
        "um_per_px": um_per_px,
        "definitions": result.definitions,
    }
    return table_parquet(tabulated_grains(grains, um_per_px=um_per_px), notes)


def _workbook(result: Result, grains: Grains) -> bytes:
    from petrography.report.workbook import result_workbook

    um_per_px = None if result.scale is None else result.scale.um_per_px
    return result_workbook(
        result,
        (
            tabulated_modal(result),
            tabulated_sizes(result),
            tabulated_grains(grains, um_per_px=um_per_px),
        ),
    )

"""The files of a report that are made of its numbers, each by its name and writer."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import BinaryIO, Literal, TypeAlias

from petrography.report.coco import write_grains_coco
from petrography.report.csv_tables import write_csv
from petrography.report.geojson import write_grains_geojson
from petrography.report.grain_columns import tabulated_grains
from petrography.report.modal_columns import tabulated_modal
from petrography.report.photograph_name import photograph_name
from petrography.report.result import Contacts, Result
from petrography.report.sieve_columns import tabulated_sieves
from petrography.report.size_columns import tabulated_sizes
from petrography.report.table import Table
from petrography.report.texture_columns import (
    tabulated_contacts,
    tabulated_intergrowths,
    tabulated_liberation,
    tabulated_locking,
)
from petrography.statistics import Grains, TextureStatistics

__all__ = [
    "EXPORTS",
    "EXPORTS_ON_REQUEST",
    "ExportName",
    "WriteExport",
    "exports",
    "write_whole",
]

WriteExport: TypeAlias = Callable[[BinaryIO], None]

ExportName: TypeAlias = Literal[
    "modal.csv",
    "sizes.csv",
    "sieves.csv",
    "grains.csv",
    "grains.parquet",
    "grains.geojson",
    "contacts.csv",
    "locking.csv",
    "intergrowths.csv",
    "liberation.csv",
    "grains.coco.json",
    "analysis.xlsx",
    "modal.svg",
    "modal.png",
    "sizes.svg",
    "sizes.png",
    "association.svg",
    "association.png",
]
EXPORTS: dict[str, str] = {
    "modal.csv": "text/csv; charset=utf-8",
    "sizes.csv": "text/csv; charset=utf-8",
    "sieves.csv": "text/csv; charset=utf-8",
    "grains.csv": "text/csv; charset=utf-8",
    "grains.parquet": "application/vnd.apache.parquet",
    "grains.geojson": "application/geo+json",
    "contacts.csv": "text/csv; charset=utf-8",
    "locking.csv": "text/csv; charset=utf-8",
    "intergrowths.csv": "text/csv; charset=utf-8",
    "liberation.csv": "text/csv; charset=utf-8",
    "grains.coco.json": "application/json",
    "analysis.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "modal.svg": "image/svg+xml",
    "modal.png": "image/png",
    "sizes.svg": "image/svg+xml",
    "sizes.png": "image/png",
    "association.svg": "image/svg+xml",
    "association.png": "image/png",
}
"""Media types by name."""

Form: TypeAlias = Literal["svg", "png"]
_FORMS: tuple[Form, ...] = ("svg", "png")

# They take a good part of a second each, or repeat what others say.
EXPORTS_ON_REQUEST = frozenset(EXPORTS) - {
    "modal.csv",
    "sizes.csv",
    "sieves.csv",
    "grains.csv",
    "grains.parquet",
    "grains.geojson",
    "contacts.csv",
    "locking.csv",
    "intergrowths.csv",
    "liberation.csv",
}


def exports(
    result: Result,
    grains: Grains,
    textures: TextureStatistics | None = None,
    *,
    identity: str,
    file_name: str | None = None,
) -> dict[str, WriteExport]:
    """Tell how each file is written that is made of the numbers of a report.

    Outlines, masks and tables of text are written row by row, so that what they take in memory
    does not grow with the number of grains; workbook, Parquet and plots are made as a whole.

    Parameters
    ----------
    result : Result
        The report.
    grains : Grains
        Its grains.
    textures : TextureStatistics, optional
        Of the same label image.
    identity : str
        Of the label image, for the identifiers of the grains.
    file_name : str, optional
        Of the photograph, a plain name; without it that of `photograph_name`.

    Returns
    -------
    dict of str to callable
        What writes it into a file of bytes, by the names of `EXPORTS`; those of contacts and
        textures only where the report has them. The libraries behind a file are loaded when it is
        written.
    """
    um_per_px = None if result.scale is None else result.scale.um_per_px
    name = photograph_name(result) if file_name is None else file_name
    whole = {
        "grains.parquet": lambda: _parquet(result, grains),
        "analysis.xlsx": lambda: _workbook(result, grains, textures),
        **_plots(result, grains),
    }
    return {
        "grains.geojson": functools.partial(
            write_grains_geojson, grains, identity=identity, um_per_px=um_per_px
        ),
        "grains.coco.json": functools.partial(write_grains_coco, grains, file_name=name),
        **_tables(result, grains, textures),
        **{name: functools.partial(write_whole, make) for name, make in whole.items()},
    }


def _tables(
    result: Result, grains: Grains, textures: TextureStatistics | None
) -> dict[str, WriteExport]:
    um_per_px = None if result.scale is None else result.scale.um_per_px
    tables: dict[str, Callable[[], Table]] = {
        "modal": functools.partial(tabulated_modal, result),
        "sizes": functools.partial(tabulated_sizes, result),
        "sieves": functools.partial(tabulated_sieves, result),
        "grains": functools.partial(tabulated_grains, grains, um_per_px=um_per_px),
        **_texture_tabulators(result, textures),
    }
    return {f"{name}.csv": functools.partial(_write_table, table) for name, table in tables.items()}


def _write_table(tabulate: Callable[[], Table], target: BinaryIO) -> None:
    text = io.TextIOWrapper(target, "utf-8", newline="")
    try:
        write_csv(tabulate(), text)
    finally:
        # The file stays open: it is closed by whoever opened it.
        text.detach()


def write_whole(make: Callable[[], bytes], target: BinaryIO) -> None:
    """Write what can only be made as a whole."""
    target.write(make())


def _texture_tabulators(
    result: Result, textures: TextureStatistics | None
) -> dict[str, Callable[[], Table]]:
    um_per_px = None if result.scale is None else result.scale.um_per_px
    found: dict[str, Callable[[], Table]] = {}
    if result.contacts is not None:
        found["contacts"] = functools.partial(tabulated_contacts, result.contacts)
    if result.textures is not None:
        found["intergrowths"] = functools.partial(tabulated_intergrowths, result.textures)
    if result.liberation is not None:
        found["liberation"] = functools.partial(tabulated_liberation, result.liberation)
    if textures is not None:
        found["locking"] = functools.partial(tabulated_locking, textures, um_per_px=um_per_px)
    return found


def _plots(result: Result, grains: Grains) -> dict[str, Callable[[], bytes]]:
    writers: dict[str, Callable[[], bytes]] = {}
    for form in _FORMS:
        writers[f"modal.{form}"] = functools.partial(_modal_plot, result, form)
        writers[f"sizes.{form}"] = functools.partial(_size_plot, result, grains, form)
        if result.contacts is not None:
            writers[f"association.{form}"] = functools.partial(
                _association_plot, result, result.contacts, form
            )
    return writers


def _modal_plot(result: Result, form: Form) -> bytes:
    from petrography.report.plots import modal_bars, rendered

    return rendered(lambda: modal_bars(result), form, title="Modal composition")


def _size_plot(result: Result, grains: Grains, form: Form) -> bytes:
    from petrography.report.plots import rendered, size_curves

    return rendered(lambda: size_curves(result, grains), form, title="Grain sizes")


def _association_plot(result: Result, contacts: Contacts, form: Form) -> bytes:
    from petrography.report.plots import association_map, rendered

    return rendered(lambda: association_map(result, contacts), form, title="Association")


def _parquet(result: Result, grains: Grains) -> bytes:
    from petrography.report.parquet import table_parquet

    um_per_px = None if result.scale is None else result.scale.um_per_px
    notes = {
        "sample": result.sample.model_dump(mode="json"),
        "um_per_px": um_per_px,
        "definitions": result.definitions,
    }
    return table_parquet(tabulated_grains(grains, um_per_px=um_per_px), notes)


def _workbook(result: Result, grains: Grains, textures: TextureStatistics | None) -> bytes:
    from petrography.report.workbook import result_workbook

    um_per_px = None if result.scale is None else result.scale.um_per_px
    return result_workbook(
        result,
        (
            tabulated_modal(result),
            tabulated_sizes(result),
            tabulated_sieves(result),
            tabulated_grains(grains, um_per_px=um_per_px),
            *(table() for table in _texture_tabulators(result, textures).values()),
        ),
    )

"""Grains as GeoJSON that QuPath opens as detections."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import BinaryIO

from petrography.minerals import mineral
from petrography.report.grain_columns import PLACE_COLUMNS, tabulated_grains
from petrography.report.outlines import Polygon, Ring, grain_polygons
from petrography.report.table import Cell, Table
from petrography.statistics import Grains

__all__ = ["write_grains_geojson"]

# Root of all grain identifiers; drawn once at random.
_NAMESPACE = uuid.UUID("6f0b5a52-3c1e-4f0a-9a9c-0d7b2a8f4e61")


def write_grains_geojson(
    grains: Grains, target: BinaryIO, *, identity: str, um_per_px: float | None = None
) -> None:
    """Write the outlines and measurements of all grains, one after the other.

    Compact UTF-8 JSON: a FeatureCollection of detections. Coordinates are (x, y) in pixels from
    the upper left corner of the image; the area of the polygons of a grain, holes taken off, is
    its area in pixels. Grains of `too_large_to_draw` are left out.

    Parameters
    ----------
    grains : Grains
        The grains.
    target : binary file
        Takes the bytes.
    identity : str
        Name of the analysis; with the number of the grain it makes the identifier of a feature,
        so that equal analyses have equal identifiers and different ones do not meet.
    um_per_px : float, optional
        Pixel size; without it the measurements are in pixels only.

    References
    ----------
    RFC 7946 (GeoJSON); QuPath's GeoJSON of PathObjects (objectType, classification,
    measurements).
    """
    namespace = uuid.uuid5(_NAMESPACE, identity)
    rows = zip(
        grains.code.tolist(),
        grain_polygons(grains),
        _measurements(tabulated_grains(grains, um_per_px=um_per_px)),
        strict=True,
    )
    target.write(b'{"type":"FeatureCollection","features":[')
    separator = ""
    for number, (code, polygons, measured) in enumerate(rows, start=1):
        if not polygons:
            continue
        identifier = uuid.uuid5(namespace, str(number))
        geometry, properties = _geometry(polygons), _properties(number, code, measured)
        feature = (
            f'{{"type":"Feature","id":"{identifier}","geometry":{geometry},'
            f'"properties":{properties}}}'
        )
        target.write(f"{separator}{feature}".encode())
        separator = ","
    target.write(b"]}\n")


def _properties(number: int, code: int, measurements: dict[str, Cell]) -> str:
    phase = mineral(code)
    properties = {
        "objectType": "detection",
        "name": f"{phase.symbol} {number}",
        "classification": {"name": phase.name, "color": list(phase.colour_rgb)},
        "measurements": measurements,
    }
    return json.dumps(properties, separators=(",", ":"), allow_nan=False)


def _geometry(polygons: list[Polygon]) -> str:
    """Write outlines as JSON, as text at once: a list for every point takes twice as long."""
    written = [f"[{','.join(map(_ring, polygon))}]" for polygon in polygons]
    if len(written) == 1:
        return f'{{"type":"Polygon","coordinates":{written[0]}}}'
    return f'{{"type":"MultiPolygon","coordinates":[{",".join(written)}]}}'


def _ring(points: Ring) -> str:
    coordinates = ",".join(["[%d,%d]"] * len(points)) % tuple(points.ravel().tolist())
    return f"[{coordinates}]"


def _measurements(table: Table) -> Iterator[dict[str, Cell]]:
    """Take the numbers of each grain that measure it; what has no value is not named."""
    taken = {
        k: name
        for k, name in enumerate(table.header)
        if name not in PLACE_COLUMNS and table.columns[k].kind != "text"
    }
    for row in table.rows():
        yield {name: row[k] for k, name in taken.items() if row[k] is not None}

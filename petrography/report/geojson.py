"""Grains as GeoJSON that QuPath opens as detections."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import BinaryIO

from petrography.minerals import mineral
from petrography.report.grain_columns import PLACE_COLUMNS, tabulated_grains
from petrography.report.outlines import Polygon, grain_polygons
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
        feature = _feature(uuid.uuid5(namespace, str(number)), number, code, polygons, measured)
        text = json.dumps(feature, separators=(",", ":"), allow_nan=False)
        target.write(f"{separator}{text}".encode())
        separator = ","
    target.write(b"]}\n")


def _feature(
    identifier: uuid.UUID,
    number: int,
    code: int,
    polygons: list[Polygon],
    measurements: dict[str, Cell],
) -> dict[str, object]:
    phase = mineral(code)
    return {
        "type": "Feature",
        "id": str(identifier),
        "geometry": _geometry(polygons),
        "properties": {
            "objectType": "detection",
            "name": f"{phase.symbol} {number}",
            "classification": {"name": phase.name, "color": list(phase.colour_rgb)},
            "measurements": measurements,
        },
    }


def _geometry(polygons: list[Polygon]) -> dict[str, object]:
    coordinates = [[ring.tolist() for ring in polygon] for polygon in polygons]
    if len(coordinates) == 1:
        return {"type": "Polygon", "coordinates": coordinates[0]}
    return {"type": "MultiPolygon", "coordinates": coordinates}


def _measurements(table: Table) -> Iterator[dict[str, Cell]]:
    """Take the numbers of each grain that measure it; what has no value is not named."""
    taken = {
        k: name
        for k, name in enumerate(table.header)
        if name not in PLACE_COLUMNS and table.columns[k].kind != "text"
    }
    for row in table.rows():
        yield {name: row[k] for k, name in taken.items() if row[k] is not None}

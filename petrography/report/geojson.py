"""Grains as GeoJSON that QuPath opens as detections."""

from __future__ import annotations

import json
import uuid

from petrography.minerals import mineral
from petrography.report.outlines import Polygon, grain_polygons
from petrography.statistics import Grains

__all__ = ["grains_geojson"]

# Root of all grain identifiers; drawn once at random.
_NAMESPACE = uuid.UUID("6f0b5a52-3c1e-4f0a-9a9c-0d7b2a8f4e61")
_DIGITS = 3


def grains_geojson(grains: Grains, *, identity: str, um_per_px: float | None = None) -> bytes:
    """Write the outlines and measurements of all grains.

    Parameters
    ----------
    grains : Grains
        The grains.
    identity : str
        Name of the analysis; with the number of the grain it makes the identifier of a feature,
        so that equal analyses have equal identifiers and different ones do not meet.
    um_per_px : float, optional
        Pixel size; without it the measurements are in pixels only.

    Returns
    -------
    bytes
        Compact UTF-8 JSON: a FeatureCollection of detections. Coordinates are (x, y) in pixels
        from the upper left corner of the image; the area of the polygons of a grain, holes
        taken off, is its area in pixels.

    References
    ----------
    RFC 7946 (GeoJSON); QuPath's GeoJSON of PathObjects (objectType, classification,
    measurements).
    """
    namespace = uuid.uuid5(_NAMESPACE, identity)
    measurements = _measurements(grains, um_per_px)
    features = (
        json.dumps(
            {
                "type": "Feature",
                "id": str(uuid.uuid5(namespace, str(number))),
                "geometry": _geometry(polygons),
                "properties": {
                    "objectType": "detection",
                    "name": f"{mineral(code).symbol} {number}",
                    "classification": _classification(code),
                    "measurements": measured,
                },
            },
            separators=(",", ":"),
            allow_nan=False,
        )
        for number, (polygons, code, measured) in enumerate(
            zip(grain_polygons(grains), grains.code.tolist(), measurements, strict=True), start=1
        )
    )
    return f'{{"type":"FeatureCollection","features":[{",".join(features)}]}}\n'.encode()


def _geometry(polygons: list[Polygon]) -> dict[str, object]:
    coordinates = [[ring.tolist() for ring in polygon] for polygon in polygons]
    if len(coordinates) == 1:
        return {"type": "Polygon", "coordinates": coordinates[0]}
    return {"type": "MultiPolygon", "coordinates": coordinates}


def _classification(code: int) -> dict[str, object]:
    phase = mineral(code)
    return {"name": phase.name, "color": list(phase.colour_rgb)}


def _measurements(grains: Grains, um_per_px: float | None) -> list[dict[str, float]]:
    columns: dict[str, list[float]] = {
        "area_px": grains.area_px.tolist(),
        "ecd_px": grains.ecd_px.round(_DIGITS).tolist(),
        "touches_edge": grains.touches_edge.astype(int).tolist(),
    }
    if um_per_px is not None:
        columns["area_um2"] = (grains.area_px * um_per_px**2).round(_DIGITS).tolist()
        columns["ecd_um"] = (grains.ecd_px * um_per_px).round(_DIGITS).tolist()
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

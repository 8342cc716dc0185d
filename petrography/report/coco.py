"""Grains as COCO instances, as trainers of instance segmentation read them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from petrography.minerals import MINERALS, Mineral
from petrography.report.grain_bands import GrainBand, grain_bands
from petrography.statistics import Grains

__all__ = ["write_grains_coco"]

_IMAGE_ID = 1

Indices = NDArray[np.int64]


def write_grains_coco(grains: Grains, target: BinaryIO, *, file_name: str = "image") -> None:
    """Write all grains as COCO instances, one after the other.

    Compact UTF-8 JSON of one image. Categories have the codes of the minerals as their ids. The
    segmentation of a grain is its exact mask, run-length encoded without compression: counts of
    pixels outside and inside by turns, down the columns of the whole image; polygons would lose its
    holes. Grains of `too_large_to_draw` are left out. `area` is in pixels, `bbox` is (x, y, width,
    height) in pixels.

    Parameters
    ----------
    grains : Grains
        The grains.
    target : binary file
        Takes the bytes.
    file_name : str
        Of the photograph.

    References
    ----------
    COCO data format, https://cocodataset.org/#format-data (object detection).
    """
    height_px, width_px = grains.component_map.shape
    image = {"id": _IMAGE_ID, "width": width_px, "height": height_px, "file_name": file_name}
    head = {
        "info": {"description": "grains: 8-connected components of one mineral"},
        "images": [image],
        "categories": [_category(phase) for phase in MINERALS.values()],
    }
    # The head without its last brace, so that the annotations can follow one by one.
    target.write(f'{_compact(head)[:-1]},"annotations":['.encode())
    separator = ""
    for index, counts in _run_lengths(grains):
        target.write(f"{separator}{_compact(_annotation(grains, index, counts))}".encode())
        separator = ","
    target.write(b"]}\n")


def _compact(content: object) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _category(phase: Mineral) -> dict[str, object]:
    return {
        "id": phase.code,
        "name": phase.name,
        "supercategory": "ore mineral" if phase.ore else "other phase",
        "symbol": phase.symbol,
        "color": list(phase.colour_rgb),
    }


def _annotation(grains: Grains, index: int, counts: list[int]) -> dict[str, object]:
    top, left, bottom, right = grains.bbox_px[index].tolist()
    return {
        "id": index + 1,
        "image_id": _IMAGE_ID,
        "category_id": int(grains.code[index]),
        "area": int(grains.area_px[index]),
        "bbox": [left, top, right - left, bottom - top],
        "iscrowd": 0,
        "segmentation": {"size": list(grains.component_map.shape), "counts": counts},
    }


def _run_lengths(grains: Grains) -> Iterator[tuple[int, list[int]]]:
    """Row in the table and counts of the mask of each grain that can be drawn."""
    height_px, width_px = grains.component_map.shape
    for band in grain_bands(grains):
        number, start, end = _column_runs(band, height_px)
        first = np.searchsorted(number, np.arange(1, band.count + 2))
        places = itertools.pairwise(first.tolist())
        for index, (low, high) in enumerate(places, start=band.first_number - 1):
            # Where runs begin and end by turns; their differences are the counts.
            turns = np.stack([start[low:high], end[low:high]], axis=1).ravel()
            counts = np.diff(turns, prepend=0, append=height_px * width_px)
            yield index, (counts if counts[-1] else counts[:-1]).tolist()


def _column_runs(band: GrainBand, height_px: int) -> tuple[Indices, Indices, Indices]:
    """Number, start and end of runs of a grain down the columns of the image, joined, sorted."""
    columns = band.numbers[:, 1:-1].T
    column, row = np.nonzero(columns[:, 1:] != columns[:, :-1])
    value = columns[column, row + 1].astype(np.int64)
    begins = np.flatnonzero(value)
    # Every run ends where the next change in its column is.
    place = (column + band.left_column) * height_px + row + band.top_row
    number, start, end = value[begins], place[begins], place[begins + 1]
    order = np.argsort(number, kind="stable")
    number, start, end = number[order], start[order], end[order]
    joined = (number[1:] == number[:-1]) & (start[1:] == end[:-1])
    return (
        number[np.append(True, ~joined)],
        start[np.append(True, ~joined)],
        end[np.append(~joined, True)],
    )

"""The files of an analysis, written side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import BinaryIO

from petrography.image_codec import encode_jpeg, encode_png
from petrography.model_card import sha256_hex
from petrography.pipeline.file_sink import FileSink, written
from petrography.pipeline.map_files import WriteFile, maps_by_rows, picture_of
from petrography.pipeline.measurement import Measured
from petrography.pipeline.request import MEDIA_TYPES, ON_REQUEST, ArtefactName
from petrography.pipeline.seeing import Seen
from petrography.registration import anisotropy_picture
from petrography.report import (
    Artefact,
    Result,
    exports,
    provenance_json,
    write_grains_coco,
    write_grains_geojson,
)

__all__ = ["listed", "written_files"]

# More threads than this only wait for each other.
_WRITER_THREADS = 3
# Above it files are written one after the other: the work space of each is as large as the image,
# and side by side they would add up.
_MAX_PX_SIDE_BY_SIDE = 40_000_000
# Of the longer side of the picture in report.pdf: 230 px to the inch of a page.
_MAX_PRINTED_PX = 1600


def written_files(
    result: Result,
    seen: Seen,
    measured: Measured,
    outputs: tuple[ArtefactName, ...] | None,
    sink: FileSink,
) -> dict[str, str]:
    """Write the wanted files, and give their digests by name; the provenance is always there."""
    labels = seen.segmentation.labels
    identity = sha256_hex(labels.data)
    writers: dict[str, Callable[[], bytes]] = {
        "overlay.jpg": lambda: encode_jpeg(picture_of(seen.shown, labels)),
        "report.pdf": partial(_pages, result, seen),
        **exports(result, measured.grains, measured.textures, identity=identity),
    }
    turning = None if seen.overlay is None else seen.overlay.anisotropy
    if turning is not None:
        writers["anisotropy.png"] = lambda: encode_png(anisotropy_picture(turning))
    by_parts = _written_by_parts(seen, measured, identity)
    streamed: dict[str, WriteFile] = {
        **{name: partial(_write_bytes, made=made) for name, made in writers.items()},
        **by_parts,
    }
    wanted: set[str] = MEDIA_TYPES.keys() - ON_REQUEST if outputs is None else set(outputs)
    threads = _WRITER_THREADS if labels.size <= _MAX_PX_SIDE_BY_SIDE else 1
    with ThreadPoolExecutor(threads) as pool:
        futures: dict[str, Future[str]] = {
            name: pool.submit(written, sink, name, write)
            for name, write in streamed.items()
            if name in wanted
        }
        digests = {name: future.result() for name, future in futures.items()}
    name, provenance = "provenance.json", partial(provenance_json, result)
    return {**digests, name: written(sink, name, partial(_write_bytes, made=provenance))}


def _pages(result: Result, seen: Seen) -> bytes:
    # Its fonts and its library are of use to those only who ask for it.
    from petrography.report.pages import report_pdf

    picture = picture_of(seen.shown, seen.segmentation.labels, max_side_px=_MAX_PRINTED_PX)
    return report_pdf(result, encode_jpeg(picture))


def _written_by_parts(seen: Seen, measured: Measured, identity: str) -> dict[str, WriteFile]:
    """What is too large to be made in memory: maps by rows, grains one after the other."""
    um_per_px = None if seen.scale is None else seen.scale.um_per_px
    grains = measured.grains

    def geojson(file: BinaryIO) -> None:
        write_grains_geojson(grains, file, identity=identity, um_per_px=um_per_px)

    return {
        **maps_by_rows(seen.segmentation, um_per_px=um_per_px),
        "grains.geojson": geojson,
        "grains.coco.json": partial(write_grains_coco, grains),
    }


def _write_bytes(file: BinaryIO, made: Callable[[], bytes]) -> None:
    file.write(made())


def listed(digests: Mapping[str, str], href_prefix: str) -> tuple[Artefact, ...]:
    """List files with their digests, as result.json shows them."""
    return tuple(
        Artefact(
            name=name,
            media_type=MEDIA_TYPES[name],
            sha256=sha256,
            href=f"{href_prefix}{name}",
        )
        for name, sha256 in digests.items()
    )

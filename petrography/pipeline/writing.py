"""The files of an analysis, written side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from petrography.image_codec import JPEG_MAX_SIDE_PX, encode_jpeg, encode_png
from petrography.images import Labels
from petrography.model_card import sha256_hex
from petrography.pipeline.measurement import Measured
from petrography.pipeline.request import MEDIA_TYPES, ON_REQUEST, ArtefactName
from petrography.pipeline.seeing import Seen
from petrography.registration import anisotropy_picture
from petrography.report import Artefact, Result, exports, overlay

__all__ = ["files_left_out", "listed", "written_files"]

# More threads than this only wait for each other.
_WRITER_THREADS = 3
# Above it files are written one after the other: the work space of each is as large as the image,
# and side by side they would add up.
_MAX_PX_SIDE_BY_SIDE = 40_000_000


def written_files(
    result: Result, seen: Seen, measured: Measured, outputs: tuple[ArtefactName, ...] | None
) -> dict[str, bytes]:
    """Write the wanted files, by name; the provenance is always among them."""
    labels, confidence = seen.segmentation.labels, seen.segmentation.confidence
    writers: dict[str, Callable[[], bytes]] = {
        "labels.png": lambda: encode_png(labels),
        "confidence.png": lambda: encode_png(confidence),
        "overlay.jpg": lambda: encode_jpeg(overlay(seen.shown, labels)),
        **exports(result, measured.grains, identity=sha256_hex(labels.data)),
    }
    turning = None if seen.overlay is None else seen.overlay.anisotropy
    if turning is not None:
        writers["anisotropy.png"] = lambda: encode_png(anisotropy_picture(turning))
    wanted: set[str] = MEDIA_TYPES.keys() - ON_REQUEST if outputs is None else set(outputs)
    wanted -= files_left_out(labels).keys()
    threads = _WRITER_THREADS if labels.size <= _MAX_PX_SIDE_BY_SIDE else 1
    with ThreadPoolExecutor(threads) as pool:
        futures: dict[str, Future[bytes]] = {
            name: pool.submit(write) for name, write in writers.items() if name in wanted
        }
        files = {name: future.result() for name, future in futures.items()}
    provenance = json.dumps(result.provenance, indent=2, ensure_ascii=False) + "\n"
    return {**files, "provenance.json": provenance.encode()}


def files_left_out(labels: Labels) -> dict[str, str]:
    """Files that cannot be written for a map of this size, with the reason."""
    if max(labels.shape) <= JPEG_MAX_SIDE_PX:
        return {}
    reason = f"a JPEG has at most {JPEG_MAX_SIDE_PX} px a side, the image {max(labels.shape)}"
    return {"overlay.jpg": reason}


def listed(files: Mapping[str, bytes], href_prefix: str) -> tuple[Artefact, ...]:
    """List files with their digests, as result.json shows them."""
    return tuple(
        Artefact(
            name=name,
            media_type=MEDIA_TYPES[name],
            sha256=sha256_hex(content),
            href=f"{href_prefix}{name}",
        )
        for name, content in files.items()
    )

"""The files of an analysis, written side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import get_args

from petrography.image_codec import encode_jpeg, encode_png
from petrography.model_card import sha256_hex
from petrography.pipeline.measurement import Measured
from petrography.pipeline.request import MEDIA_TYPES, ArtefactName
from petrography.pipeline.seeing import Seen
from petrography.report import Artefact, Result, grains_csv, grains_geojson, modal_csv, overlay

__all__ = ["listed", "written_files"]

# More threads than this only wait for each other.
_WRITER_THREADS = 3


def written_files(
    result: Result, seen: Seen, measured: Measured, outputs: tuple[ArtefactName, ...] | None
) -> dict[str, bytes]:
    """Write the wanted files, by name; the provenance is always among them."""
    um_per_px = None if seen.scale is None else seen.scale.um_per_px
    labels, confidence = seen.segmentation.labels, seen.segmentation.confidence
    identity = sha256_hex(labels.tobytes())
    writers: dict[ArtefactName, Callable[[], bytes]] = {
        "labels.png": lambda: encode_png(labels),
        "confidence.png": lambda: encode_png(confidence),
        "overlay.jpg": lambda: encode_jpeg(overlay(seen.image.pixels, labels)),
        "modal.csv": lambda: modal_csv(result).encode(),
        "grains.csv": lambda: grains_csv(measured.grains, um_per_px=um_per_px).encode(),
        "grains.geojson": lambda: grains_geojson(
            measured.grains, identity=identity, um_per_px=um_per_px
        ),
    }
    wanted = get_args(ArtefactName) if outputs is None else outputs
    with ThreadPoolExecutor(_WRITER_THREADS) as pool:
        futures: dict[str, Future[bytes]] = {
            name: pool.submit(write) for name, write in writers.items() if name in wanted
        }
        files = {name: future.result() for name, future in futures.items()}
    provenance = json.dumps(result.provenance, indent=2, ensure_ascii=False) + "\n"
    return {**files, "provenance.json": provenance.encode()}


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

"""The files of an analysis, written side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import BinaryIO, Self

from petrography.image_codec import encode_jpeg, encode_png
from petrography.model_card import sha256_hex
from petrography.pipeline.file_sink import FileSink, written
from petrography.pipeline.map_files import WriteFile, maps_by_rows, picture_of
from petrography.pipeline.measurement import Measured
from petrography.pipeline.request import MEDIA_TYPES, ArtefactName
from petrography.pipeline.seeing import Seen
from petrography.pipeline.wanted_files import files_to_write
from petrography.registration import anisotropy_picture
from petrography.report import (
    Artefact,
    Result,
    exports,
    provenance_json,
    write_grains_geojson,
    write_whole,
)
from petrography.statistics import Grains

__all__ = ["WritingFiles", "listed"]

# Maps take as long as the statistics, which are finished beside them and for which the tables wait:
# with more threads two processors would be late with those.
_MAP_THREADS, _TABLE_THREADS = 1, 2
# Of the longer side of the picture in report.pdf: 230 px to the inch of a page.
_MAX_PRINTED_PX = 1600
_OUTLINES = "grains.geojson"


class WritingFiles:
    """Writes the wanted files of an analysis, each as soon as what it shows is there.

    Parameters
    ----------
    sink : FileSink
        Takes the files.
    outputs : tuple of str or None
        Names of the wanted ones; None is all but those that are made on request. The provenance
        is always there.
    image_px : int
        Pixels of the image; of a very large one pyramids are written instead of PNG.
    """

    def __init__(
        self, sink: FileSink, outputs: tuple[ArtefactName, ...] | None, image_px: int
    ) -> None:
        self._sink = sink
        self._wanted = files_to_write(outputs, image_px)
        self._maps = ThreadPoolExecutor(_MAP_THREADS, "maps")
        self._tables = ThreadPoolExecutor(_TABLE_THREADS, "tables")
        self._futures: dict[str, Future[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pools = (self._maps, self._tables)
        # All are told first: nothing queued is begun while one waits for the other.
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=error is not None)
        for pool in pools:
            pool.shutdown()

    def begin(self, seen: Seen) -> None:
        """Write what shows the map alone, while its statistics are finished."""
        self._submit(self._maps, _of_map(seen))

    def begin_outlines(self, seen: Seen, grains: Grains) -> None:
        """Write the outlines of the grains, the slowest of all, while their textures are measured."""
        self._submit(self._tables, {_OUTLINES: _of_grains(seen, grains)})

    def finish(self, result: Result, seen: Seen, measured: Measured) -> dict[str, str]:
        """Write the others and wait for all; gives their digests by name."""
        self._submit(self._tables, _of_statistics(result, seen, measured))
        name, provenance = "provenance.json", partial(provenance_json, result)
        last = written(self._sink, name, partial(write_whole, provenance))
        digests = {**{name: future.result() for name, future in self._futures.items()}, name: last}
        return {name: digests[name] for name in MEDIA_TYPES if name in digests}

    def _submit(self, pool: ThreadPoolExecutor, writers: Mapping[str, WriteFile]) -> None:
        for name, write in writers.items():
            if name in self._wanted and name not in self._futures:
                self._futures[name] = pool.submit(written, self._sink, name, write)


def _of_map(seen: Seen) -> dict[str, WriteFile]:
    labels = seen.segmentation.labels
    um_per_px = None if seen.scale is None else seen.scale.um_per_px
    pictures = {"overlay.jpg": lambda: encode_jpeg(picture_of(seen.picture, labels))}
    turning = None if seen.overlay is None else seen.overlay.anisotropy
    if turning is not None:
        pictures["anisotropy.png"] = lambda: encode_png(anisotropy_picture(turning))
    return {**_as_writers(pictures), **maps_by_rows(seen.segmentation, um_per_px=um_per_px)}


def _of_grains(seen: Seen, grains: Grains) -> WriteFile:
    um_per_px = None if seen.scale is None else seen.scale.um_per_px

    def write(target: BinaryIO) -> None:
        identity = sha256_hex(seen.segmentation.labels.data)
        write_grains_geojson(grains, target, identity=identity, um_per_px=um_per_px)

    return write


def _of_statistics(result: Result, seen: Seen, measured: Measured) -> dict[str, WriteFile]:
    """Tables, plots, and grains one after the other."""
    identity = sha256_hex(seen.segmentation.labels.data)
    return {
        # The slowest first: the others are written beside it.
        "report.pdf": partial(write_whole, partial(_pages, result, seen)),
        **exports(result, measured.grains, measured.textures, identity=identity),
    }


def _pages(result: Result, seen: Seen) -> bytes:
    # Its fonts and its library are of use to those only who ask for it.
    from petrography.report.pages import report_pdf

    picture = picture_of(seen.picture, seen.segmentation.labels, max_side_px=_MAX_PRINTED_PX)
    return report_pdf(result, encode_jpeg(picture))


def _as_writers(made: Mapping[str, Callable[[], bytes]]) -> dict[str, WriteFile]:
    return {name: partial(write_whole, content) for name, content in made.items()}


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

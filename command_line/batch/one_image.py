"""One photograph of an archive: analysed, found finished, or told why not."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from command_line.batch.archive import ArchiveImage
from command_line.batch.finished import file_sha256, finished_result
from command_line.batch.places import Place
from petrography.errors import (
    InputError,
    InternalError,
    PetroserveError,
    StorageUnavailableError,
)
from petrography.field_types import Code, Count, NotNegative, Percent
from petrography.stored_documents import Document

if TYPE_CHECKING:
    from command_line.one_analysis import PreparedAnalysis
    from petrography.report import Result

__all__ = ["ImageRow", "Share", "WhereTo", "lost_row", "row_of"]

State = Literal["ok", "refused", "failed"]


class Share(Document):
    """The share of one phase in the whole annotated field."""

    code: Code
    symbol: str
    percent: Percent
    ci95: tuple[Percent, Percent] | None


class ImageRow(Document):
    """What became of one photograph."""

    file: str
    folder: str
    status: State
    """refused: the photograph or what is stated of it is at fault; failed: something else is."""
    was_there: bool = False
    """Whether an earlier run made the results."""
    sha256: str | None = None
    id: str | None = None
    sample_id: str | None = None
    problem_type: str | None = None
    problem_detail: str | None = None
    model: str | None = None
    seconds: NotNegative | None = None
    shares: tuple[Share, ...] = ()
    calibrate_first: bool | None = None
    warnings: Count | None = None
    degradations: Count | None = None
    trace: str | None = None
    """Where in the code an error arose that nobody thought of."""


@dataclass(frozen=True)
class WhereTo:
    """From where photographs come, and where their results go."""

    source: Place
    destination: Place


def row_of(image: ArchiveImage, places: WhereTo, prepared: PreparedAnalysis) -> ImageRow:
    """Analyse a photograph, unless its results are there; whatever is wrong is told in the row.

    Parameters
    ----------
    image : ArchiveImage
        Which one.
    places : WhereTo
        Where it lies, and where its results go.
    prepared : PreparedAnalysis
        What is asked of all of them.
    """
    try:
        with places.source.local(image.file) as path:
            return _row_of_file(image, path, places.destination, prepared)
    except Exception as error:  # noqa: BLE001 - one photograph must not end the work on all others
        return _row_of_error(image, error, None)


def lost_row(image: ArchiveImage) -> ImageRow:
    """Tell of a photograph over which the process of a worker died, twice."""
    from service.status import status_of

    return ImageRow(
        file=image.file,
        folder=image.folder,
        status="failed",
        problem_type=status_of(InternalError()).type_uri,
        problem_detail=(
            "the worker that analysed it died, and so did the next (no memory left? with fewer "
            "workers each has more)"
        ),
    )


def _row_of_file(
    image: ArchiveImage, path: Path, destination: Place, prepared: PreparedAnalysis
) -> ImageRow:
    try:
        own = prepared.of_stated(image.stated, source="its line in the list")
        result = finished_result(destination, image.folder, path, own)
        was_there = result is not None
        if result is None:
            with destination.replacing(image.folder) as folder:
                result = own.analyse(path, folder)
        return _row_of_result(image, result, was_there=was_there)
    except Exception as error:  # noqa: BLE001 - as above
        return _row_of_error(image, error, _sha256_if_readable(path))


def _sha256_if_readable(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None


def _row_of_result(image: ArchiveImage, result: Result, *, was_there: bool) -> ImageRow:
    from petrography.report.provenance import fact

    found = tuple(
        Share(code=one.code, symbol=one.symbol, percent=one.area_percent, ci95=one.ci95)
        for one in result.modal
    )
    not_found = tuple(
        Share(code=one.code, symbol=one.symbol, percent=0.0, ci95=None) for one in result.not_found
    )
    return ImageRow(
        file=image.file,
        folder=image.folder,
        status="ok",
        was_there=was_there,
        sha256=str(fact(result, "image", "sha256")),
        id=result.id,
        sample_id=result.sample.id,
        model=None if result.model is None else result.model.full_name,
        seconds=round(sum(result.timings_s.values()), 3),
        shares=(*found, *not_found),
        calibrate_first=result.quality.calibrate_first,
        warnings=len(result.quality.warnings),
        degradations=len(result.degradations),
    )


def _row_of_error(image: ArchiveImage, error: Exception, sha256: str | None) -> ImageRow:
    from service.status import status_of

    deliberate = isinstance(error, (PetroserveError, OSError, MemoryError))
    return ImageRow(
        file=image.file,
        folder=image.folder,
        status="refused" if isinstance(error, InputError) else "failed",
        sha256=sha256,
        sample_id=image.stated.get("sample_id"),
        problem_type=status_of(_as_told(error)).type_uri,
        problem_detail=_in_words(error),
        trace=None if deliberate else "".join(traceback.format_exception(error)),
    )


def _as_told(error: Exception) -> Exception:
    """What a service, which words the troubles of its disk itself, would raise instead."""
    return StorageUnavailableError() if isinstance(error, OSError) else error


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'its file or its results'}: {error.strerror or error}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {str(error) or 'use smaller images, or fewer workers'}"
    told = str(error)
    return told if isinstance(error, PetroserveError) else f"{type(error).__name__}: {told}"

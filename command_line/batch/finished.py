"""Whether the results of a photograph are there already."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from petrography.errors import PetroserveError

if TYPE_CHECKING:
    from command_line.batch.places import Place
    from command_line.one_analysis import PreparedAnalysis
    from petrography.report import Result

__all__ = ["file_sha256", "finished_result"]


def finished_result(
    place: Place, folder: str, image: Path, prepared: PreparedAnalysis
) -> Result | None:
    """Read the result of an earlier run, if it is what this run would make.

    Parameters
    ----------
    place : FolderPlace or BucketPlace
        Where results go.
    folder : str
        Of the results of this image.
    image : Path
        The image.
    prepared : PreparedAnalysis
        What is asked of it.

    Returns
    -------
    Result or None
        None where there is none, an artefact of it is missing, or it is of other bytes, of another
        model or of other parameters.
    """
    from petrography.report import parse_result

    content = place.read(f"{folder}/result.json")
    if content is None:
        return None
    try:
        result = parse_result(content, source=folder)
    except PetroserveError:
        # Cut off, or of another version of the format.
        return None
    if not _is_asked_for(result, prepared):
        return None
    if _recorded_sha256(result) != file_sha256(image):
        return None
    names = (artefact.name for artefact in result.artefacts)
    return result if place.has(folder, names) else None


def file_sha256(path: Path) -> str:
    """Tell the SHA-256 of a file.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_asked_for(result: Result, prepared: PreparedAnalysis) -> bool:
    from petrography.report.provenance import fact

    card = prepared.model.card
    made_by = result.model
    return (
        made_by is not None
        and (made_by.full_name, made_by.sha256) == (card.full_name, card.onnx_sha256)
        and fact(result, "model", "card_sha256") == prepared.model.card_sha256
        and fact(result, "request") == prepared.request.model_dump(mode="json")
    )


def _recorded_sha256(result: Result) -> object:
    from petrography.report.provenance import fact

    return fact(result, "image", "sha256")

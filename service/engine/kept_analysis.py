"""One analysis from the mapped image to the files that are kept."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, TypeAlias

from petrography.image_codec import Encoded
from petrography.pipeline import AnalysisRequest
from service.engine.artefact_store import ArtefactStore
from service.engine.course import Course
from service.engine.kinds import ANALYSES
from service.engine.one_image import analyse_image
from service.engine.scratch_files import ScratchFiles
from service.repository import LoadedModel
from service.settings import Settings

__all__ = ["MapImage", "analyse_and_keep"]

# Maps an encoded image where it lies; its map is handed back with the others of the analysis.
MapImage: TypeAlias = Callable[[ScratchFiles], Encoded]


def analyse_and_keep(
    store: ArtefactStore,
    map_image: MapImage,
    request: AnalysisRequest,
    model: LoadedModel,
    *,
    settings: Settings,
    max_bytes: int | None,
    href_root: str,
    course: Course,
    **options: Any,
) -> tuple[str, bytes]:
    """Analyse an image and keep the files, which are written while they are made.

    Parameters
    ----------
    store : ArtefactStore
        Keeps them.
    map_image : callable
        Given the scratch files of the analysis, maps the encoded image.
    request, model, settings
        See `service.engine.one_image.analyse_image`.
    max_bytes : int or None
        Largest file that is taken; None for one of our own making.
    href_root : str
        Where the protocol shows analyses.
    course : Course
        Is told how it goes, and stops it.
    **options
        Further ones of `analyse_image`.

    Returns
    -------
    tuple of str and bytes
        The id of the analysis and the content of its document.

    Raises
    ------
    InputError
        If image or request cannot be analysed; nothing is kept then.
    """
    analysis_id = str(uuid.uuid4())
    with ScratchFiles(settings.scratch_folder) as scratch, store.draft(ANALYSES) as draft:
        image = map_image(scratch)
        limit = {"max_image_bytes": len(image) if max_bytes is None else max_bytes}
        analyse_image(
            draft,
            image,
            request,
            model,
            settings=settings.model_copy(update=limit),
            workspace=scratch,
            analysis_id=analysis_id,
            href_prefix=f"{href_root}/{analysis_id}/",
            on_stage=course.on_stage,
            on_progress=course.on_progress,
            **options,
        )
        document = draft.read(ANALYSES.document)
        course.go_on()
        store.publish(ANALYSES, analysis_id, draft)
    return analysis_id, document

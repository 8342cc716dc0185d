"""From a photograph to an annotation on which nothing is drawn, and back into memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from petrography.annotation import Superpixels, prepare
from petrography.errors import DamagedResultError
from petrography.image_codec import ImageLimits, encode_png
from petrography.minerals import MINERALS, mineral, parse_association
from service.engine.annotations.documents import AnnotationDocument, AnnotationFile, OfferedClass
from service.engine.annotations.requests import AnnotationRequest
from service.engine.annotations.session import Session
from service.engine.artefact_store import ArtefactStore
from service.engine.course import Course
from service.engine.draft import Draft
from service.engine.input_digests import NotingDigests
from service.engine.kinds import ANNOTATIONS, SUPERPIXELS
from service.engine.one_image import software_versions
from service.engine.source_files import NamedFile

__all__ = ["PHOTOGRAPH", "begin_annotation", "read_annotation"]

PHOTOGRAPH = "image.png"
# Finding superpixels takes about 40 bytes a pixel, and a third of a second for each megapixel.
_MAX_PX = 32_000_000


def begin_annotation(
    image: NamedFile,
    request: AnnotationRequest,
    draft: Draft,
    annotation_id: str,
    *,
    limits: ImageLimits,
    course: Course,
) -> AnnotationDocument:
    """Prepare a photograph, and write what is drawn upon.

    Parameters
    ----------
    image : NamedFile
        The photograph.
    request : AnnotationRequest
        What is wanted.
    draft : Draft
        Where the files go.
    annotation_id : str
        Identity.
    limits : ImageLimits
        Of the photograph, which has at most 32 million pixels in any case.
    course : Course
        Told the stages.

    Raises
    ------
    InputError
        If image or request cannot be used.
    """
    classes = _offered(request.association)
    noting = NotingDigests(_limits(limits))
    with course.stage("decode"):
        decoded = noting.decoded(image)
    with course.stage("superpixels"):
        superpixels = prepare(decoded.pixels)
    draft.write(PHOTOGRAPH, encode_png(decoded.pixels))
    draft.write(SUPERPIXELS, superpixels.to_bytes())
    (digests,) = noting.of(image)
    return AnnotationDocument(
        id=annotation_id,
        created_utc=datetime.now(UTC),
        sample=request.sample,
        image=digests,
        image_warnings=decoded.warnings,
        shape=superpixels.shape,
        um_per_px=decoded.um_per_px if request.um_per_px is None else request.um_per_px,
        association=request.association,
        classes=classes,
        levels=tuple(superpixels.levels),
        software=software_versions(),
        artefacts=_files_of(annotation_id),
        steps=0,
        last_step=None,
        annotated_fraction=0.0,
        area_fraction={},
    )


def read_annotation(store: ArtefactStore, annotation_id: str, owner: str) -> Session:
    """Read an annotation as it was begun.

    Parameters
    ----------
    store : ArtefactStore
        What keeps it; from now on it counts as new again.
    annotation_id, owner : str
        Which, and whose.

    Raises
    ------
    AnnotationNotFoundError
        If it is not kept.
    DamagedResultError
        If its files are not as they were kept.
    """
    document = store.use(ANNOTATIONS, annotation_id, owner)
    try:
        begun = AnnotationDocument.model_validate_json(document)
        superpixels = store.within(ANNOTATIONS, annotation_id, owner, _superpixels_of)
    except (ValidationError, FileNotFoundError) as error:
        raise _damaged(annotation_id, type(error).__name__) from error
    if superpixels is None:
        raise store.not_found(ANNOTATIONS, annotation_id, ANNOTATIONS.document)
    if superpixels.shape != begun.shape:
        raise _damaged(annotation_id, f"superpixels of {superpixels.shape}, not {begun.shape}")
    return Session(begun, superpixels)


def _damaged(annotation_id: str, what: str) -> DamagedResultError:
    msg = f"annotation {annotation_id} is not as it was kept ({what}); wanted its files restored"
    return DamagedResultError(msg)


def _superpixels_of(folder: Path) -> Superpixels:
    return Superpixels.from_bytes((folder / SUPERPIXELS).read_bytes())


def _limits(limits: ImageLimits) -> ImageLimits:
    if limits.max_pixels <= _MAX_PX:
        return limits
    return replace(limits, max_pixels=_MAX_PX, for_what=" for an image that is annotated")


def _offered(association: str | None) -> tuple[OfferedClass, ...]:
    known = tuple(MINERALS)
    codes = known if association is None else parse_association(association, classes=known)
    phases = map(mineral, codes)
    return tuple(
        OfferedClass(
            code=phase.code,
            symbol=phase.symbol,
            name=phase.name,
            colour=f"#{bytes(phase.colour_rgb).hex()}",
        )
        for phase in phases
    )


def _files_of(annotation_id: str) -> tuple[AnnotationFile, ...]:
    return tuple(
        AnnotationFile(
            name=name,
            media_type=media_type,
            href=f"{ANNOTATIONS.href_root}/{annotation_id}/{name}",
        )
        for name, media_type in ANNOTATIONS.media_types.items()
        if name != ANNOTATIONS.document
    )

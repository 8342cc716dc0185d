"""From views of one place to views that lie over each other, and their files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from petrography.errors import InvalidParameterError
from petrography.image_codec import ImageLimits, encode_png
from petrography.images import Image
from petrography.pipeline import StageAngleDeg
from petrography.registration import (
    RegistrationReport,
    StageView,
    anisotropy_picture,
    overlay_views,
    register_views,
)
from service.engine.course import Course
from service.engine.documents import document_bytes
from service.engine.draft import Draft
from service.engine.input_digests import InputDigests, NotingDigests
from service.engine.kinds import ANISOTROPY_PICTURE, REGISTERED_PREFIX
from service.engine.source_files import NamedFile, require_distinct_names

__all__ = [
    "Registration",
    "RegistrationRequest",
    "ViewDescription",
    "register_files",
]


class ViewDescription(BaseModel):
    """How a view was taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    """The filename of its part."""
    light: Literal["PPL", "XPL"] = "PPL"
    """Plane-polarised, or between crossed polars."""
    stage_angle_deg: StageAngleDeg | None = None
    """By how many degrees, -3600 to 3600, the stage was turned since the reference, of either
    sense."""


class RegistrationRequest(BaseModel):
    """What is asked of a registration, apart from the views."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    views: tuple[ViewDescription, ...] = ()
    """How views were taken; one that is not described is plane-polarised, at an unknown angle.
    An XPL view lies as the PPL view of the same stage angle does, the reference being at 0."""


class Registration(RegistrationReport):
    """A registration that is kept: its report, its identity and its files."""

    id: str
    """Identity."""
    registered: dict[str, str]
    """From the name of a view to the name of the file that lies over the reference."""
    inputs: tuple[InputDigests, ...]
    """The reference and the views, in the order in which they were sent."""


@dataclass(frozen=True)
class _View:
    file: NamedFile
    taken: ViewDescription

    @property
    def registered_name(self) -> str:
        """Name of the file that lies over the reference."""
        return f"{REGISTERED_PREFIX}{PurePosixPath(self.file.name).stem}.png"


def register_files(
    reference: NamedFile,
    files: Sequence[NamedFile],
    request: RegistrationRequest,
    draft: Draft,
    registration_id: str,
    *,
    limits: ImageLimits,
    course: Course,
) -> Registration:
    """Lay views over a reference, and write ``report.json`` and one PNG for every view.

    With 3 or more views between crossed polars, ``anisotropy.png`` too.

    Parameters
    ----------
    reference : NamedFile
        What the views are laid over.
    files : sequence of NamedFile
        The views; read one at a time, and again to be drawn.
    request : RegistrationRequest
        What is known of them.
    draft : Draft
        Where the files go.
    registration_id : str
        Identity of the result.
    limits : ImageLimits
        Of every image; none has over 150 million pixels either.
    course : Course
        Told the stages, and asked before every view.

    Raises
    ------
    InputError
        If an image or the request cannot be used, or a view does not fit with certainty.
    """
    views = _described(files, request)
    noting = NotingDigests(limits.of_whole())
    fixed = StageView(reference.name, partial(_pixels, reference, noting), "PPL", 0.0)
    moving = [
        StageView(
            view.file.name,
            partial(_pixels, view.file, noting),
            view.taken.light,
            view.taken.stage_angle_deg,
        )
        for view in views
    ]
    file_names = {view.file.name: view.registered_name for view in views}
    with course.stage("register"):
        found = register_views(fixed, moving, on_progress=course.on_progress)

    def write(name: str, pixels: Image) -> None:
        course.go_on()
        draft.write(file_names[name], encode_png(pixels))

    with course.stage("warp"):
        overlay = overlay_views(fixed, moving, found, on_registered=write)
        if overlay.anisotropy is not None:
            draft.write(ANISOTROPY_PICTURE, encode_png(anisotropy_picture(overlay.anisotropy)))
    draft.write("report.json", document_bytes(overlay.report))
    return Registration(
        **dict(overlay.report),
        id=registration_id,
        registered=file_names,
        inputs=noting.of(reference, *files),
    )


def _pixels(file: NamedFile, noting: NotingDigests) -> Image:
    return noting.decoded(file).pixels


def _described(files: Sequence[NamedFile], request: RegistrationRequest) -> list[_View]:
    require_distinct_names(files, "view")
    known = {file.name for file in files}
    for name, count in Counter(view.name for view in request.views).items():
        if name not in known:
            sent = ", ".join(repr(one.name) for one in files[:20])
            msg = f"views describe {name[:100]!r}, which was not sent; sent were {sent}"
            raise InvalidParameterError(msg)
        if count > 1:
            msg = f"views describe {name[:100]!r} {count} times; wanted once"
            raise InvalidParameterError(msg)
    described = {view.name: view for view in request.views}
    views = [
        _View(file, described.get(file.name, ViewDescription(name=file.name))) for file in files
    ]
    for name, count in Counter(view.registered_name for view in views).items():
        if count > 1:
            msg = f"{count} views would be written to {name!r}; rename all but one"
            raise InvalidParameterError(msg)
    return views

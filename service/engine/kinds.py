"""The kinds of results that are kept, with the files that each may have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from petrography import errors
from petrography.pipeline import MEDIA_TYPES

__all__ = [
    "ANALYSES",
    "ANISOTROPY_PICTURE",
    "ANNOTATIONS",
    "CALIBRATIONS",
    "EVALUATED_PREFIX",
    "EVALUATIONS",
    "KINDS",
    "PANORAMAS",
    "REGISTERED_PREFIX",
    "REGISTRATIONS",
    "SUPERPIXELS",
    "Kind",
    "is_file_name",
]

REGISTERED_PREFIX = "registered-"
EVALUATED_PREFIX = "image-"
ANISOTROPY_PICTURE = "anisotropy.png"
SUPERPIXELS = "superpixels.npz"
_JSON, _PNG, _JPEG = "application/json", "image/png", "image/jpeg"
# One step of a path on every system, not hidden, and short enough for every file system.
_MAX_FILE_NAME_BYTES = 200
_FILE_NAME = re.compile(r"(?!\.)[^/\\\x00-\x1f\x7f]+(?<![. ])")


@dataclass(frozen=True)
class Kind:
    """One kind of results that are kept.

    Attributes
    ----------
    folder : str
        Where they are kept, and the last step of their URL.
    noun : str
        What one of them is called, with its article.
    document : str
        The file that tells about it: what its creation answers.
    media_types : mapping of str to str
        The files that it may have.
    not_found : type of NotFoundError
        Raised for what is not kept.
    named_prefix : str or None
        It may also have PNGs that are named by the client, after this prefix.
    lasting : bool
        Whether other requests name it, or people work on it, so that it goes last where room is
        made for others.
    worked_on : str
        The file that is there once people have worked on it: then it goes behind all others, and
        ten times as many are kept. Empty where nobody does.
    lists_added : bool
        Whether a bucket is asked for the list of the files that were added to it
        (`service.engine.added_files`); those of other kinds are asked for by their names.
    """

    folder: str
    noun: str
    document: str
    media_types: Mapping[str, str]
    not_found: type[errors.NotFoundError]
    named_prefix: str | None = None
    lasting: bool = False
    worked_on: str = ""
    lists_added: bool = False

    @property
    def href_root(self) -> str:
        """Where its results are over HTTP, whichever protocol made them."""
        return f"/v1/{self.folder}"

    def media_type(self, name: str) -> str | None:
        """Find the media type of a file by its name; None if there can be no such file."""
        if name in self.media_types:
            return self.media_types[name]
        return _PNG if self._is_named(name) else None

    def possible_media_types(self) -> tuple[str, ...]:
        """List the media types that its files may have."""
        named = () if self.named_prefix is None else (_PNG,)
        return tuple(dict.fromkeys((*self.media_types.values(), *named)))

    def file_names(self) -> str:
        """Name the files for people."""
        names = ", ".join(self.media_types)
        return names if self.named_prefix is None else f"{names}, {self.named_prefix}NAME.png"

    def _is_named(self, name: str) -> bool:
        if self.named_prefix is None or not name.startswith(self.named_prefix):
            return False
        stem = name.removeprefix(self.named_prefix).removesuffix(".png")
        return name.endswith(".png") and is_file_name(stem)


def is_file_name(name: str) -> bool:
    """Tell whether a name can be that of a file on every system, and one step of a URL.

    Examples
    --------
    >>> [is_file_name(name) for name in ("field 1.png", "../x.png", ".hidden", "")]
    [True, False, False, False]
    """
    try:
        size_bytes = len(name.encode())
    except UnicodeEncodeError:
        return False
    return size_bytes <= _MAX_FILE_NAME_BYTES and _FILE_NAME.fullmatch(name) is not None


ANALYSES = Kind(
    "analyses",
    "an analysis",
    "result.json",
    MEDIA_TYPES,
    errors.AnalysisNotFoundError,
    lists_added=True,
)
CALIBRATIONS = Kind(
    "calibrations",
    "a calibration",
    "calibration.json",
    {
        "calibration.json": _JSON,
        "calibrated.jpg": _JPEG,
        "flat_field.json": _JSON,
        "lens.json": _JSON,
    },
    errors.CalibrationNotFoundError,
    lasting=True,
)
REGISTRATIONS = Kind(
    "registrations",
    "a registration",
    "registration.json",
    {"registration.json": _JSON, "report.json": _JSON, ANISOTROPY_PICTURE: _PNG},
    errors.RegistrationNotFoundError,
    named_prefix=REGISTERED_PREFIX,
)
PANORAMAS = Kind(
    "panoramas",
    "a panorama",
    "panorama.json",
    {
        "panorama.json": _JSON,
        "report.json": _JSON,
        "panorama.ome.tif": "image/tiff",
        "preview.jpg": _JPEG,
    },
    errors.PanoramaNotFoundError,
)
EVALUATIONS = Kind(
    "evaluations",
    "an evaluation",
    "evaluation.json",
    {
        "evaluation.json": _JSON,
        "tables.md": "text/markdown; charset=utf-8",
        "confusion.csv": "text/csv; charset=utf-8",
        "confusion.png": _PNG,
        "error_map.png": _PNG,
        "panel.png": _PNG,
    },
    errors.EvaluationNotFoundError,
    named_prefix=EVALUATED_PREFIX,
)
ANNOTATIONS = Kind(
    "annotations",
    "an annotation",
    "annotation.json",
    {
        "annotation.json": _JSON,
        "image.png": _PNG,
        "labels.png": _PNG,
        "confidence.png": _PNG,
        "origin.png": _PNG,
        "overlay.jpg": _JPEG,
        SUPERPIXELS: "application/octet-stream",
    },
    errors.AnnotationNotFoundError,
    lasting=True,
    worked_on="step.1.json",
)
KINDS = (ANALYSES, CALIBRATIONS, REGISTRATIONS, PANORAMAS, EVALUATIONS, ANNOTATIONS)

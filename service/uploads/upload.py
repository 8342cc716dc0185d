"""What a client uploaded, sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from service.settings import Settings
from service.uploads.form import UploadForm
from service.uploads.part import Part
from service.uploads.request_part import read_request
from service.uploads.spool import UploadedFile

__all__ = ["Upload", "read_upload"]

RequestT = TypeVar("RequestT", bound=BaseModel)


@dataclass(frozen=True)
class Upload(Generic[RequestT]):
    """The parts of one request.

    Attributes
    ----------
    files : mapping of str to tuple of UploadedFile
        The files of every part of the form, in the order of the body.
    request : pydantic model
        What is wanted.
    """

    files: Mapping[str, tuple[UploadedFile, ...]]
    request: RequestT


def read_upload(
    parts: Sequence[Part], form: UploadForm[RequestT], settings: Settings
) -> Upload[RequestT]:
    """Make sense of the parts that arrived.

    Parameters
    ----------
    parts : sequence of Part
        All parts, in the order of arrival.
    form : UploadForm
        Which are wanted.
    settings : Settings
        The limits.

    Raises
    ------
    BodyTooLargeError
        If the request part is over its limit.
    MalformedRequestError
        If the JSON cannot be read.
    MissingPartError
        If a file that must be there is not.
    InvalidParameterError
        If a part is there too often or unknown, or a field of the request is not possible.
    """
    asked = read_request(parts, form.request, settings.max_request_bytes)
    return Upload(form.sorted_files(parts, asked, settings), asked)

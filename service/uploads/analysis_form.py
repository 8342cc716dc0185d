"""What is uploaded for an analysis, over every protocol."""

from __future__ import annotations

from typing import TypeVar

from petrography.pipeline import AnalysisRequest
from service.uploads.form import FilePart, UploadForm
from service.uploads.spool import UploadedFile
from service.uploads.upload import Upload

__all__ = ["ANALYSIS", "image_and_named"]

RequestT = TypeVar("RequestT", bound=AnalysisRequest)

ANALYSIS = UploadForm(
    AnalysisRequest,
    (FilePart("image", "one image file: PNG, JPEG or TIFF (curl -F image=@field.png)"),),
    named_by=lambda request: request.named_parts,
)


def image_and_named(upload: Upload[RequestT]) -> tuple[UploadedFile, dict[str, UploadedFile]]:
    """Find the image that is to be analysed, and the files that the request names by part."""
    (image,) = upload.files["image"]
    return image, {part: upload.files[part][0] for part in upload.request.named_parts}

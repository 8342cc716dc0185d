"""What is uploaded for an analysis, over every protocol."""

from __future__ import annotations

from typing import TypeVar

from petrography.pipeline import AnalysisRequest
from service.uploads.form import FilePart, UploadForm
from service.uploads.spool import UploadedFile
from service.uploads.upload import Upload

__all__ = ["ANALYSIS", "image_and_views"]

RequestT = TypeVar("RequestT", bound=AnalysisRequest)

ANALYSIS = UploadForm(
    AnalysisRequest,
    (FilePart("image", "one image file: PNG, JPEG or TIFF (curl -F image=@field.png)"),),
    named_by=lambda request: [view.part for view in request.views],
)


def image_and_views(upload: Upload[RequestT]) -> tuple[UploadedFile, dict[str, UploadedFile]]:
    """Find the image that is to be analysed, and the views that the request describes by part."""
    (image,) = upload.files["image"]
    return image, {view.part: upload.files[view.part][0] for view in upload.request.views}

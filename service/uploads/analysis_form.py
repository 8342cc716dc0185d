"""What is uploaded for an analysis, over every protocol."""

from __future__ import annotations

from petrography.pipeline import AnalysisRequest
from service.uploads.form import FilePart, UploadForm

__all__ = ["ANALYSIS"]

ANALYSIS = UploadForm(
    AnalysisRequest,
    (FilePart("image", "one image file: PNG, JPEG or TIFF (curl -F image=@field.png)"),),
    named_by=lambda request: [view.part for view in request.views],
)

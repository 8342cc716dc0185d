"""The files of a request and what it asks for, whatever protocol brings them.

A protocol takes its own framing apart into parts, whose files lie one after the other in one
temporary file; what the parts mean, and every limit on them, is here.
"""

from service.uploads.analysis_form import ANALYSIS, image_and_named
from service.uploads.form import FilePart, UploadForm
from service.uploads.idempotency import MAX_KEY_CHARACTERS, idempotency_key
from service.uploads.part import Part
from service.uploads.request_part import REQUEST_PART, read_json, read_request
from service.uploads.spool import Spool, UploadedFile
from service.uploads.upload import Upload, read_upload

__all__ = [
    "ANALYSIS",
    "MAX_KEY_CHARACTERS",
    "REQUEST_PART",
    "FilePart",
    "Part",
    "Spool",
    "Upload",
    "UploadForm",
    "UploadedFile",
    "idempotency_key",
    "image_and_named",
    "read_json",
    "read_request",
    "read_upload",
]

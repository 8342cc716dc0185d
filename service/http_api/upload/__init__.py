"""A multipart body as files and a request, within limits.

The body is refused as soon as it is too large: by Content-Length before a byte is read, and by
count while it streams. What is accepted lies in one file on disk, not in memory.
"""

from __future__ import annotations

from service.http_api.upload.body import body_chunks, require_unpacked
from service.http_api.upload.receiving import receive_upload
from service.uploads import (
    REQUEST_PART,
    FilePart,
    Part,
    Upload,
    UploadedFile,
    UploadForm,
    read_json,
)

__all__ = [
    "REQUEST_PART",
    "FilePart",
    "Part",
    "Upload",
    "UploadForm",
    "UploadedFile",
    "body_chunks",
    "read_json",
    "receive_upload",
    "require_unpacked",
]

"""The forms in which results are kept: JSON documents and pictures to look at."""

from __future__ import annotations

import json

from pydantic import BaseModel

from petrography.images import Image, resample_image

__all__ = ["PREVIEW_PX", "document_bytes", "preview"]

# Longest side of a picture that is only looked at.
PREVIEW_PX = 2048


def document_bytes(document: BaseModel) -> bytes:
    """Write a JSON document for people: indented, with a last line end."""
    return f"{json.dumps(document.model_dump(mode='json'), indent=2)}\n".encode()


def preview(pixels: Image) -> Image:
    """Reduce an image to at most 2048 px a side."""
    return resample_image(pixels, min(1.0, PREVIEW_PX / max(pixels.shape[:2])))

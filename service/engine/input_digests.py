"""Which files a registration or a panorama was made from: digests of their bytes and pixels."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from petrography.image_codec import DecodedImage, ImageLimits, decode_image
from petrography.model_card import sha256_hex
from service.engine.source_files import NamedFile

__all__ = ["InputDigests", "NotingDigests"]


class InputDigests(BaseModel):
    """One file that was sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """Its name."""
    sha256: str
    """SHA-256 of its bytes."""
    pixels_sha256: str | None
    """SHA-256 of its decoded pixels; null for what is no image."""


class NotingDigests:
    """Decodes files, and notes the digests of each when it is decoded for the first time.

    Parameters
    ----------
    limits : ImageLimits
        Of every image.
    """

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = limits
        self._noted: dict[str, InputDigests] = {}

    def decoded(self, file: NamedFile) -> DecodedImage:
        """Decode a photograph; messages call it by its name.

        Raises
        ------
        ImageError, BodyTooLargeError
            If it cannot be read.
        """
        data = file.read()
        decoded = decode_image(data, limits=self._limits, name=file.name[:100] or "image")
        if file.name not in self._noted:
            pixels = np.ascontiguousarray(decoded.pixels).data
            self._noted[file.name] = InputDigests(
                name=file.name, sha256=sha256_hex(data), pixels_sha256=sha256_hex(pixels)
            )
        return decoded

    def of(self, *files: NamedFile) -> tuple[InputDigests, ...]:
        """Give the digests of files, in their order; of what was not decoded, of the bytes."""
        return tuple(self._noted.get(file.name) or _undecoded(file) for file in files)


def _undecoded(file: NamedFile) -> InputDigests:
    return InputDigests(name=file.name, sha256=sha256_hex(file.read()), pixels_sha256=None)

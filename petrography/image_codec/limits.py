"""How many bytes and pixels are taken, checked before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace

from petrography.errors import BodyTooLargeError, DamagedImageError, ImageTooLargeError

__all__ = ["MAX_WHOLE_PX", "ImageLimits", "require_bytes", "require_pixels", "require_values"]

_GIB = 1024**3
# Largest image that is laid over another, or whose shading and distortion are measured or taken
# away: these steps hold several arrays of its size in memory.
MAX_WHOLE_PX = 150_000_000


@dataclass(frozen=True)
class ImageLimits:
    """Largest image that is decoded.

    Attributes
    ----------
    max_bytes : int
        Length of the encoded file. The default is more than a byte a pixel of the largest image.
    max_pixels : int
        Height times width. The default lets a panorama of 26 000 px squared through.
    for_what : str
        Which images `max_pixels` is for, where it is not for all; messages end with it.
    """

    max_bytes: int = _GIB
    max_pixels: int = 700_000_000
    for_what: str = ""

    def of_whole(self) -> ImageLimits:
        """Limits of an image that is worked on as a whole, not by strips.

        Examples
        --------
        >>> ImageLimits().of_whole().max_pixels, ImageLimits(max_pixels=9).of_whole().max_pixels
        (150000000, 9)
        """
        if self.max_pixels <= MAX_WHOLE_PX:
            return self
        what = " for an image that is worked on as a whole"
        return replace(self, max_pixels=MAX_WHOLE_PX, for_what=what)


def require_bytes(length: int, limits: ImageLimits) -> None:
    """Refuse a file over the byte limit.

    Raises
    ------
    BodyTooLargeError
        If `length` is above the limit.
    """
    if length > limits.max_bytes:
        msg = (
            f"has {length} bytes; the limit is {limits.max_bytes}; send a losslessly compressed "
            "TIFF or PNG, or a crop"
        )
        raise BodyTooLargeError(msg)


def require_pixels(height_px: int, width_px: int, limits: ImageLimits) -> None:
    """Refuse an image without pixels or over the pixel limit.

    Raises
    ------
    DamagedImageError
        If a side is 0.
    ImageTooLargeError
        If height times width is above the limit.
    """
    if height_px < 1 or width_px < 1:
        msg = f"has width {width_px} and height {height_px} px; wanted at least 1 x 1"
        raise DamagedImageError(msg)
    if height_px * width_px > limits.max_pixels:
        msg = (
            f"has {width_px} x {height_px} = {height_px * width_px} pixels; the limit is "
            f"{limits.max_pixels}{limits.for_what}; send a crop or several fields"
        )
        raise ImageTooLargeError(msg)


def require_values(height_px: int, width_px: int, bands: int, limits: ImageLimits) -> None:
    """Refuse a stack with more values than an RGB image may have.

    Raises
    ------
    ImageTooLargeError
        If height times width times bands is above three times the pixel limit.
    """
    values = height_px * width_px * bands
    if values > 3 * limits.max_pixels:
        msg = (
            f"has {width_px} x {height_px} pixels of {bands} bands = {values} values; the limit is "
            f"{3 * limits.max_pixels}; send a crop"
        )
        raise ImageTooLargeError(msg)

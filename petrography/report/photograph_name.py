"""What the photograph of an analysis is called where a file must name it."""

from __future__ import annotations

import re

from petrography.report.provenance import fact
from petrography.report.result import Result

__all__ = ["photograph_name"]

# One step of a path on every system, and not a hidden file.
_PLAIN_NAME = re.compile(r"[^\W_][\w .,()+-]{0,199}")
_ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "application/x-npy": ".npy",
}
# Digits of a digest: no two images of a laboratory share so many.
_DIGITS = 16


def photograph_name(result: Result) -> str:
    """Name the photograph, so that equal requests give equal names.

    Parameters
    ----------
    result : Result
        The analysis.

    Returns
    -------
    str
        The field that the request names, where that is a plain file name; otherwise the first 16
        digits of the SHA-256 of the image, with the ending of its format. Never a path: what a
        client calls its files is not written down.

    Examples
    --------
    >>> bool(_PLAIN_NAME.fullmatch("B7 field-03.jpg")), bool(_PLAIN_NAME.fullmatch("../b.jpg"))
    (True, False)
    """
    field = result.sample.field
    if field is not None and _PLAIN_NAME.fullmatch(field):
        return field
    digest = fact(result, "image", "sha256") or result.id
    ending = _ENDINGS.get(str(fact(result, "image", "media_type")), "")
    return f"{str(digest)[:_DIGITS]}{ending}"

"""What every format decodes to, before colour is made of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.errors import DamagedImageError, ImageTooLargeError, PetroserveError

__all__ = ["Alpha", "Layout", "Raster", "decoder_faults"]

_LIBRARY_LOGGERS = ("imagecodecs", "tifffile")
_decoding: ContextVar[bool] = ContextVar("decoding", default=False)

Layout: TypeAlias = Literal["grey", "rgb", "cmyk", "palette"]
Alpha: TypeAlias = Literal["none", "straight", "premultiplied"]


@dataclass(frozen=True)
class Raster:
    """Samples as the file stores them, and what they mean.

    Attributes
    ----------
    samples : ndarray of uint8, uint16 or float, shape (height, width, channels)
        Unscaled: the grey of a 1-bit file is 0 or 1. An alpha channel comes last.
    layout : {'grey', 'rgb', 'cmyk', 'palette'}
        Meaning of the channels before alpha; cmyk counts ink.
    media_type : str
        Such as ``image/png``.
    bits : int or None
        Significant bits of a sample; None when a 16-bit file does not say.
    alpha : {'none', 'straight', 'premultiplied'}
        Whether the last channel is alpha, and whether colours are multiplied by it.
    palette : ndarray of uint8, shape (n, 3), or None
        Colours of the indices of a palette image.
    transparent : ndarray of int64, shape (n, channels), or None
        Samples that mark a pixel as transparent, without an alpha channel.
    white_is_zero : bool
        Whether grey counts down from white.
    lossy : bool
        Whether neighbouring values may have bled into each other.
    pages : int
        Images in the file; the first is decoded.
    orientation : int
        1-8, as in EXIF.
    um_per_px : float or None
        Pixel size.
    scale_source : str or None
        Where the pixel size was read.
    warnings : tuple of str
        Oddities of the file.
    """

    samples: NDArray[Any]
    layout: Layout
    media_type: str
    bits: int | None = 8
    alpha: Alpha = "none"
    palette: NDArray[np.uint8] | None = None
    transparent: NDArray[np.int64] | None = None
    white_is_zero: bool = False
    lossy: bool = False
    pages: int = 1
    orientation: int = 1
    um_per_px: float | None = None
    scale_source: str | None = None
    warnings: tuple[str, ...] = ()


@contextmanager
def decoder_faults(decoder: str) -> Iterator[None]:
    """Turn whatever a decoder raises on bad bytes into an error of ours, without a log line.

    The libraries log each oddity of a file, so that strangers' files would write the operator's
    log. Their records are dropped, but only those of this call: other users keep theirs.

    Parameters
    ----------
    decoder : str
        Name for the message.

    Raises
    ------
    ImageTooLargeError
        If memory ran out.
    DamagedImageError
        For every other failure: the header was fine, so the pixels are not.
    """
    _install_filters()
    token = _decoding.set(True)
    try:
        yield
    except PetroserveError:
        # Of the workspace, which knows better what was missing.
        raise
    except MemoryError as error:
        msg = f"needs more memory than is free ({decoder}); send a crop"
        raise ImageTooLargeError(msg) from error
    except Exception as error:
        msg = f"is damaged: the {decoder} decoder says {_one_line(error)!r}; send the file again"
        raise DamagedImageError(msg) from error
    finally:
        _decoding.reset(token)


@cache
def _install_filters() -> None:
    for library in _LIBRARY_LOGGERS:
        logging.getLogger(library).addFilter(_not_ours)


def _not_ours(_record: logging.LogRecord) -> bool:
    return not _decoding.get()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__

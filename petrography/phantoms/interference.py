"""Interference colours of crystals in transmitted light between crossed polars."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from petrography.phantoms.optics import WAVELENGTHS_NM, spectra_to_linear_rgb
from petrography.phantoms.polarised_light import Polars, transmitted

__all__ = ["MAX_RETARDATION_NM", "interference_rgb"]

# Four orders of colour; calcite and micas beyond it look white all the same.
MAX_RETARDATION_NM = 2200.0
_STEP_NM = 2.0


def interference_rgb(retardation_nm: ArrayLike) -> NDArray[np.float32]:
    """Colour of a crystal at 45° between crossed polars: ``sin²(πΓ/λ)`` seen as linear RGB.

    Parameters
    ----------
    retardation_nm : array_like
        Thickness times birefringence Γ, from 0; above `MAX_RETARDATION_NM` it counts as that.

    Returns
    -------
    ndarray of float32, shape (..., 3)
        In [0, 1]; colours outside the gamut are clipped. Interpolated from a table of 2 nm.

    Examples
    --------
    >>> interference_rgb(0.0).tolist()
    [0.0, 0.0, 0.0]
    """
    steps = np.clip(np.asarray(retardation_nm, dtype=np.float32), 0.0, MAX_RETARDATION_NM)
    steps /= np.float32(_STEP_NM)
    below = np.minimum(steps.astype(np.int32), len(_colour_table()) - 2)
    rest = (steps - below)[..., None]
    table = _colour_table()
    return np.asarray(table[below] * (1.0 - rest) + table[below + 1] * rest, dtype=np.float32)


@cache
def _colour_table() -> NDArray[np.float32]:
    retardation_nm = np.arange(0.0, MAX_RETARDATION_NM + 1.5 * _STEP_NM, _STEP_NM)
    crossed = Polars(analyser=True)
    spectra = transmitted(retardation_nm[:, None], WAVELENGTHS_NM, np.pi / 4.0, crossed)
    table = np.clip(spectra_to_linear_rgb(spectra), 0.0, 1.0).astype(np.float32)
    table.setflags(write=False)
    return table

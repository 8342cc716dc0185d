"""How large an area must be for a wanted error: the representative area.

References
----------
Kanit et al. 2003, Int. J. Solids Struct. 40:3647, doi:10.1016/S0020-7683(03)00143-4, eq. 26: the
error 2 sqrt(p (1 - p) A2 / A) solved for the area A. ASTM E562-19 calls an error of 10 % of the
share good for most purposes (% RA).
"""

from __future__ import annotations

from petrography.errors import InvalidParameterError

__all__ = ["WANTED_ERROR_PERCENT", "representative_area_px2"]

WANTED_ERROR_PERCENT = 10.0


def representative_area_px2(
    fraction: float, integral_range_px2: float, *, error_percent: float = WANTED_ERROR_PERCENT
) -> float:
    """Area in which a share is known to a wanted error at two standard deviations.

    Parameters
    ----------
    fraction : float
        Share of the phase, in (0, 1).
    integral_range_px2 : float
        Area of one independent sample, above 0.
    error_percent : float
        Wanted error in per cent of the share, above 0.

    Returns
    -------
    float
        Square pixels.

    Raises
    ------
    InvalidParameterError
        If the wanted error is not above 0.

    Examples
    --------
    >>> round(representative_area_px2(0.2, 400.0))
    640000
    """
    if not error_percent > 0.0:
        msg = f"wanted error is {error_percent} % of the share; wanted a number above 0"
        raise InvalidParameterError(msg)
    relative = error_percent / 100.0
    return 4.0 * (1.0 - fraction) / fraction * integral_range_px2 / relative**2

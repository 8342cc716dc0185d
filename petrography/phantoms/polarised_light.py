"""Light through polarisers: reflection from a bireflecting surface, transmission of a crystal.

Angles are in radians from the vibration direction of the polariser, which lies along the image
rows (the column axis), towards the row axis. Intensities are fractions of the polarised light that
falls on the specimen.

References
----------
Galopin & Henry 1972, *Microscopic Study of Opaque Minerals* (reflection). Gribble & Hall 1985, *A
Practical Introduction to Optical Mineralogy*, doi:10.1007/978-94-011-7804-4, section 5.3. Born &
Wolf 1999, *Principles of Optics*, doi:10.1017/CBO9781139644181, section 15.4 (transmission).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Polars", "oblique_ray", "reflected", "reflected_through_polars", "transmitted"]

_Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Polars:
    """What stands in the way of the light.

    Attributes
    ----------
    analyser : bool
        Whether a second polariser is in: crossed polars (XPL) instead of plane-polarised light.
    uncrossing_rad : float
        Turn of the analyser away from the crossed position.
    extinction_ratio : float
        Share of the light that the analyser lets through against its direction; 1e-4 to 1e-3 for
        film polarisers in a microscope.
    """

    analyser: bool
    uncrossing_rad: float = 0.0
    extinction_ratio: float = 0.0


def oblique_ray(across: ArrayLike, along: ArrayLike, polar_rad: ArrayLike) -> _Floats:
    """Reflectance of the ray that vibrates in the plane of an oblique optic axis.

    Parameters
    ----------
    across : array_like
        Reflectance of the ray that vibrates across the axis, the same in every section.
    along : array_like
        Reflectance along the axis.
    polar_rad : array_like
        Angle between the axis and the normal of the section: 0 gives `across`, π/2 gives `along`.

    Returns
    -------
    ndarray of float64
        ``across + (along - across) sin²(polar_rad)``, broadcast.
    """
    ordinary = np.asarray(across, dtype=np.float64)
    return np.asarray(ordinary + (np.asarray(along) - ordinary) * np.sin(polar_rad) ** 2)


def reflected(along: ArrayLike, across: ArrayLike, psi_rad: ArrayLike) -> _Floats:
    """Reflectance in plane-polarised light: ``R1 cos²ψ + R2 sin²ψ``, period 180°.

    Parameters
    ----------
    along, across : array_like
        Reflectances R1 and R2 of the two rays, in [0, 1].
    psi_rad : array_like
        Angle ψ from the polariser to the vibration direction of R1.

    Returns
    -------
    ndarray of float64
        Between the two reflectances, broadcast.

    Examples
    --------
    >>> float(reflected(0.25, 0.5, 0.0))
    0.25
    """
    first, second = np.asarray(along, dtype=np.float64), np.asarray(across, dtype=np.float64)
    return 0.5 * (first + second + (first - second) * np.cos(2.0 * np.asarray(psi_rad)))


def reflected_through_polars(
    along: ArrayLike,
    across: ArrayLike,
    phase_difference_rad: ArrayLike,
    psi_rad: ArrayLike,
    polars: Polars,
) -> _Floats:
    """Intensity of the light that a surface sends back, behind the analyser if there is one.

    Jones calculus: with the amplitudes ``r1 = √R1`` and ``r2 = √R2 exp(iδ)`` the field is
    ``Ex = (r1 + r2)/2 + (r1 - r2)/2 cos 2ψ`` along the polariser and ``Ey = (r1 - r2)/2 sin 2ψ``
    across it. The analyser, uncrossed by ε, passes ``|cos ε Ey - sin ε Ex|²`` and a leak.

    Parameters
    ----------
    along, across : array_like
        Reflectances R1 and R2, in [0, 1].
    phase_difference_rad : array_like
        Phase δ of the second ray against the first.
    psi_rad : array_like
        Angle ψ from the polariser to the vibration direction of R1.
    polars : Polars
        Plane-polarised light or crossed polars.

    Returns
    -------
    ndarray of float64
        Fraction of the incident light, broadcast. With exactly crossed, perfect polars a surface of
        R1 = R2 and δ = 0 is dark, and any other has a period of 90°.
    """
    plain = reflected(along, across, psi_rad)
    if not polars.analyser:
        return plain
    first = np.sqrt(np.asarray(along, dtype=np.float64))
    second = np.sqrt(np.asarray(across, dtype=np.float64))
    # Real and imaginary part of the half sum and the half difference of the amplitudes.
    turned = np.asarray(phase_difference_rad)
    real, imaginary = second * np.cos(turned), second * np.sin(turned)
    doubled = 2.0 * np.asarray(psi_rad)
    sine, cosine = np.sin(polars.uncrossing_rad), np.cos(polars.uncrossing_rad)
    difference_weight = 0.5 * (cosine * np.sin(doubled) - sine * np.cos(doubled))
    passed_real = (first - real) * difference_weight - 0.5 * sine * (first + real)
    passed_imaginary = -imaginary * difference_weight - 0.5 * sine * imaginary
    passed = passed_real**2 + passed_imaginary**2 + polars.extinction_ratio * plain
    return np.asarray(passed)


def transmitted(
    retardation_nm: ArrayLike, wavelength_nm: ArrayLike, psi_rad: ArrayLike, polars: Polars
) -> _Floats:
    """Light that a colourless crystal plate lets through, behind the analyser if there is one.

    Fresnel's formula with the analyser at the angle χ = 90° + ε from the polariser:
    ``cos²χ - sin 2ψ sin 2(ψ - χ) sin²(πΓ/λ)``; crossed, ``sin² 2ψ sin²(πΓ/λ)``.

    Parameters
    ----------
    retardation_nm : array_like
        Thickness times birefringence, Γ.
    wavelength_nm : array_like
        Wavelength λ, above 0.
    psi_rad : array_like
        Angle ψ from the polariser to a vibration direction of the crystal.
    polars : Polars
        Plane-polarised light or crossed polars.

    Returns
    -------
    ndarray of float64
        In [0, 1] (and a leak), broadcast; 1 without an analyser.
    """
    beat = np.sin(np.pi * np.asarray(retardation_nm) / np.asarray(wavelength_nm)) ** 2
    if not polars.analyser:
        return np.ones(np.broadcast_shapes(beat.shape, np.shape(psi_rad)))
    doubled = 2.0 * np.asarray(psi_rad)
    # sin 2(ψ - χ) with χ = 90° + ε is -sin 2(ψ - ε); cos²χ is sin²ε.
    turned = np.sin(doubled) * np.sin(doubled - 2.0 * polars.uncrossing_rad)
    passed = np.sin(polars.uncrossing_rad) ** 2 + turned * beat
    return np.asarray(passed + polars.extinction_ratio, dtype=np.float64)

"""Reflectance of ore minerals and gangue in air, in percent at wavelengths in nanometres.

Sources
-------
HOM
    Anthony, Bideaux, Bladh & Nichols, *Handbook of Mineralogy* vol. I, Mineralogical Society of
    America: values of the IMA Commission on Ore Mineralogy, 400-700 nm; about ±0.7.
NK
    Fresnel reflectance computed from refractive indices: quartz and calcite Ghosh 1999
    (doi:10.1016/S0030-4018(99)00091-7), sphalerite Debenham 1984 (doi:10.1364/AO.23.002238),
    hematite Querry 1985 (report CRDC-CR-85034); ±0.2 for the transparent ones, ±1 for hematite.
FRESNEL
    Fresnel reflectance of an assumed index: resin 1.56, mean silicate 1.60.
NOMINAL
    The four wavelengths of the Commission on Ore Mineralogy as commonly quoted (Criddle & Stanley
    1993, *Quantitative Data File for Ore Minerals*), from memory: ±1 to ±2, wants a look-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["REFLECTANCES", "Reflectance"]


@dataclass(frozen=True)
class Reflectance:
    """Reflectance of one phase along one vibration direction.

    Attributes
    ----------
    percent_by_nm : mapping of int to float
        Reflectance in percent by wavelength in nanometres, wavelengths rising.
    source : str
        Key of the list of sources in the description of this module.
    """

    percent_by_nm: Mapping[int, float]
    source: str


_HANDBOOK_NM = tuple(range(400, 701, 20))
# The wavelengths of the Commission on Ore Mineralogy of the IMA.
_STANDARD_NM = (470, 546, 589, 650)


def _handbook(*percent: float, shift: float = 0.0) -> Reflectance:
    knots = {nm: value + shift for nm, value in zip(_HANDBOOK_NM, percent, strict=True)}
    return Reflectance(knots, "HOM" if shift == 0.0 else "NOMINAL")


def _standard(source: str, *percent: float) -> Reflectance:
    return Reflectance(dict(zip(_STANDARD_NM, percent, strict=True)), source)


_PYRRHOTITE = (
    *(29.45, 30.4, 31.5, 32.55, 33.8, 35.0, 36.0, 37.05),
    *(37.95, 38.85, 39.7, 40.45, 41.05, 41.7, 42.3, 42.75),
)
# Half the distance of the two rays of pyrrhotite, percent (NOMINAL).
_PYRRHOTITE_HALF_BIREFLECTANCE = 2.3
# Steep spectra need more knots.
_COVELLITE_NM = (400, 440, 470, 500, 546, 589, 600, 620, 650, 680, 700)
_COVELLITE_RO = (19.7, 17.2, 14.5, 11.4, 7.0, 4.5, 4.2, 4.6, 7.8, 13.0, 17.0)
_GOLD_NM = (400, 440, 470, 500, 520, 546, 589, 650, 700)
_GOLD = (36.8, 36.4, 37.5, 49.2, 62.5, 73.0, 83.0, 89.3, 91.0)

REFLECTANCES: dict[str, Reflectance] = {
    "resin": _standard("FRESNEL", 4.9, 4.8, 4.8, 4.7),
    "quartz o": _standard("NK", 4.7, 4.6, 4.6, 4.5),
    "quartz e": _standard("NK", 4.8, 4.7, 4.7, 4.7),
    "calcite o": _standard("NK", 6.3, 6.2, 6.1, 6.1),
    "calcite e": _standard("NK", 3.9, 3.8, 3.8, 3.8),
    "silicate": _standard("FRESNEL", 5.4, 5.3, 5.3, 5.3),
    "chalcopyrite": _handbook(
        *(16.65, 20.65, 25.45, 30.8, 35.4, 39.4, 42.3, 44.45),
        *(45.9, 47.1, 47.7, 48.05, 48.15, 48.15, 48.1, 48.1),
    ),
    "galena": _standard("NOMINAL", 46.3, 43.1, 42.4, 41.6),
    "magnetite": _handbook(
        *(22.3, 21.8, 21.3, 20.8, 20.5, 20.3, 20.3, 20.4),
        *(20.5, 20.6, 20.6, 20.7, 20.8, 20.9, 21.0, 21.2),
    ),
    "bornite R1": _standard("NOMINAL", 17.5, 20.6, 24.0, 28.3),
    "bornite R2": _standard("NOMINAL", 18.0, 20.9, 24.2, 27.8),
    "pyrrhotite": _handbook(*_PYRRHOTITE),
    "pyrrhotite Ro": _handbook(*_PYRRHOTITE, shift=-_PYRRHOTITE_HALF_BIREFLECTANCE),
    "pyrrhotite Re": _handbook(*_PYRRHOTITE, shift=_PYRRHOTITE_HALF_BIREFLECTANCE),
    "pyrite": _standard("NOMINAL", 45.7, 51.9, 53.5, 54.4),
    "pentlandite": _handbook(
        *(32.8, 35.1, 37.1, 39.2, 41.1, 42.9, 44.5, 46.1),
        *(47.6, 48.5, 49.6, 50.7, 51.8, 52.7, 53.4, 54.2),
    ),
    "sphalerite": _standard("NK", 17.6, 16.8, 16.5, 16.2),
    "arsenopyrite R1": _standard("NOMINAL", 48.5, 50.2, 50.8, 51.0),
    "arsenopyrite R2": _standard("NOMINAL", 51.0, 52.4, 52.0, 52.5),
    "hematite Ro": _standard("NK", 30.9, 29.7, 29.0, 25.9),
    "hematite Re": _standard("NK", 26.0, 25.0, 24.4, 21.9),
    "tennantite": _standard("NOMINAL", 30.0, 29.8, 28.5, 25.6),
    "tetrahedrite": _standard("NOMINAL", 32.0, 32.6, 31.8, 28.3),
    "covellite Ro": Reflectance(dict(zip(_COVELLITE_NM, _COVELLITE_RO, strict=True)), "NOMINAL"),
    "covellite Re": Reflectance(
        {400: 27.8, 470: 27.5, 546: 24.1, 589: 22.6, 650: 22.1, 700: 25.5}, "NOMINAL"
    ),
    "marcasite R1": _standard("NOMINAL", 45.5, 48.8, 49.0, 48.5),
    "marcasite R2": _standard("NOMINAL", 53.5, 56.0, 54.4, 52.1),
    "native gold": Reflectance(dict(zip(_GOLD_NM, _GOLD, strict=True)), "NOMINAL"),
}

"""The phases that Petroserve names: LumenStone codes, symbols, colours, densities, formulae.

Codes 0-14 are those of the LumenStone dataset (doi:10.5194/isprs-archives-XLIV-2-W1-2021-113-2021)
and never change; phases of transmitted light have codes from 32 up, so that one label image never
means two things. 255 marks a pixel that nobody annotated.

Sources
-------
symbols
    IMA-CNMNC approved mineral symbols, Warr 2021, doi:10.1180/mgm.2021.43.
densities
    Measured or calculated values in g/cm3 of Anthony, Bideaux, Bladh & Nichols, *Handbook of
    Mineralogy*, Mineralogical Society of America, rounded to what natural compositions allow.
formulae
    IMA list of minerals, end-member or commonly used simplified composition.
colours
    Chosen here for legibility on screen; no optical meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError

__all__ = [
    "ASSOCIATIONS",
    "BACKGROUND_CODE",
    "MINERALS",
    "RESIN_CODE",
    "UNLABELLED_CODE",
    "Mineral",
    "association_codes",
    "class_index_table",
    "is_ore",
    "mineral",
    "palette",
    "parse_association",
]

BACKGROUND_CODE = 0
# What the sample is mounted in, which is no part of it.
RESIN_CODE = 37
UNLABELLED_CODE = 255
_UNLABELLED_COLOUR = (128, 128, 128)


@dataclass(frozen=True)
class Mineral:
    """One phase of a label image.

    Attributes
    ----------
    code : int
        Value in label images, 0-254.
    symbol : str
        IMA-CNMNC symbol; for mixtures the symbols joined by a slash.
    name : str
        English name in lower case.
    colour_rgb : tuple of int
        sRGB, 0-255, for overlays and legends.
    density_g_cm3 : float or None
        None for a phase of no fixed composition (resin with gangue and pores).
    formula : str or None
        Chemical formula, None for a phase of no fixed composition.
    ore : bool
        Whether the phase counts as an ore mineral in the basis "ore minerals only".
    """

    code: int
    symbol: str
    name: str
    colour_rgb: tuple[int, int, int]
    density_g_cm3: float | None
    formula: str | None
    ore: bool = True


_PHASES = (
    Mineral(0, "Bg", "background", (30, 30, 30), None, None, ore=False),
    Mineral(1, "Ccp", "chalcopyrite", (255, 210, 40), 4.2, "CuFeS2"),
    Mineral(2, "Gn", "galena", (90, 160, 255), 7.5, "PbS"),
    Mineral(3, "Mag", "magnetite", (130, 90, 60), 5.2, "Fe3O4"),
    Mineral(4, "Bn", "bornite", (200, 80, 160), 5.1, "Cu5FeS4"),
    Mineral(5, "Po", "pyrrhotite", (240, 140, 90), 4.6, "Fe7S8"),
    Mineral(6, "Py/Mrc", "pyrite/marcasite", (250, 245, 170), 5.0, "FeS2"),
    Mineral(7, "Pn", "pentlandite", (150, 90, 230), 4.8, "Fe4.5Ni4.5S8"),
    Mineral(8, "Sp", "sphalerite", (80, 200, 170), 4.0, "ZnS"),
    Mineral(9, "Apy", "arsenopyrite", (210, 210, 255), 6.1, "FeAsS"),
    Mineral(10, "Hem", "hematite", (200, 40, 40), 5.3, "Fe2O3"),
    Mineral(11, "Tnt/Ttr", "tennantite-tetrahedrite", (70, 170, 60), 4.6, "Cu10Fe2As4S13"),
    Mineral(12, "Cv", "covellite", (60, 70, 220), 4.65, "CuS"),
    Mineral(13, "Mrc", "marcasite", (225, 235, 120), 4.9, "FeS2"),
    Mineral(14, "Au", "native gold", (255, 255, 0), 17.5, "Au"),
    Mineral(32, "Qz", "quartz", (235, 235, 235), 2.65, "SiO2", ore=False),
    Mineral(33, "Fsp", "feldspar", (240, 180, 180), 2.6, "KAlSi3O8", ore=False),
    Mineral(34, "Pl", "plagioclase", (180, 200, 240), 2.7, "Na0.5Ca0.5Al1.5Si2.5O8", ore=False),
    Mineral(35, "Lf", "lithic fragment", (150, 130, 110), None, None, ore=False),
    Mineral(36, "Cal", "calcite", (170, 230, 230), 2.71, "CaCO3", ore=False),
    Mineral(37, "Res", "resin", (50, 50, 60), None, None, ore=False),
)

MINERALS: dict[int, Mineral] = {phase.code: phase for phase in _PHASES}

# Class lists of the LumenStone subsets: Korshunov et al. 2025, doi:10.17073/2500-0632-2025-05-416,
# table 1.
ASSOCIATIONS: dict[str, tuple[int, ...]] = {
    "S1": (0, 1, 2, 4, 6, 8, 11),
    "S2": (0, 1, 3, 5, 7),
    "S3": (0, 1, 2, 3, 4, 6, 8, 9, 12),
}


def mineral(code: int) -> Mineral:
    """Look a phase up by its code.

    Parameters
    ----------
    code : int
        Value in a label image.

    Returns
    -------
    Mineral
        The phase.

    Raises
    ------
    InvalidParameterError
        If no phase has this code.

    Examples
    --------
    >>> mineral(1).symbol
    'Ccp'
    """
    try:
        return MINERALS[int(code)]
    except KeyError:
        known = ", ".join(str(known_code) for known_code in MINERALS)
        msg = f"no mineral has code {code}; known codes are {known}"
        raise InvalidParameterError(msg) from None


def is_ore(code: int) -> bool:
    """Tell whether a code counts in the basis "ore minerals only"."""
    return mineral(code).ore


def parse_association(text: str, *, classes: Sequence[int]) -> tuple[int, ...]:
    """Read what the geologist knows of the deposit: the classes that may occur.

    Of a named subset the model may know a part only; codes that are written out it must know.

    Parameters
    ----------
    text : str
        The name of a LumenStone subset (``S1``, ``S2``, ``S3``) or mineral codes or symbols
        separated by commas, such as ``0,1,6`` or ``Ccp,Py/Mrc``. Background is always possible
        and is added.
    classes : sequence of int
        Codes that the model knows.

    Returns
    -------
    tuple of int
        The possible codes, in the order of `classes`.

    Raises
    ------
    InvalidParameterError
        If a name is unknown, a code written out is not among `classes`, or only background is
        left.

    Examples
    --------
    >>> parse_association("Ccp, 5", classes=(0, 1, 3, 5, 7))
    (0, 1, 5)
    """
    wanted = association_codes(text)
    named_subset = text.strip().upper() in ASSOCIATIONS
    unknown = [] if named_subset else sorted(set(wanted) - set(classes) - {BACKGROUND_CODE})
    chosen = tuple(code for code in classes if code in wanted or code == BACKGROUND_CODE)
    if unknown or all(code == BACKGROUND_CODE for code in chosen):
        msg = (
            f"association {text[:80]!r} asks for {_symbols(sorted(set(wanted)))}; the model knows "
            f"{_symbols(classes)}; give some of these besides background"
        )
        raise InvalidParameterError(msg)
    return chosen


def _symbols(codes: Sequence[int]) -> str:
    return ", ".join(mineral(code).symbol for code in codes)


def association_codes(text: str) -> tuple[int, ...]:
    """Codes of an association as it is written, whatever a model knows of them.

    Parameters
    ----------
    text : str
        As for `parse_association`.

    Returns
    -------
    tuple of int
        Codes, in the order of `text` or of the subset.

    Raises
    ------
    InvalidParameterError
        If a name is unknown.

    Examples
    --------
    >>> association_codes("S2")
    (0, 1, 3, 5, 7)
    """
    name = text.strip().upper()
    if name in ASSOCIATIONS:
        return ASSOCIATIONS[name]
    return tuple(_code_of(token.strip()) for token in text.split(","))


def _code_of(token: str) -> int:
    by_symbol = {phase.symbol.lower(): phase.code for phase in _PHASES}
    if token.isascii() and token.isdigit() and len(token) <= 3:
        return mineral(int(token)).code
    if token.lower() in by_symbol:
        return by_symbol[token.lower()]
    msg = (
        f"association names {token[:40]!r}; wanted one of {', '.join(ASSOCIATIONS)}, or mineral "
        f"codes or symbols separated by commas, such as 'Ccp,Py/Mrc,Sp'"
    )
    raise InvalidParameterError(msg)


def class_index_table(codes: Sequence[int], *, other: int) -> NDArray[np.uint16]:
    """Table that turns a label image of codes into one of class indices: ``table[labels]``.

    Parameters
    ----------
    codes : sequence of int
        The classes, in order.
    other : int
        Index for every code that is no class, 255 (not annotated) among them.

    Returns
    -------
    ndarray of uint16, shape (256,)
        Class index by code.

    Raises
    ------
    InvalidParameterError
        If there is no class, a code is none of 0-254, or one comes twice.

    Examples
    --------
    >>> class_index_table((0, 6), other=2)[[0, 6, 1, 255]].tolist()
    [0, 1, 2, 2]
    """
    possible = all(0 <= code < UNLABELLED_CODE for code in codes)
    if not codes or not possible or len(set(codes)) != len(codes):
        msg = f"classes are {list(codes)}; wanted at least one code of 0-254, each once"
        raise InvalidParameterError(msg)
    table = np.full(256, other, dtype=np.uint16)
    table[list(codes)] = np.arange(len(codes))
    return table


def palette() -> NDArray[np.uint8]:
    """Colours of all codes.

    Returns
    -------
    ndarray of uint8, shape (256, 3)
        sRGB colour by code; codes without a phase are mid-grey.
    """
    colours = np.full((256, 3), _UNLABELLED_COLOUR, dtype=np.uint8)
    for phase in _PHASES:
        colours[phase.code] = phase.colour_rgb
    return colours

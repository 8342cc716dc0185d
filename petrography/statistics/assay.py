"""From areas to masses and elements: the calculated assay of the ore minerals.

In a plane section the area fraction estimates the volume fraction (Delesse 1847), so areas times
densities are masses, and masses times stoichiometry are elements. Compositions are end-members
(`petrography.minerals`): solid solution, such as iron in sphalerite, is not seen in a photograph.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from petrography.errors import InternalError
from petrography.minerals import is_ore, mineral

__all__ = ["ATOMIC_WEIGHTS", "element_percent", "mass_fractions", "mass_percent", "parse_formula"]

# Abridged standard atomic weights, IUPAC 2021: Prohaska et al. 2022, Pure Appl. Chem. 94:573,
# doi:10.1515/pac-2019-0603. In the order in which an assay of ore lists its elements.
ATOMIC_WEIGHTS: dict[str, float] = {
    "Cu": 63.546,
    "Zn": 65.38,
    "Pb": 207.2,
    "Ni": 58.693,
    "Co": 58.933,
    "Fe": 55.845,
    "As": 74.922,
    "Sb": 121.76,
    "Ag": 107.87,
    "Au": 196.97,
    "S": 32.06,
    "O": 15.999,
    "Si": 28.085,
    "Al": 26.982,
    "Ca": 40.078,
    "Na": 22.990,
    "K": 39.098,
    "C": 12.011,
}

_TERM = re.compile(r"([A-Z][a-z]?)(\d+(?:\.\d+)?)?")


def parse_formula(formula: str) -> dict[str, float]:
    """Read a chemical formula without brackets.

    Parameters
    ----------
    formula : str
        Element symbols, each followed by its number of atoms where that is not 1.

    Returns
    -------
    dict of str to float
        Atoms per formula unit.

    Raises
    ------
    InternalError
        If a part is no element with a number, or the element has no atomic weight here.

    Examples
    --------
    >>> parse_formula("Fe4.5Ni4.5S8")
    {'Fe': 4.5, 'Ni': 4.5, 'S': 8.0}
    """
    terms = list(_TERM.finditer(formula))
    read = "".join(term.group(0) for term in terms)
    unknown = sorted({term.group(1) for term in terms} - set(ATOMIC_WEIGHTS))
    if not formula or read != formula or unknown:
        msg = f"formula {formula!r} cannot be read (unknown elements {unknown}); wanted as CuFeS2"
        raise InternalError(msg)
    atoms: dict[str, float] = {}
    for term in terms:
        atoms[term.group(1)] = atoms.get(term.group(1), 0.0) + float(term.group(2) or 1)
    return atoms


def mass_percent(area_px: Mapping[int, int]) -> dict[int, float] | None:
    """Mass per cent of each ore mineral, the ore minerals together being 100.

    Parameters
    ----------
    area_px : mapping of int to int
        Area by mineral code; phases that are no ore are passed over.

    Returns
    -------
    dict of int to float, or None
        By code. None when there is no ore, or when one of its phases has no density: a sum that
        leaves a phase out would overstate the others.

    Examples
    --------
    >>> {code: round(share, 1) for code, share in mass_percent({0: 50, 1: 10, 2: 10}).items()}
    {1: 35.9, 2: 64.1}
    """
    densities = {code: mineral(code).density_g_cm3 for code in area_px if is_ore(code)}
    known = {code: density for code, density in densities.items() if density is not None}
    total = sum(area_px[code] * density for code, density in known.items())
    if len(known) < len(densities) or total == 0:
        return None
    return {code: 100.0 * area_px[code] * density / total for code, density in known.items()}


def element_percent(masses: Mapping[int, float] | None) -> dict[str, float] | None:
    """Mass per cent of each element in the ore minerals.

    Parameters
    ----------
    masses : mapping of int to float, or None
        Mass per cent by mineral code, from `mass_percent`.

    Returns
    -------
    dict of str to float, or None
        By element, in the order of `ATOMIC_WEIGHTS`; None without masses, or when a phase has no
        formula.

    Examples
    --------
    >>> {element: round(share, 2) for element, share in element_percent({1: 100.0}).items()}
    {'Cu': 34.63, 'Fe': 30.43, 'S': 34.94}
    """
    if masses is None or any(mineral(code).formula is None for code in masses):
        return None
    totals = dict.fromkeys(ATOMIC_WEIGHTS, 0.0)
    for code, mass in masses.items():
        for element, fraction in mass_fractions(mineral(code).formula or "").items():
            totals[element] += mass * fraction
    return {element: total for element, total in totals.items() if total > 0.0}


def mass_fractions(formula: str) -> dict[str, float]:
    """Mass of each element in a formula, as fractions of the whole.

    Examples
    --------
    >>> {element: round(part, 3) for element, part in mass_fractions("PbS").items()}
    {'Pb': 0.866, 'S': 0.134}
    """
    weights = {
        element: atoms * ATOMIC_WEIGHTS[element]
        for element, atoms in parse_formula(formula).items()
    }
    whole = sum(weights.values())
    return {element: weight / whole for element, weight in weights.items()}

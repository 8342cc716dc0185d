"""Kinds of intergrowth of two phases, by rules whose numbers are part of the answer.

The kinds are those of ore microscopy (Amstutz 1962; Craig & Vaughan 1994, *Ore Microscopy and Ore
Petrography*, chapter 8); that numbers decide between them, and which, is chosen here and tested
on painted textures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np

from petrography.statistics.contacts import FREE_CODES
from petrography.statistics.grain_contacts import GrainContacts
from petrography.statistics.intergrowth_features import PairFeatures, pair_features

__all__ = [
    "INTERGROWTH_RULES",
    "LEAST_CONTACT_PX",
    "LEAST_SHARE",
    "Intergrowth",
    "IntergrowthKind",
    "intergrowths",
]

IntergrowthKind: TypeAlias = Literal[
    "rimmed", "lamellar", "net", "graphic", "vein", "disseminated", "simple"
]

# A pair is described from this length of contact on, and this share of the boundary of one of them.
LEAST_CONTACT_PX = 50.0
LEAST_SHARE = 0.01


@dataclass(frozen=True)
class Intergrowth:
    """How two phases are grown together.

    Attributes
    ----------
    kind : str
        The first kind in `INTERGROWTH_RULES` whose rule holds.
    rule : str
        That rule.
    features : PairFeatures
        The numbers that the rules ask for.
    """

    kind: IntergrowthKind
    rule: str
    features: PairFeatures


def _is_rimmed(pair: PairFeatures) -> bool:
    return pair.coating_fraction >= 0.5 and pair.rim_fraction >= 0.2 and pair.width_ratio <= 0.5


def _is_lamellar(pair: PairFeatures) -> bool:
    return pair.lath_fraction >= 0.2 and pair.coherence is not None and pair.coherence >= 0.4


def _is_net(pair: PairFeatures) -> bool:
    return pair.caged_fraction >= 0.2 and pair.slenderness >= 15.0 and pair.width_ratio <= 0.3


def _is_graphic(pair: PairFeatures) -> bool:
    return pair.sinuosity >= 1.5 and pair.slenderness >= 15.0 and pair.width_ratio >= 0.6


def _is_vein(pair: PairFeatures) -> bool:
    return pair.slenderness >= 15.0 and pair.enclosed_fraction <= 0.5 and pair.width_ratio <= 0.25


def _is_disseminated(pair: PairFeatures) -> bool:
    return pair.enclosed_fraction >= 0.5 and pair.guests >= 5 and pair.width_ratio <= 0.25


# In the order in which they are tried. width_ratio is guest_width over host_width.
INTERGROWTH_RULES: dict[IntergrowthKind, tuple[str, Callable[[PairFeatures], bool]]] = {
    "rimmed": (
        "coating_fraction >= 0.5, rim_fraction >= 0.2 and width_ratio <= 0.5",
        _is_rimmed,
    ),
    "lamellar": ("lath_fraction >= 0.2 and coherence >= 0.4", _is_lamellar),
    "net": ("caged_fraction >= 0.2, slenderness >= 15 and width_ratio <= 0.3", _is_net),
    "graphic": ("sinuosity >= 1.5, slenderness >= 15 and width_ratio >= 0.6", _is_graphic),
    "vein": ("slenderness >= 15, enclosed_fraction <= 0.5 and width_ratio <= 0.25", _is_vein),
    "disseminated": (
        "enclosed_fraction >= 0.5, guests >= 5 and width_ratio <= 0.25",
        _is_disseminated,
    ),
    "simple": ("none of the others", lambda _: True),
}


def intergrowths(contacts: GrainContacts) -> tuple[Intergrowth, ...]:
    """Tell how every two minerals that touch are grown together.

    Parameters
    ----------
    contacts : GrainContacts
        Contacts grain by grain.

    Returns
    -------
    tuple of Intergrowth
        By the codes of the pair. Pairs with less than 50 px of contact, or less than 1 % of the
        boundaries of both, are left out; background and resin are no partners.
    """
    pairs = combinations((code for code in contacts.phases if code not in FREE_CODES), 2)
    return tuple(
        _judged(pair_features(contacts, *pair)) for pair in pairs if _touch(contacts, *pair)
    )


def _touch(contacts: GrainContacts, first: int, second: int) -> bool:
    column = {code: place for place, code in enumerate(contacts.phases)}
    shares = []
    for code, other in ((first, second), (second, first)):
        of_phase = contacts.by_phase_px[contacts.code == code]
        contact_px = float(of_phase[:, column[other]].sum())
        # A component too small to be a grain has no row of its own.
        if contact_px < LEAST_CONTACT_PX:
            return False
        shares.append(contact_px / float(of_phase.sum()))
    return bool(np.max(shares) >= LEAST_SHARE)


def _judged(pair: PairFeatures) -> Intergrowth:
    kind, rule = next(
        (kind, rule) for kind, (rule, holds) in INTERGROWTH_RULES.items() if holds(pair)
    )
    return Intergrowth(kind, rule, pair)

"""What the numbers of textures and liberation mean, printed with them."""

from __future__ import annotations

from petrography.report.texture_models import Liberation
from petrography.statistics.intergrowth_features import ENCLOSING_FRACTION
from petrography.statistics.intergrowths import (
    INTERGROWTH_RULES,
    LEAST_CONTACT_PX,
    LEAST_SHARE,
)
from petrography.statistics.locking import ENCLOSED_FRACTION, PARTNER_FRACTION
from petrography.statistics.particles import MIN_PARTICLE_AREA_PX

__all__ = ["texture_definitions"]

_TWO_DIMENSIONS = (
    "a plane section shows pieces purer than they are in space, so the figure is too high (no "
    "correction is made)"
)


def texture_definitions(liberation: Liberation) -> dict[str, str]:
    """State what locking, intergrowths and liberation mean in a result.

    Parameters
    ----------
    liberation : Liberation
        That of the result.

    Returns
    -------
    dict of str to str
        One entry a term.
    """
    rules = "; ".join(f"{kind}: {rule}" for kind, (rule, _) in INTERGROWTH_RULES.items())
    return {
        "locking": (
            f"of grains: other minerals that cover at least {PARTNER_FRACTION:.0%} of the boundary "
            "each: none liberated, one binary, two ternary, more complex; background and resin "
            "do not count, so in intact ore liberated means set in background only; a grain that "
            "nothing annotated touches is in no class"
        ),
        "enclosed": (
            f"at least {ENCLOSED_FRACTION:.0%} of the boundary that is seen against one other "
            "grain (the host), also of grains that the edge cuts; rim: share of the boundary that "
            "one mineral covers"
        ),
        "intergrowth": (
            f"of two minerals that touch over at least {LEAST_CONTACT_PX:.0f} px and "
            f"{LEAST_SHARE:.0%} of the boundary of one of them, the guest has the thinner grains "
            f"(2 area / boundary); the first rule that holds decides: {rules}; means and shares "
            f"are weighted with the length of contact, enclosed means whole and {ENCLOSING_FRACTION:.0%} of the boundary "
            "against the other; lamellae that cross and grow together count as net, graphic stands "
            "for graphic, myrmekitic and mottled, concentric shells are not told apart"
        ),
        **_of_potential(liberation),
        **_of_particles(liberation),
    }


def _of_potential(liberation: Liberation) -> dict[str, str]:
    broken = liberation.intact_ore_potential
    if broken is None:
        return {}
    how = (
        "squares, counted while the rows stream"
        if broken.cells == "squares"
        else "Voronoi cells of random points with that mean area, counted on the whole image"
    )
    return {
        "liberation_potential": (
            f"liberation potential of intact ore, not liberation: the section is cut into cells of "
            f"a size ({how}), regardless of boundaries, and a mineral is liberated in cells that "
            "hold at least 80, 90 or 95 % of it; cells cut by the edge of the image or annotated "
            f"by less than half are left out; {_TWO_DIMENSIONS}"
        ),
        "liberation_size": (
            "cell size at which 80 % of the area of the mineral is in cells of at least 90 % of it, "
            "interpolated on the logarithm of size; null outside the sizes that were tried"
        ),
    }


def _of_particles(liberation: Liberation) -> dict[str, str]:
    if liberation.particles is None:
        return {}
    return {
        "particle": (
            "8-connected component of what is neither resin nor unannotated; particles cut by the "
            "edge of the image are included with their visible part, those below "
            f"{MIN_PARTICLE_AREA_PX} px are counted only; measured on the whole image"
        ),
        "liberation": (
            "area of a mineral by its share of the area of its particle, and by the share of its "
            "boundary in the particle that is against resin; locking of particles counts the other "
            f"phases, gangue among them, of at least {PARTNER_FRACTION:.0%} of the area; "
            f"{_TWO_DIMENSIONS}"
        ),
    }

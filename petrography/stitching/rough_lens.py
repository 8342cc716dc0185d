"""A first idea of the lens, from matched features: where to look for patches depends on it.

A strong lens moves the rim of a field by tens of pixels, more than patches are sought around.
"""

from __future__ import annotations

from collections.abc import Sequence

from petrography.stitching.consistency import components
from petrography.stitching.lenses import LensMap
from petrography.stitching.matching import Link
from petrography.stitching.placement import place_fields
from petrography.stitching.refinement import Edge

__all__ = ["rough_lenses"]

# Matched features scatter by pixels; a lens must explain at least a third of that.
EARNED = 0.67


def rough_lenses(
    links: Sequence[Link], lenses: Sequence[LensMap], *, find_k1: bool
) -> list[LensMap]:
    """Fit radial distortion to the points of all links.

    Parameters
    ----------
    links : sequence of Link
        Between fields of one size.
    lenses : sequence of LensMap
        Of all fields, to be kept where nothing better is found.
    find_k1 : bool
        Whether to look at all.

    Returns
    -------
    list of LensMap
        Of all fields.
    """
    edges = [
        Edge(link.first, link.second, link.first_xy, link.second_xy, link.method) for link in links
    ]
    if not find_k1 or not edges:
        return list(lenses)
    members = components(len(lenses), edges)[0]
    inner = [edge for edge in edges if edge.first in set(members)]
    plain = place_fields(members, inner, model="similarity", lenses=lenses)
    bent = place_fields(members, inner, model="similarity", lenses=lenses, find_k1=True)
    earned = bent.robust_rmse_px < EARNED * plain.robust_rmse_px
    return list(bent.lenses if earned else lenses)

"""What the shapes and contacts of two phases that touch look like, in numbers.

Of two phases the guest is the one of thinner grains, the host the other. Grains count by the
length of their contact with the other phase, so that the many small ones do not outvote the rest.
A grain of area A and boundary P is about 2A/P wide and P/2 long if it is slender; P²/4A, the ratio
of these, is π for a disc and grows with slenderness, bent or straight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.statistics.grain_contacts import GrainContacts

__all__ = ["ENCLOSING_FRACTION", "PairFeatures", "pair_features"]

# A grain with this share of its boundary against the other phase lies inside it.
ENCLOSING_FRACTION = 0.9
# A lath is at least so slender, and so straight: length by moments over half the boundary. An
# ellipse five times as long as wide reaches both.
_LATH_SLENDERNESS = 7.0
_LATH_STRAIGHTNESS = 0.7
_LEAST_LATHS = 8
# Neighbours among which laths are asked for a common direction.
_NEAREST_LATHS = 4


@dataclass(frozen=True)
class PairFeatures:
    """Two phases that touch.

    Shares and means over grains are weighted with the length of their contact with the other phase.

    Attributes
    ----------
    host, guest : int
        Mineral codes.
    contact_px : float
        Length of their contact.
    guests : int
        Guest grains that touch the host.
    guest_area_fraction : float
        Their area over that of all grains of both phases that touch each other.
    guests_per_host_mpx : float
        Guest grains per million pixels of the host grains that they touch.
    guest_width_px, host_width_px : float
        Mean widths 2A/P.
    enclosed_fraction : float
        Share of the contact at whole guest grains inside the host phase; a grain that the edge of
        the image, or of what is annotated, cuts is not whole.
    caged_fraction : float
        Share of the contact at whole host grains that lie inside one guest grain.
    coating_fraction : float
        Share of the contact at slender guest grains with the host on one side and others on the
        other: 25 to 75 % of their boundary.
    rim_fraction : float
        Share of the boundary of the host grains that the guest covers.
    slenderness : float
        Mean of P²/4A of the guest grains; π for discs.
    lath_fraction : float
        Share of the contact at straight, slender guest grains.
    coherence : float or None
        How parallel neighbouring laths are, in one, two or three directions at equal angles: 1 for
        perfectly, 0 for random ones; None with fewer than `_LEAST_LATHS`.
    sinuosity : float
        Mean boundary of the guest grains over that of ellipses of their second moments.
    """

    host: int
    guest: int
    contact_px: float
    guests: int
    guest_area_fraction: float
    guests_per_host_mpx: float
    guest_width_px: float
    host_width_px: float
    enclosed_fraction: float
    caged_fraction: float
    coating_fraction: float
    rim_fraction: float
    slenderness: float
    lath_fraction: float
    coherence: float | None
    sinuosity: float

    @property
    def width_ratio(self) -> float:
        """Mean width of the guest over that of the host, at most 1."""
        return self.guest_width_px / self.host_width_px


@dataclass(frozen=True, eq=False)
class _Side:
    """The grains of one phase that touch the other, as columns."""

    code: int
    index: NDArray[np.int64]
    contact_px: NDArray[np.float64]
    boundary_px: NDArray[np.float64]
    area_px: NDArray[np.int64]
    is_whole: NDArray[np.bool_]

    def mean(self, values: NDArray[np.float64]) -> float:
        """Mean over grains, weighted with their contact."""
        return float(np.average(values, weights=self.contact_px))

    def share(self, chosen: NDArray[np.bool_]) -> float:
        """Share of the contact at chosen grains."""
        return float(self.contact_px[chosen].sum() / self.contact_px.sum())

    @property
    def against(self) -> NDArray[np.float64]:
        """Share of the boundary of each grain that is against the other phase."""
        return self.contact_px / self.boundary_px

    @property
    def slenderness(self) -> NDArray[np.float64]:
        """P²/4A of each grain."""
        return self.boundary_px**2 / (4.0 * self.area_px)

    @property
    def width_px(self) -> float:
        """Mean of 2A/P."""
        return self.mean(2.0 * self.area_px / self.boundary_px)


def pair_features(contacts: GrainContacts, first: int, second: int) -> PairFeatures:
    """Describe how two phases are grown together.

    Parameters
    ----------
    contacts : GrainContacts
        Contacts grain by grain.
    first, second : int
        Codes of two phases whose grains touch.

    Returns
    -------
    PairFeatures
        The features that the rules of `petrography.statistics.intergrowths` ask for.
    """
    sides = _side(contacts, first, second), _side(contacts, second, first)
    guest, host = sorted(sides, key=lambda side: side.width_px)
    slender, against = guest.slenderness, guest.against
    is_lath = (slender >= _LATH_SLENDERNESS) & (
        _straightness(contacts, guest) >= _LATH_STRAIGHTNESS
    )
    one_sided = (against >= 0.25) & (against <= 0.75) & (slender >= _LATH_SLENDERNESS)
    guest_area_px, host_area_px = int(guest.area_px.sum()), int(host.area_px.sum())
    return PairFeatures(
        host=host.code,
        guest=guest.code,
        contact_px=float(guest.contact_px.sum()),
        guests=len(guest.index),
        guest_area_fraction=guest_area_px / (guest_area_px + host_area_px),
        guests_per_host_mpx=1e6 * len(guest.index) / host_area_px,
        guest_width_px=guest.width_px,
        host_width_px=host.width_px,
        enclosed_fraction=guest.share((against >= ENCLOSING_FRACTION) & guest.is_whole),
        caged_fraction=host.share(
            (_longest_fraction(contacts, host, guest.code) >= ENCLOSING_FRACTION) & host.is_whole
        ),
        coating_fraction=guest.share(one_sided),
        rim_fraction=float(host.contact_px.sum() / host.boundary_px.sum()),
        slenderness=guest.mean(slender),
        lath_fraction=guest.share(is_lath),
        coherence=_coherence(contacts, guest.index[is_lath], guest.contact_px[is_lath]),
        sinuosity=guest.mean(_sinuosity(contacts, guest)),
    )


def _side(contacts: GrainContacts, code: int, other: int) -> _Side:
    with_other = contacts.by_phase_px[:, contacts.phases.index(other)]
    index = np.flatnonzero((contacts.code == code) & (with_other > 0.0))
    return _Side(
        code=code,
        index=index,
        contact_px=with_other[index],
        boundary_px=contacts.boundary_px[index],
        area_px=contacts.axes.area_px[index],
        is_whole=~contacts.axes.touches_edge[index],
    )


def _longest_fraction(contacts: GrainContacts, side: _Side, other: int) -> NDArray[np.float64]:
    """Share of the boundary of each grain that is against one grain of the other phase."""
    longest_px = np.zeros(len(contacts.code))
    rows = (contacts.neighbour > 0) & (contacts.neighbour_code == other)
    np.maximum.at(longest_px, contacts.grain[rows] - 1, contacts.length_px[rows])
    return longest_px[side.index] / side.boundary_px


def _straightness(contacts: GrainContacts, side: _Side) -> NDArray[np.float64]:
    """Length of the rectangle of the same second moments over half the boundary."""
    # The axis of the ellipse is 4 standard deviations long, a rectangle √12.
    length_px = contacts.axes.major_px[side.index] * (math.sqrt(12.0) / 4.0)
    return length_px / (side.boundary_px / 2.0)


def _sinuosity(contacts: GrainContacts, side: _Side) -> NDArray[np.float64]:
    """Boundary over that of the ellipse of the same second moments.

    The boundary of the ellipse is Ramanujan's approximation of 1914, right to 0.5 % and better.
    """
    a, b = contacts.axes.major_px[side.index] / 2.0, contacts.axes.minor_px[side.index] / 2.0
    ellipse_px = math.pi * (3.0 * (a + b) - np.sqrt((3.0 * a + b) * (a + 3.0 * b)))
    return np.asarray(side.boundary_px / ellipse_px)


def _coherence(
    contacts: GrainContacts, laths: NDArray[np.int64], weights: NDArray[np.float64]
) -> float | None:
    if len(laths) < _LEAST_LATHS:
        return None
    centroid_px = contacts.axes.centroid_px[laths]
    _, nearest = scipy.spatial.cKDTree(centroid_px).query(centroid_px, k=_NEAREST_LATHS + 1)
    angle = contacts.axes.angle_rad[laths]
    turn = angle[nearest[:, 1:]] - angle[:, None]
    # Of k directions at equal angles, turns between two of them are multiples of π/k.
    by_directions = [np.cos(2.0 * k * turn).mean(axis=1) for k in (1, 2, 3)]
    return max(float(np.average(each, weights=weights)) for each in by_directions)

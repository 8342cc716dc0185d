"""How grains are locked: by how many others, by whom they are enclosed, who coats them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.statistics.contacts import FREE_CODES
from petrography.statistics.grain_contacts import GrainContacts

__all__ = [
    "ENCLOSED_FRACTION",
    "LOCKING_CLASSES",
    "PARTNER_FRACTION",
    "GrainLocking",
    "grain_locking",
]

LOCKING_CLASSES = ("liberated", "binary", "ternary", "complex")

# Chosen here, and stated with the numbers: a mineral counts as a partner from this share of the
# boundary on, and a grain as enclosed from that share with one other grain on.
PARTNER_FRACTION = 0.05
ENCLOSED_FRACTION = 0.95


@dataclass(frozen=True, eq=False)
class GrainLocking:
    """How each grain sits among the others; row i describes grain ``i + 1``.

    Attributes
    ----------
    boundary_px : ndarray of float64, shape (n,)
        Length of the boundary; 0 for a grain that nothing annotated surrounds.
    free_fraction : ndarray of float64, shape (n,)
        Share of the boundary against background or resin.
    host : ndarray of int64, shape (n,)
        Number of the grain with the longest contact, 0 for none.
    enclosed_fraction : ndarray of float64, shape (n,)
        Share of the boundary against the host.
    cover_code : ndarray of uint8, shape (n,)
        Mineral that covers most of the boundary; 255 for none.
    rim_fraction : ndarray of float64, shape (n,)
        Share of the boundary that this mineral covers.
    partners : ndarray of int64, shape (n,)
        Other minerals that cover at least `PARTNER_FRACTION` of the boundary each.
    """

    boundary_px: NDArray[np.float64]
    free_fraction: NDArray[np.float64]
    host: NDArray[np.int64]
    enclosed_fraction: NDArray[np.float64]
    cover_code: NDArray[np.uint8]
    rim_fraction: NDArray[np.float64]
    partners: NDArray[np.int64]

    @property
    def is_enclosed(self) -> NDArray[np.bool_]:
        """Whether one other grain encloses the grain, shape (n,)."""
        return np.asarray(self.enclosed_fraction >= ENCLOSED_FRACTION)

    @property
    def is_seen(self) -> NDArray[np.bool_]:
        """Whether anything annotated touches the grain, shape (n,); else it is in no class."""
        return np.asarray(self.boundary_px > 0.0)

    @property
    def class_index(self) -> NDArray[np.int64]:
        """Place of the class of each grain in `LOCKING_CLASSES`, shape (n,), where `is_seen`."""
        return np.minimum(self.partners, len(LOCKING_CLASSES) - 1)


def grain_locking(contacts: GrainContacts) -> GrainLocking:
    """Judge how each grain is locked.

    Parameters
    ----------
    contacts : GrainContacts
        Contacts grain by grain.

    Returns
    -------
    GrainLocking
        Hosts, rims and partners.
    """
    boundary_px = contacts.boundary_px
    free = np.isin(contacts.phases, FREE_CODES)
    shares = contacts.by_phase_px / np.where(boundary_px > 0.0, boundary_px, 1.0)[:, None]
    minerals = np.where(free, 0.0, shares)
    host, host_px = _longest(contacts)
    # A last column for grains that no mineral touches.
    padded = np.column_stack([minerals, np.zeros(len(boundary_px))])
    cover = np.where(minerals.any(axis=1), padded.argmax(axis=1), padded.shape[1] - 1)
    return GrainLocking(
        boundary_px=boundary_px,
        free_fraction=np.asarray(shares[:, free].sum(axis=1)),
        host=host,
        enclosed_fraction=host_px / np.where(boundary_px > 0.0, boundary_px, 1.0),
        cover_code=np.array([*contacts.phases, 255], dtype=np.uint8)[cover],
        rim_fraction=np.take_along_axis(padded, cover[:, None], axis=1)[:, 0],
        partners=np.count_nonzero(minerals >= PARTNER_FRACTION, axis=1),
    )


def _longest(contacts: GrainContacts) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Number of the grain with the longest contact, of equal ones the lowest, and that length."""
    host = np.zeros(len(contacts.code), dtype=np.int64)
    host_px = np.zeros(len(contacts.code))
    grains = np.flatnonzero(contacts.neighbour > 0)
    rising = np.lexsort((-contacts.neighbour[grains], contacts.length_px[grains]))
    rows = grains[rising]
    # Of several writes to one place the last stays.
    host[contacts.grain[rows] - 1] = contacts.neighbour[rows]
    host_px[contacts.grain[rows] - 1] = contacts.length_px[rows]
    return host, host_px

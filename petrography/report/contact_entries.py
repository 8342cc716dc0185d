"""From measured contacts to their part of result.json and what it means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petrography.minerals import mineral
from petrography.report.contact_models import Contacts, HaloRemoval
from petrography.statistics.contacts import Contacts as MeasuredContacts
from petrography.statistics.halos import HALO_WIDTH_PX

__all__ = ["contact_definitions", "contact_entry"]

_DIGITS = 4
# Of surfaces over areas, which are as small as pixels are coarse: decimals would leave none.
_SIGNIFICANT_DIGITS = 6


def contact_entry(measured: MeasuredContacts, *, um_per_px: float | None = None) -> Contacts:
    """Write contacts as result.json shows them.

    Parameters
    ----------
    measured : petrography.statistics.Contacts
        Measured contacts.
    um_per_px : float, optional
        Pixel size; physical fields are null without it.
    """
    return Contacts(
        codes=measured.codes,
        length_px=_square(measured.length_px),
        length_um=None if um_per_px is None else _square(measured.length_px * um_per_px),
        symbols=tuple(mineral(code).symbol for code in measured.codes),
        boundary_px=_row(measured.boundary_px),
        association_percent=_square(measured.association_percent),
        contact_percent=_square(measured.contact_percent),
        enrichment=_square(measured.enrichment),
        free_percent=_row(100.0 * measured.free_fraction),
        specific_surface_per_px=_significant(measured.specific_surface_per_px),
        specific_surface_per_um=None
        if um_per_px is None
        else _significant(measured.specific_surface_per_px / um_per_px),
        halos=_halo_removal(measured),
    )


def _halo_removal(measured: MeasuredContacts) -> HaloRemoval | None:
    if not measured.halos_removed:
        return None
    changed = zip(measured.codes, measured.halo_px.tolist(), strict=True)
    return HaloRemoval(
        max_width_px=HALO_WIDTH_PX,
        changed_px={mineral(code).symbol: count for code, count in changed if count},
    )


def _row(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(value, _DIGITS) for value in values.tolist())


def _significant(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{_SIGNIFICANT_DIGITS}g}") for value in values.tolist())


def _square(values: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(map(_row, values))


def contact_definitions(contacts: Contacts) -> dict[str, str]:
    """State what the numbers of contacts mean, with what was done to them."""
    stated = {
        "contact_length": (
            "length of the boundary between two phases by the Cauchy-Crofton formula in four "
            "directions: unbiased over all directions, 5.2 % short to 2.6 % long for one straight "
            "boundary; the edge of the image and unannotated pixels are no contact"
        ),
        "association_percent": (
            "share of the boundary of the mineral of the row that is against the phase of the "
            "column; background and resin are free surface (in LumenStone's classes the "
            "background is resin and gangue in one)"
        ),
        "enrichment": (
            "association over the share of the other phase in the boundaries of all phases but "
            "this one: above 1 they meet more often than by chance"
        ),
        "specific_surface": (
            "boundary length over area of a phase in the section (phase specific surface area); "
            "the surface per volume is 4/pi of it for sections without preferred direction; the "
            "area is that of the mineral map, halos included, the boundary what is left of it when "
            "they are taken out (halo), where they are"
        ),
    }
    if contacts.halos is not None:
        changed = sum(contacts.halos.changed_px.values())
        stated["halo"] = (
            "before contacts, locking, intergrowths and the surfaces of particles were measured, "
            f"ribbons of up to {contacts.halos.max_width_px} px of a third phase between two others "
            f"were given to the nearer of these: {changed} px were changed; mixed pixels look so, but real rims "
            "as thin are taken for halos too; the mineral map, areas, grains and the cells of the "
            "liberation potential keep them"
        )
    return stated

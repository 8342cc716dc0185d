"""What result.json says of contacts between phases."""

from __future__ import annotations

from petrography.field_types import Count, NotNegative, Percent
from petrography.stored_documents import Document

__all__ = ["Contacts", "HaloRemoval"]

Square = tuple[tuple[NotNegative, ...], ...]


class HaloRemoval(Document):
    """False ribbons that were taken out before contacts were measured."""

    max_width_px: Count
    changed_px: dict[str, Count]
    """Pixels of each phase, by symbol, that were counted as their neighbours."""


class Contacts(Document):
    """Contact lengths between phases."""

    codes: tuple[int, ...]
    length_px: Square
    """Symmetric; row and column i belong to codes[i]."""
    length_um: Square | None = None
    symbols: tuple[str, ...] = ()
    boundary_px: tuple[NotNegative, ...] = ()
    """Length of the whole boundary of each phase."""
    association_percent: Square = ()
    """Row i: how the boundary of phase i is shared by the others; background and resin are free."""
    contact_percent: Square = ()
    """Of the length of all contacts; symmetric."""
    enrichment: Square = ()
    """Association over what contacts by chance would give; above 1 is preferred."""
    free_percent: tuple[Percent, ...] = ()
    """Of the boundary of each phase: against background or resin."""
    specific_surface_per_px: tuple[NotNegative, ...] = ()
    """Boundary length over area."""
    specific_surface_per_um: tuple[NotNegative, ...] | None = None
    halos: HaloRemoval | None = None
    """Null where nothing was taken out."""

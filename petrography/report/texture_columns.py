"""Contacts, locking, intergrowths and liberation as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from petrography.minerals import UNLABELLED_CODE, mineral
from petrography.report.contact_models import Contacts
from petrography.report.fields import Field, tabulated
from petrography.report.table import Cell, Column, Table
from petrography.report.texture_models import IntergrowthEntry, Liberation, Textures
from petrography.statistics.locking import LOCKING_CLASSES
from petrography.statistics.textures import TextureStatistics

__all__ = [
    "tabulated_contacts",
    "tabulated_intergrowths",
    "tabulated_liberation",
    "tabulated_locking",
]


@dataclass(frozen=True)
class _Touching:
    """Two phases that touch: places in the contacts of a report."""

    contacts: Contacts
    a: int
    b: int

    def length_um(self) -> Cell:
        scaled = self.contacts.length_um
        return None if scaled is None else scaled[self.a][self.b]


_CONTACT_FIELDS: tuple[Field[_Touching], ...] = (
    Field("code_a", "integer", lambda one: one.contacts.codes[one.a], "one of the phases"),
    Field("symbol_a", "text", lambda one: one.contacts.symbols[one.a], "its IMA-CNMNC symbol"),
    Field("code_b", "integer", lambda one: one.contacts.codes[one.b], "the other"),
    Field("symbol_b", "text", lambda one: one.contacts.symbols[one.b], "its symbol"),
    Field("length_px", "number", lambda one: one.contacts.length_px[one.a][one.b], "of contact"),
    Field("length_um", "number", lambda one: one.length_um(), "of contact"),
    Field(
        "contact_percent",
        "number",
        lambda one: one.contacts.contact_percent[one.a][one.b],
        "of the length of all contacts",
    ),
    Field(
        "association_a_percent",
        "number",
        lambda one: one.contacts.association_percent[one.a][one.b],
        "of the boundary of a",
    ),
    Field(
        "association_b_percent",
        "number",
        lambda one: one.contacts.association_percent[one.b][one.a],
        "of the boundary of b",
    ),
    Field(
        "enrichment_a_ratio",
        "number",
        lambda one: one.contacts.enrichment[one.a][one.b],
        "association of a with b over what chance would give",
    ),
    Field(
        "enrichment_b_ratio",
        "number",
        lambda one: one.contacts.enrichment[one.b][one.a],
        "association of b with a over what chance would give",
    ),
)


def tabulated_contacts(contacts: Contacts) -> Table:
    """Tabulate contacts, one pair of phases that touch a row.

    Parameters
    ----------
    contacts : Contacts
        Of a report.
    """
    pairs = combinations(range(len(contacts.codes)), 2)
    touching = [_Touching(contacts, a, b) for a, b in pairs if contacts.length_px[a][b] > 0.0]
    return tabulated("contacts", _CONTACT_FIELDS, touching)


def tabulated_intergrowths(textures: Textures) -> Table:
    """Tabulate how minerals are grown together, one pair a row.

    Parameters
    ----------
    textures : Textures
        Of a report.
    """
    pairs = textures.intergrowths
    fields: tuple[Field[IntergrowthEntry], ...] = (
        Field("host", "text", lambda one: one.host, "the mineral of thicker grains"),
        Field("guest", "text", lambda one: one.guest, "the mineral of thinner grains"),
        Field("kind", "text", lambda one: one.kind, "by the first rule that holds"),
        Field("rule", "text", lambda one: one.rule, "the rule that decided"),
        *(_feature(name) for name in (pairs[0].features if pairs else ())),
    )
    return tabulated("intergrowths", fields, pairs)


def _feature(name: str) -> Field[IntergrowthEntry]:
    return Field(name, "number", lambda one: one.features[name], "of the host and the guest")


def tabulated_locking(measured: TextureStatistics, *, um_per_px: float | None = None) -> Table:
    """Tabulate how each grain is locked, one grain a row, numbered as in the table of grains.

    Parameters
    ----------
    measured : TextureStatistics
        Of a label image.
    um_per_px : float, optional
        Pixel size; the physical column is empty without it.
    """
    contacts, locking = measured.contacts, measured.locking
    symbol_of = np.full(256, None, dtype=object)
    for code in contacts.phases:
        symbol_of[code] = mineral(code).symbol
    host_code = np.append(contacts.code, np.uint8(UNLABELLED_CODE))[locking.host - 1]
    boundary_px, hosts = locking.boundary_px, locking.host.tolist()
    seen = zip(locking.class_index, locking.is_seen, strict=True)
    classes = [LOCKING_CLASSES[k] if is_seen else None for k, is_seen in seen]
    boundary_um = [None] * len(hosts) if um_per_px is None else boundary_px * um_per_px
    columns = (
        Column("id", "integer", range(1, len(hosts) + 1), "number of the grain"),
        Column("code", "integer", contacts.code, "mineral code"),
        Column("symbol", "text", symbol_of[contacts.code], "IMA-CNMNC symbol"),
        Column("boundary_px", "number", boundary_px, "length of the boundary", 3),
        Column("boundary_um", "number", boundary_um, "length of the boundary", 3),
        _share("free_percent", locking.free_fraction, "boundary against background or resin"),
        Column("host_id", "integer", [host or None for host in hosts], "longest contact"),
        Column("host_symbol", "text", symbol_of[host_code], "mineral of the host"),
        _share("enclosed_percent", locking.enclosed_fraction, "boundary against the host"),
        Column(
            "cover_symbol", "text", symbol_of[locking.cover_code], "covers most of the boundary"
        ),
        _share("rim_percent", locking.rim_fraction, "boundary that the cover takes"),
        Column("partners", "integer", locking.partners, "other minerals at the boundary"),
        Column("locking", "text", classes, "class; empty without a boundary"),
    )
    return Table("locking", columns)


def _share(
    name: str, fractions: np.ndarray[tuple[int, ...], np.dtype[np.float64]], of: str
) -> Column:
    return Column(name, "number", 100.0 * fractions, of, 2)


@dataclass(frozen=True)
class _Liberated:
    """One mineral, size and threshold."""

    symbol: str
    basis: str
    size_px: float | None
    size_um: float | None
    pieces: int
    at_least: str
    percent: float


_LIBERATION_FIELDS: tuple[Field[_Liberated], ...] = (
    Field("symbol", "text", lambda one: one.symbol, "IMA-CNMNC symbol"),
    Field("basis", "text", lambda one: one.basis, "particles, or the potential of intact ore"),
    Field("size_px", "number", lambda one: one.size_px, "of the cells that the ore is cut into"),
    Field("size_um", "number", lambda one: one.size_um, "of the cells that the ore is cut into"),
    Field("pieces", "integer", lambda one: one.pieces, "cells or particles"),
    Field(
        "at_least_percent",
        "integer",
        lambda one: int(one.at_least),
        "share of a piece from which the mineral counts as liberated",
    ),
    Field("liberated_percent", "number", lambda one: one.percent, "of the area of the mineral"),
)


def tabulated_liberation(liberation: Liberation) -> Table:
    """Tabulate the liberated share of each mineral, one size and threshold a row.

    Parameters
    ----------
    liberation : Liberation
        Of a report.
    """
    rows = [*_of_particles(liberation), *_of_intact_ore(liberation)]
    return tabulated("liberation", _LIBERATION_FIELDS, rows)


def _of_particles(liberation: Liberation) -> Iterator[_Liberated]:
    found = liberation.particles
    if found is None:
        return
    for symbol, one in found.minerals.items():
        for least, share in one.liberated_percent.items():
            yield _Liberated(
                symbol, "particles in resin", None, None, found.particles, least, share
            )


def _of_intact_ore(liberation: Liberation) -> Iterator[_Liberated]:
    found = liberation.intact_ore_potential
    if found is None:
        return
    sizes_um = [None] * len(found.sizes_px) if found.sizes_um is None else found.sizes_um
    sizes = list(zip(found.sizes_px, sizes_um, found.cell_counts, strict=True))
    basis = f"potential of intact ore, {found.cells}"
    for symbol, one in found.minerals.items():
        for least, shares in one.liberated_percent.items():
            for (size_px, size_um, count), share in zip(sizes, shares, strict=True):
                yield _Liberated(symbol, basis, size_px, size_um, count, least, share)

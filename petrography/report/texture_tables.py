"""Tables of textures: how grains are locked, how minerals are grown together, what is liberated."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from petrography.minerals import UNLABELLED_CODE, mineral
from petrography.report.texture_models import Liberation, Textures
from petrography.statistics.locking import LOCKING_CLASSES
from petrography.statistics.textures import TextureStatistics

__all__ = [
    "INTERGROWTH_COLUMNS",
    "LIBERATION_COLUMNS",
    "LOCKING_COLUMNS",
    "intergrowths_csv",
    "liberation_csv",
    "locking_csv",
]

LOCKING_COLUMNS = (
    "id",
    "code",
    "symbol",
    "boundary_px",
    "boundary_um",
    "free_percent",
    "host_id",
    "host_symbol",
    "enclosed_percent",
    "cover_symbol",
    "rim_percent",
    "partners",
    "locking",
    "touches_edge",
)
INTERGROWTH_COLUMNS = ("host", "guest", "kind", "rule")
LIBERATION_COLUMNS = (
    "symbol",
    "basis",
    "size_px",
    "size_um",
    "pieces",
    "at_least_percent",
    "liberated_percent",
)


def locking_csv(measured: TextureStatistics, *, um_per_px: float | None = None) -> str:
    """Write how each grain is locked, one grain a line.

    Parameters
    ----------
    measured : TextureStatistics
        Of a label image.
    um_per_px : float, optional
        Pixel size; the physical column is empty without it.

    Returns
    -------
    str
        CSV with the columns `LOCKING_COLUMNS`; lines end with ``\\n``. ``id`` is that of
        ``grains.csv``; hosts and covers are empty where there is none.
    """
    contacts, locking = measured.contacts, measured.locking
    symbols = {code: mineral(code).symbol for code in contacts.phases} | {UNLABELLED_CODE: ""}
    codes, hosts = contacts.code.tolist(), locking.host.tolist()
    boundary_px = locking.boundary_px.tolist()
    columns: tuple[Iterable[object], ...] = (
        range(1, len(codes) + 1),
        codes,
        [symbols[code] for code in codes],
        _fixed(boundary_px),
        [""] * len(codes) if um_per_px is None else _fixed(p * um_per_px for p in boundary_px),
        _percents(locking.free_fraction.tolist()),
        [host or "" for host in hosts],
        [symbols[codes[host - 1]] if host else "" for host in hosts],
        _percents(locking.enclosed_fraction.tolist()),
        [symbols[code] for code in locking.cover_code.tolist()],
        _percents(locking.rim_fraction.tolist()),
        locking.partners.tolist(),
        [LOCKING_CLASSES[k] for k in locking.class_index.tolist()],
        contacts.axes.touches_edge.astype(int).tolist(),
    )
    return _csv(LOCKING_COLUMNS, zip(*columns, strict=True))


def intergrowths_csv(textures: Textures) -> str:
    """Write how minerals are grown together, one pair a line.

    Returns
    -------
    str
        CSV with the columns `INTERGROWTH_COLUMNS` and the features by name.
    """
    pairs = textures.intergrowths
    names = tuple(pairs[0].features) if pairs else ()
    rows = ([one.host, one.guest, one.kind, one.rule, *one.features.values()] for one in pairs)
    return _csv((*INTERGROWTH_COLUMNS, *names), rows)


def liberation_csv(liberation: Liberation) -> str:
    """Write the liberated share of each mineral, one size and threshold a line.

    Returns
    -------
    str
        CSV with the columns `LIBERATION_COLUMNS`; ``basis`` says whether they are particles or
        the potential of intact ore; sizes are empty for particles.
    """
    return _csv(LIBERATION_COLUMNS, [*_of_particles(liberation), *_of_intact_ore(liberation)])


def _of_particles(liberation: Liberation) -> Iterator[Sequence[object]]:
    found = liberation.particles
    if found is None:
        return
    for symbol, one in found.minerals.items():
        for percent, share in one.liberated_percent.items():
            yield symbol, "particles in resin", "", "", found.particles, percent, share


def _of_intact_ore(liberation: Liberation) -> Iterator[Sequence[object]]:
    found = liberation.intact_ore_potential
    if found is None:
        return
    sizes_um = [""] * len(found.sizes_px) if found.sizes_um is None else found.sizes_um
    sizes = list(zip(found.sizes_px, sizes_um, found.cell_counts, strict=True))
    basis = f"potential of intact ore, {found.cells}"
    for symbol, one in found.minerals.items():
        for percent, shares in one.liberated_percent.items():
            for size, share in zip(sizes, shares, strict=True):
                yield symbol, basis, *size, percent, share


def _fixed(values: Iterable[float]) -> list[str]:
    return [f"{value:.3f}" for value in values]


def _percents(fractions: Iterable[float]) -> list[str]:
    return [f"{100.0 * fraction:.2f}" for fraction in fractions]


def _csv(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()

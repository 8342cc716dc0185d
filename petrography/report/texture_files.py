"""The files that hold contacts, textures and liberation."""

from __future__ import annotations

from collections.abc import Callable

from petrography.report.contact_entries import contacts_csv
from petrography.report.result import Result
from petrography.report.texture_tables import intergrowths_csv, liberation_csv, locking_csv
from petrography.statistics.textures import TextureStatistics

__all__ = ["texture_files"]


def texture_files(result: Result, measured: TextureStatistics) -> dict[str, Callable[[], bytes]]:
    """Give what writes each of the tables, by file name.

    Parameters
    ----------
    result : Result
        With contacts, textures and liberation, as far as they are known.
    measured : TextureStatistics
        Of the same label image.
    """
    um_per_px = None if result.scale is None else result.scale.um_per_px
    contacts, textures, liberation = result.contacts, result.textures, result.liberation
    files: dict[str, Callable[[], bytes]] = {
        "locking.csv": lambda: locking_csv(measured, um_per_px=um_per_px).encode()
    }
    if contacts is not None:
        files["contacts.csv"] = lambda: contacts_csv(contacts).encode()
    if textures is not None:
        files["intergrowths.csv"] = lambda: intergrowths_csv(textures).encode()
    if liberation is not None:
        files["liberation.csv"] = lambda: liberation_csv(liberation).encode()
    return files

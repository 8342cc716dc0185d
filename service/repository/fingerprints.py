"""What lies in the models folder, told by names, sizes and times, without reading a file."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from service.repository.model_folders import CARD_FILE, MODEL_FILE, subfolders
from service.repository.traffic import TRAFFIC_FILE

__all__ = ["Fingerprint", "fingerprints"]

# By version, or the name of the file of weights: name, bytes, time of change and place of files.
Fingerprint: TypeAlias = dict[str, tuple[tuple[str, int, int, int], ...]]
_FILES = tuple(
    f"{name}{signature}" for name in (CARD_FILE, MODEL_FILE) for signature in ("", ".minisig")
)


def fingerprints(folder: Path) -> dict[str, Fingerprint]:
    """Look at every model of a models folder.

    Parameters
    ----------
    folder : Path
        The models folder.

    Returns
    -------
    dict of str to Fingerprint
        By the name of the model; two that are equal mean that nothing was written in between.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    found = {}
    for name in subfolders(folder):
        versions: Fingerprint = {
            path.name: tuple(one for file in _FILES for one in _print_of(path / file))
            for path in subfolders(name)
        }
        if weights := _print_of(name / TRAFFIC_FILE):
            versions[TRAFFIC_FILE] = weights
        found[name.name] = versions
    return found


def _print_of(file: Path) -> tuple[tuple[str, int, int, int], ...]:
    try:
        found = file.stat()
    except OSError:
        return ()
    return ((file.name, found.st_size, found.st_mtime_ns, found.st_ino),)

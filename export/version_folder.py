"""A version in the models folder: its number, and how it appears there, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from export.signing import sign_model
from petrography.errors import ConfigurationError
from petrography.minisign import SecretKey
from petrography.model_card import ModelCard
from training.room import require_writable

__all__ = ["chosen_version", "next_version", "publish"]


def publish(
    folder: Path, onnx_bytes: bytes, card: ModelCard, *, key: SecretKey | None = None
) -> Path:
    """Write graph and card beside the target and rename the whole folder into place.

    Parameters
    ----------
    folder : Path
        ``models/<name>/<version>``.
    onnx_bytes : bytes
        The graph.
    card : ModelCard
        Its card.
    key : SecretKey, optional
        Signs both files.

    Raises
    ------
    ConfigurationError
        If the folder exists: a published version never changes.
    """
    _require_absent(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The leading dot keeps a half-written folder out of the sight of a serving process.
    temporary = Path(tempfile.mkdtemp(prefix=".incoming-", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        _write_flushed(temporary / "model.onnx", onnx_bytes)
        _write_flushed(temporary / "model.json", card.model_dump_json(indent=2).encode() + b"\n")
        if key is not None:
            sign_model(temporary, key, signed_utc_s=int(time.time()))
        os.rename(temporary, folder)  # noqa: PTH104 - Path.rename would replace an empty folder too
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        msg = f"{folder} cannot be published: {error}"
        raise ConfigurationError(msg) from error
    return folder


def _write_flushed(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _require_absent(folder: Path) -> None:
    if folder.exists():
        msg = f"{folder} exists; a published version is never overwritten, choose another version"
        raise ConfigurationError(msg)


def next_version(folder: Path) -> int:
    """Give the number above the highest version in ``models/<name>``; 1 where there is none."""
    if not folder.is_dir():
        return 1
    return 1 + max((int(one.name) for one in folder.iterdir() if one.name.isdigit()), default=0)


def chosen_version(folder: Path, wanted: int | None) -> int:
    """Choose the version to publish in ``models/<name>``, before any work is done for it.

    Raises
    ------
    ConfigurationError
        If the wanted one is below 1 or exists, or the models folder takes no files.
    """
    require_writable(folder)
    version = next_version(folder) if wanted is None else wanted
    if version < 1:
        msg = f"version is {version}; wanted 1 or more, or none for the next one"
        raise ConfigurationError(msg)
    _require_absent(folder / str(version))
    return version

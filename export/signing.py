"""Signing published versions: beside each file of a model lies what proves who made it."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path

from export.replaced_file import replace_file
from petrography.errors import ConfigurationError
from petrography.minisign import (
    SecretKey,
    new_secret_key,
    parse_secret_key,
    public_key_text,
    secret_key_text,
    sign,
)
from petrography.model_card import parse_card, sha256_hex

__all__ = ["ask_password", "read_secret_key", "sign_model", "write_key_pair"]

_FILES = ("model.onnx", "model.json")


def ask_password(prompt: str = "Password of the secret key: ") -> str:
    """Ask at the terminal; without one, read a line of the standard input."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def read_secret_key(path: Path, *, password: Callable[[], str]) -> SecretKey:
    """Read a secret key file of minisign.

    Parameters
    ----------
    path : Path
        The file.
    password : callable
        Asked only where the key is encrypted.

    Raises
    ------
    ConfigurationError
        If it cannot be read, is no such key, or the password is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"secret key {path} cannot be read: {error}"
        raise ConfigurationError(msg) from error
    return parse_secret_key(text, password=password, source=str(path))


def write_key_pair(folder: Path, *, password: str) -> tuple[Path, Path]:
    """Write a new key pair as ``petroserve.key`` and ``petroserve.pub``.

    Parameters
    ----------
    folder : Path
        Made if need be.
    password : str
        Encrypts the secret key; empty: whoever has the file can sign.

    Returns
    -------
    secret, public : Path
        The files; only the owner may read the secret one.

    Raises
    ------
    ConfigurationError
        If one of them exists: a key that is lost cannot be made again.
    """
    secret, public = folder / "petroserve.key", folder / "petroserve.pub"
    for path in (secret, public):
        if path.exists():
            msg = f"{path} exists; a key is never overwritten, choose another folder"
            raise ConfigurationError(msg)
    key = new_secret_key()
    folder.mkdir(parents=True, exist_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(secret_key_text(key, password=password), encoding="utf-8")
    public.write_text(public_key_text(key.public), encoding="utf-8")
    return secret, public


def sign_model(folder: Path, key: SecretKey, *, signed_utc_s: int) -> tuple[Path, ...]:
    """Sign the graph and the card of a model, after checking that they belong together.

    Parameters
    ----------
    folder : Path
        ``models/<name>/<version>``.
    key : SecretKey
        Who signs.
    signed_utc_s : int
        Now, in seconds since 1970; part of what is signed.

    Returns
    -------
    tuple of Path
        The signatures, ``model.onnx.minisig`` and ``model.json.minisig``.

    Raises
    ------
    ConfigurationError
        If a file is missing, the graph is not the card's, or there is a signature already.
    ModelCardError
        If the card cannot be read.
    """
    contents = {name: _content(folder / name) for name in _FILES}
    card = parse_card(contents["model.json"], source=str(folder / "model.json"))
    if sha256_hex(contents["model.onnx"]) != card.onnx_sha256:
        msg = f"{folder / 'model.onnx'} has another SHA-256 than its card states; it is not signed"
        raise ConfigurationError(msg)
    targets = {name: folder / f"{name}.minisig" for name in _FILES}
    for target in targets.values():
        if target.exists():
            msg = f"{target} exists; remove the signatures of {folder} to sign it anew"
            raise ConfigurationError(msg)
    for name, target in targets.items():
        about = f"timestamp:{signed_utc_s}\tfile:{name}\tmodel:{card.full_name}\thashed"
        replace_file(target, sign(contents[name], key, trusted_comment=about).encode())
    return tuple(targets.values())


def _content(path: Path) -> bytes:
    if not path.is_file():
        msg = f"{path} is missing; wanted a model folder with {' and '.join(_FILES)}"
        raise ConfigurationError(msg)
    return path.read_bytes()

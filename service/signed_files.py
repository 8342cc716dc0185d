"""Files that are believed only with a good signature of minisign beside them."""

from __future__ import annotations

from pathlib import Path

from petrography.errors import ConfigurationError, ModelCardError
from petrography.minisign import PublicKey, parse_public_key, signer_of, verify

__all__ = ["read_public_key", "read_signed", "signers"]


def read_public_key(path: Path | None) -> PublicKey | None:
    """Read the key that models must be signed with, where one is named.

    Raises
    ------
    ConfigurationError
        If the file cannot be read or is no public key.
    """
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"PETROSERVE_MODELS_PUBLIC_KEY: {path} cannot be read: {error}"
        raise ConfigurationError(msg) from error
    return parse_public_key(text, source=str(path))


def read_signed(file: Path, public_key: PublicKey | None) -> bytes:
    """Read a file of a model; with a key only if its signature is there and good.

    Parameters
    ----------
    file : Path
        Its signature is ``<file>.minisig``.
    public_key : PublicKey or None
        None: no signature is asked for.

    Raises
    ------
    ModelCardError
        If the signature is missing, of another key, or of another content.
    """
    content = file.read_bytes()
    if public_key is None:
        return content
    signature = _signature_file(file)
    if not signature.is_file():
        msg = (
            f"{file} is not signed: there is no {signature.name} beside it; wanted one of key "
            f"{public_key.name} (`petroserve models sign`), or no PETROSERVE_MODELS_PUBLIC_KEY"
        )
        raise ModelCardError(msg)
    verify(content, _text(signature), public_key, source=str(file))
    return content


def signers(folder: Path) -> frozenset[str]:
    """Name the keys that the signatures in a model folder claim to be of; nothing is verified.

    Returns
    -------
    frozenset of str
        Identifiers of keys; empty where no file is signed.

    Raises
    ------
    ModelCardError
        If a signature is none.
    """
    files = (_signature_file(folder / name) for name in ("model.onnx", "model.json"))
    return frozenset(signer_of(_text(one), source=str(one)) for one in files if one.is_file())


def _signature_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.minisig")


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", errors="replace")

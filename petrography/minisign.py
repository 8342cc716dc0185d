"""Signatures of files in the format of minisign: Ed25519 over the file's BLAKE2b digest.

A SHA-256 on a card tells that a file is what the card says; a signature tells who says so. Keys
and signatures are those of minisign, so that either side can use that tool instead. Reading knows
the older kind too, which signs the file itself.

References
----------
Denis, minisign, https://jedisct1.github.io/minisign/ (formats of keys and signatures). Bernstein
et al. 2012, doi:10.1007/s13389-012-0027-1 (Ed25519). RFC 7693 (BLAKE2b). RFC 7914 (scrypt).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from nacl.exceptions import BadSignatureError, CryptoError
from nacl.pwhash import scrypt
from nacl.signing import SigningKey, VerifyKey
from nacl.utils import random

from petrography.errors import ConfigurationError, ModelCardError

__all__ = [
    "PublicKey",
    "SecretKey",
    "new_secret_key",
    "parse_public_key",
    "parse_secret_key",
    "public_key_text",
    "secret_key_text",
    "sign",
    "signer_of",
    "verify",
]

# What minisign itself asks for: 1 GiB and a few seconds.
PASSWORD_COST = (scrypt.OPSLIMIT_SENSITIVE, scrypt.MEMLIMIT_SENSITIVE)

_SIGNED_WHOLE, _SIGNED_DIGEST = b"Ed", b"ED"
_SCRYPT, _NO_PASSWORD, _BLAKE2B = b"Sc", b"\0\0", b"B2"
_UNTRUSTED, _TRUSTED = "untrusted comment: ", "trusted comment: "
_KEY_ID_BYTES, _PUBLIC_BYTES, _SEED_BYTES, _SIGNATURE_BYTES, _CHECK_BYTES = 8, 32, 32, 64, 32
_SALT_BYTES = 32
# An Ed25519 secret key as libsodium keeps it: the seed and the public key.
_SECRET_BYTES = _SEED_BYTES + _PUBLIC_BYTES
_HEAD_BYTES = 6 + _SALT_BYTES + 16


@dataclass(frozen=True)
class PublicKey:
    """Who may sign.

    Attributes
    ----------
    key_id : bytes
        8 bytes that signatures name their key by.
    ed25519 : bytes
        The key, 32 bytes.
    """

    key_id: bytes
    ed25519: bytes

    @property
    def name(self) -> str:
        """Identifier of the key as minisign prints it."""
        return _name(self.key_id)


@dataclass(frozen=True)
class SecretKey:
    """What signatures are made with; never printed.

    Attributes
    ----------
    key_id : bytes
        8 bytes.
    seed : bytes
        32 bytes from which the Ed25519 key pair follows.
    """

    key_id: bytes
    seed: bytes = field(repr=False)

    @property
    def public(self) -> PublicKey:
        """The key that verifies."""
        return PublicKey(self.key_id, bytes(SigningKey(self.seed).verify_key))


@dataclass(frozen=True)
class _Signature:
    kind: bytes
    key_id: bytes
    signature: bytes
    trusted_comment: str
    comment_signature: bytes


def new_secret_key() -> SecretKey:
    """Draw a key pair from the randomness of the system."""
    return SecretKey(random(_KEY_ID_BYTES), random(_SEED_BYTES))


def public_key_text(key: PublicKey) -> str:
    """Write a public key as the content of a ``.pub`` file."""
    packed = _SIGNED_WHOLE + key.key_id + key.ed25519
    return f"{_UNTRUSTED}minisign public key {key.name}\n{_encoded(packed)}\n"


def parse_public_key(text: str, *, source: str) -> PublicKey:
    """Read a public key: the file that minisign writes, or only its second line.

    Parameters
    ----------
    text : str
        The content.
    source : str
        What it is, for the message.

    Raises
    ------
    ConfigurationError
        If it is no public key of minisign.
    """
    lines = [line for line in text.strip().splitlines() if not line.startswith(_UNTRUSTED)]
    packed = _decoded(lines[0]) if len(lines) == 1 else b""
    if len(packed) != 2 + _KEY_ID_BYTES + _PUBLIC_BYTES or packed[:2] != _SIGNED_WHOLE:
        msg = (
            f"{source} is no public key of minisign; wanted one line of 56 characters that begins "
            "with RW, with or without its comment line (`petroserve models keygen` makes one)"
        )
        raise ConfigurationError(msg)
    return PublicKey(packed[2:10], packed[10:])


def secret_key_text(
    key: SecretKey, *, password: str = "", cost: tuple[int, int] = PASSWORD_COST
) -> str:
    """Write a secret key as the content of a ``.key`` file.

    Parameters
    ----------
    key : SecretKey
        The key.
    password : str
        Encrypts it by scrypt; empty: the file alone suffices to sign.
    cost : tuple of int
        Operations and bytes of memory that a guess of the password costs.
    """
    body = key.key_id + key.seed + key.public.ed25519
    # Without a password minisign leaves salt, limits and check at zero.
    kind, kdf, middle, check = "secret key", _NO_PASSWORD, bytes(_SALT_BYTES + 16), bytes(32)
    if password:
        kind, kdf, salt = "encrypted secret key", _SCRYPT, random(_SALT_BYTES)
        middle = salt + b"".join(one.to_bytes(8, "little") for one in cost)
        masked = _masked(body + _check(body), password, salt, *cost)
        body, check = masked[:-_CHECK_BYTES], masked[-_CHECK_BYTES:]
    packed = _SIGNED_WHOLE + kdf + _BLAKE2B + middle + body + check
    return f"{_UNTRUSTED}minisign {kind}\n{_encoded(packed)}\n"


def parse_secret_key(text: str, *, password: Callable[[], str], source: str) -> SecretKey:
    """Read a secret key file of minisign.

    Parameters
    ----------
    text : str
        The content.
    password : callable
        Asked only where the key is encrypted.
    source : str
        What it is, for the message.

    Raises
    ------
    ConfigurationError
        If it is no secret key of minisign, or the password is wrong.
    """
    packed = _decoded((text.strip().splitlines() or [""])[-1])
    head, body = packed[:_HEAD_BYTES], packed[_HEAD_BYTES:]
    is_key = head[:2] == _SIGNED_WHOLE and head[2:4] in {_SCRYPT, _NO_PASSWORD}
    if not is_key or len(body) != _KEY_ID_BYTES + _SECRET_BYTES + _CHECK_BYTES:
        msg = f"{source} is no secret key of minisign; wanted the .key file, not the .pub file"
        raise ConfigurationError(msg)
    if head[2:4] == _SCRYPT:
        limits = (int.from_bytes(head[start : start + 8], "little") for start in (38, 46))
        body = _masked(body, password(), head[6:38], *limits)
    key = SecretKey(body[:_KEY_ID_BYTES], body[_KEY_ID_BYTES : _KEY_ID_BYTES + _SEED_BYTES])
    pair_end = _KEY_ID_BYTES + _SECRET_BYTES
    is_checked = head[2:4] == _NO_PASSWORD or _check(body[:pair_end]) == body[pair_end:]
    if not is_checked or not body[:pair_end].endswith(key.public.ed25519):
        msg = f"{source} cannot be read: the password is wrong or the file is damaged"
        raise ConfigurationError(msg)
    return key


def sign(data: bytes, key: SecretKey, *, trusted_comment: str) -> str:
    """Sign a file.

    Parameters
    ----------
    data : bytes
        Its content.
    key : SecretKey
        Who signs.
    trusted_comment : str
        One line that is signed with the file.

    Returns
    -------
    str
        The content of its ``.minisig`` file.
    """
    signing_key = SigningKey(key.seed)
    signature = signing_key.sign(_digest(data)).signature
    of_comment = signing_key.sign(signature + trusted_comment.encode()).signature
    return (
        f"{_UNTRUSTED}signature from minisign key {key.public.name}\n"
        f"{_encoded(_SIGNED_DIGEST + key.key_id + signature)}\n"
        f"{_TRUSTED}{trusted_comment}\n"
        f"{_encoded(of_comment)}\n"
    )


def verify(data: bytes, signature: str, key: PublicKey, *, source: str) -> str:
    """Verify that a file was signed with a key and was not altered since.

    Parameters
    ----------
    data : bytes
        Content of the file.
    signature : str
        Content of its ``.minisig`` file.
    key : PublicKey
        Who must have signed.
    source : str
        The file, for the message.

    Returns
    -------
    str
        The trusted comment.

    Raises
    ------
    ModelCardError
        If the signature is none, of another key, or of another content or comment.
    """
    parsed = _parse_signature(signature, source)
    if parsed.key_id != key.key_id:
        msg = f"{source} was signed with key {_name(parsed.key_id)}; wanted key {key.name}"
        raise ModelCardError(msg)
    signed = _digest(data) if parsed.kind == _SIGNED_DIGEST else data
    comment = parsed.signature + parsed.trusted_comment.encode()
    for what, message, made in (
        ("its content", signed, parsed.signature),
        ("the trusted comment", comment, parsed.comment_signature),
    ):
        try:
            VerifyKey(key.ed25519).verify(message, made)
        except (BadSignatureError, CryptoError):
            msg = f"{source} does not carry a good signature of key {key.name}: {what} was altered"
            raise ModelCardError(msg) from None
    return parsed.trusted_comment


def signer_of(signature: str, *, source: str) -> str:
    """Name the key that a signature claims to be of; only `verify` tells whether it is.

    Raises
    ------
    ModelCardError
        If it is no signature of minisign.
    """
    return _name(_parse_signature(signature, source).key_id)


def _parse_signature(text: str, source: str) -> _Signature:
    lines = text.splitlines()
    if len(lines) == 4 and lines[0].startswith(_UNTRUSTED) and lines[2].startswith(_TRUSTED):
        packed, of_comment = _decoded(lines[1]), _decoded(lines[3])
        sizes = (len(packed), len(of_comment))
        is_known = packed[:2] in {_SIGNED_WHOLE, _SIGNED_DIGEST}
        if is_known and sizes == (2 + _KEY_ID_BYTES + _SIGNATURE_BYTES, _SIGNATURE_BYTES):
            comment = lines[2].removeprefix(_TRUSTED)
            return _Signature(packed[:2], packed[2:10], packed[10:], comment, of_comment)
    msg = (
        f"the signature of {source} is none of minisign; wanted four lines: untrusted comment, "
        "signature, trusted comment, signature of both"
    )
    raise ModelCardError(msg)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=64).digest()


def _check(key_id_and_pair: bytes) -> bytes:
    return hashlib.blake2b(_SIGNED_WHOLE + key_id_and_pair, digest_size=_CHECK_BYTES).digest()


def _masked(body: bytes, password: str, salt: bytes, operations: int, memory: int) -> bytes:
    """Encrypt or decrypt: the same either way."""
    stream = scrypt.kdf(len(body), password.encode(), salt, opslimit=operations, memlimit=memory)
    return bytes(one ^ other for one, other in zip(body, stream, strict=True))


def _name(key_id: bytes) -> str:
    return f"{int.from_bytes(key_id, 'little'):016X}"


def _encoded(packed: bytes) -> str:
    return base64.b64encode(packed).decode("ascii")


def _decoded(line: str) -> bytes:
    """Bytes of a line of base64; none where it is no base64."""
    try:
        return base64.b64decode(line.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""

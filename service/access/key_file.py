"""The file of API keys: their digests, tenants, scopes and ends.

A key is ``ps_<id>_<secret>`` with 256 random bits of secret. Guessing such a secret is hopeless, so
its SHA-256 is kept and no slow password hash is needed, which would itself be a way to keep the
service busy.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from petrography.errors import ConfigurationError, field_problems
from petrography.field_types import Sha256
from petrography.stored_documents import Document
from service.access.principal import Scope
from service.disk import put_whole

__all__ = [
    "ApiKey",
    "KeyFile",
    "create_key",
    "digest_of",
    "empty_key_file",
    "key_id_of",
    "read_key_file",
    "revoke_key",
    "write_key_file",
]

_PREFIX = "ps"
_ID_BYTES, _SECRET_BYTES = 6, 32

Tenant = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class ApiKey(Document):
    """What is kept of a key.

    Attributes
    ----------
    id : str
        Its public part.
    sha256 : str
        Of the whole key.
    tenant : str
        For whom it was made: lower-case letters, digits, ``.``, ``_`` and ``-``.
    scopes : tuple of str
        What it allows.
    requests_per_minute : int or None
        None: as many as it likes.
    created_utc, expires_utc, revoked_utc : datetime
        None where it does not end.
    note : str
        For people.
    """

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    sha256: Sha256
    tenant: Tenant
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    created_utc: AwareDatetime
    expires_utc: AwareDatetime | None = None
    revoked_utc: AwareDatetime | None = None
    note: Annotated[str, Field(max_length=256)] = ""

    def ended(self, now: dt.datetime) -> str | None:
        """Tell why the key is no longer good; None while it is."""
        if self.revoked_utc is not None:
            return f"was revoked at {self.revoked_utc.isoformat(timespec='seconds')}"
        if self.expires_utc is not None and now >= self.expires_utc:
            return f"expired at {self.expires_utc.isoformat(timespec='seconds')}"
        return None


class KeyFile(Document):
    """All keys of an installation."""

    version: Literal[1] = 1
    keys: tuple[ApiKey, ...] = ()

    @model_validator(mode="after")
    def _different(self) -> KeyFile:
        if len({key.id for key in self.keys}) != len(self.keys):
            msg = "two keys have one id"
            raise ValueError(msg)
        return self


def empty_key_file() -> KeyFile:
    """Give a file without keys: nobody comes in with it."""
    return KeyFile()


def read_key_file(path: Path) -> KeyFile:
    """Read a key file.

    Raises
    ------
    ConfigurationError
        If it cannot be read; the message names no digest.
    """
    try:
        return KeyFile.model_validate_json(path.read_bytes())
    except OSError as error:
        msg = f"the key file {path} cannot be read: {error.strerror or error}"
        raise ConfigurationError(msg) from None
    except ValidationError as error:
        msg = f"{path} is no key file: {field_problems(error)}"
        raise ConfigurationError(msg) from None


def write_key_file(path: Path, content: KeyFile) -> None:
    """Write a key file at once, readable for its owner only.

    Raises
    ------
    ConfigurationError
        If it cannot be written; the file is then as it was.
    """
    try:
        put_whole(path, content.model_dump_json(indent=2).encode() + b"\n", mode=0o600)
    except OSError as error:
        msg = f"the key file {path} cannot be written: {error.strerror or error}"
        raise ConfigurationError(msg) from None


def create_key(
    content: KeyFile,
    *,
    tenant: str,
    scopes: Collection[Scope],
    now: dt.datetime,
    expires_utc: dt.datetime | None = None,
    requests_per_minute: int | None = None,
    note: str = "",
) -> tuple[KeyFile, str]:
    """Make a key.

    Parameters
    ----------
    content : KeyFile
        The keys that there are.
    tenant, scopes, expires_utc, requests_per_minute, note
        As kept, see `ApiKey`.
    now : datetime
        With its zone.

    Returns
    -------
    KeyFile, str
        All keys, and the new one itself, which is kept nowhere.

    Raises
    ------
    ConfigurationError
        If a value is not possible.
    """
    key_id = secrets.token_hex(_ID_BYTES)
    key = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    try:
        kept = ApiKey(
            id=key_id,
            sha256=digest_of(key),
            tenant=tenant,
            scopes=tuple(sorted(set(scopes))),
            requests_per_minute=requests_per_minute,
            created_utc=now,
            expires_utc=expires_utc,
            note=note,
        )
    except ValidationError as error:
        msg = f"no key can be made: {field_problems(error)}"
        raise ConfigurationError(msg) from None
    return content.model_copy(update={"keys": (*content.keys, kept)}), key


def revoke_key(content: KeyFile, key_id: str, *, now: dt.datetime) -> KeyFile:
    """Revoke a key; one that was revoked keeps the time of that.

    Raises
    ------
    ConfigurationError
        If there is no such key.
    """
    if key_id not in {key.id for key in content.keys}:
        msg = f"there is no key {key_id!r}; there are {[key.id for key in content.keys]}"
        raise ConfigurationError(msg)
    keys = (
        key.model_copy(update={"revoked_utc": key.revoked_utc or now}) if key.id == key_id else key
        for key in content.keys
    )
    return content.model_copy(update={"keys": tuple(keys)})


def key_id_of(key: str) -> str | None:
    """Public part of a key; None where it has not the form of one."""
    parts = key.split("_", maxsplit=2)
    return parts[1] if len(parts) == 3 and parts[0] == _PREFIX else None


def digest_of(key: str) -> str:
    """What is kept of the secret."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

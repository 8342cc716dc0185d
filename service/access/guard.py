"""The one gate that every protocol asks."""

from __future__ import annotations

import datetime as dt
import hmac
import logging
import time
from collections.abc import Callable
from pathlib import Path

from petrography.errors import ConfigurationError, UnauthenticatedError
from service.access.key_file import ApiKey, KeyFile, digest_of, key_id_of, read_key_file
from service.access.oidc import Tokens, looks_like_token
from service.access.principal import Principal
from service.access.rate_limit import RateLimit

__all__ = ["Guard"]

_log = logging.getLogger("petroserve.access")
_NO_DIGEST = "0" * 64
_READ_AGAIN_S = 10.0


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Guard:
    """Tells whose key it is, or refuses it.

    The file is read again when it has changed, so a key can be revoked while the service runs.
    Where the changed file cannot be read, the keys of before stay in force, the log says so, and it is
    tried again every ten seconds.

    Parameters
    ----------
    path : Path or None
        The key file; None where only tokens are accepted.
    tokens : Tokens, optional
        Judges the tokens of an identity provider, which come instead of a key.
    now : callable
        The time, with its zone.
    clock : callable
        Seconds that never go back.

    Raises
    ------
    ConfigurationError
        If the file cannot be read.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        tokens: Tokens | None = None,
        now: Callable[[], dt.datetime] = _utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._now = now
        self._clock = clock
        self._limit = RateLimit(clock)
        self._tokens = tokens
        self._stamp = None if path is None else _stamp(path)
        self._again_s: float | None = None
        self._keys = {} if path is None else _by_id(read_key_file(path))

    async def admit(self, key: str | None) -> Principal:
        """Find out who asks, and count the request.

        Who waits for an identity provider holds no thread.

        Parameters
        ----------
        key : str or None
            What the client presented.

        Raises
        ------
        UnauthenticatedError
            If there is no key, or it is unknown, revoked or expired.
        NotReadyError
            If it is a token and the identity provider does not answer.
        RateLimitError
            If the key has used its requests up.
        """
        if key is None:
            msg = "there is no API key; wanted the header Authorization: Bearer ps_... or X-API-Key"
            raise UnauthenticatedError(msg)
        if self._tokens is not None and looks_like_token(key):
            return await self._tokens.admit(key)
        self._read_again()
        kept = self._key(key)
        if kept.requests_per_minute is not None:
            self._limit.count(kept.id, kept.requests_per_minute)
        return Principal(kept.id, kept.tenant, frozenset(kept.scopes))

    def _key(self, key: str) -> ApiKey:
        """Find a key that is in force.

        Raises
        ------
        UnauthenticatedError
            If it is unknown, revoked or expired.
        """
        kept = self._keys.get(key_id_of(key) or "")
        # An unknown id is compared too, so that time does not tell which ids there are.
        right = hmac.compare_digest(digest_of(key), _NO_DIGEST if kept is None else kept.sha256)
        if kept is None or not right:
            msg = "the API key is unknown; wanted one that the operator made by `petroserve keys`"
            raise UnauthenticatedError(msg)
        ended = kept.ended(self._now())
        if ended is not None:
            msg = f"the API key {kept.id} {ended}; ask the operator for a new one"
            raise UnauthenticatedError(msg)
        return kept

    def _read_again(self) -> None:
        if self._path is None:
            return
        stamp = _stamp(self._path)
        if stamp == self._stamp and (self._again_s is None or self._clock() < self._again_s):
            return
        self._stamp, self._again_s = stamp, None
        try:
            self._keys = _by_id(read_key_file(self._path))
        except ConfigurationError as error:
            # What stood in the way may go without a change of the file, and a key be revoked in it.
            self._again_s = self._clock() + _READ_AGAIN_S
            _log.error("the keys of before stay in force: %s", error)


def _by_id(content: KeyFile) -> dict[str, ApiKey]:
    return {key.id: key for key in content.keys}


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What changes whenever the file, or who may read it, does; None while it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    # The time of a file can be set to that of another; that of its last change cannot.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

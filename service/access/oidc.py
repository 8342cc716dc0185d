"""Bearer tokens of an OpenID Connect provider, as an option beside API keys.

A token is a JWT (RFC 7519) that the provider signed with RS256 or ES256 (RFC 7518); nothing else
is accepted, above all not ``none`` and no shared secret. Its keys are fetched (RFC 7517) from where
the provider's discovery document says and kept for some minutes; a token with an unknown key id
has them fetched again, but not more often than twice a minute, so that forged tokens cannot make
the service ask the provider without end. A provider that is away while no key is known is asked
again some seconds after it failed to answer.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from petrography.errors import ConfigurationError, NotReadyError, UnauthenticatedError
from service.access.principal import SCOPES, Principal

__all__ = ["Fetch", "Provider", "Tokens", "fetched", "looks_like_token"]

Fetch = Callable[[str], Mapping[str, Any]]

_log = logging.getLogger("petroserve.access")
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}
_KEEP_S, _AGAIN_S, _SILENT_S = 600.0, 30.0, 5.0
_AWAY = "the identity provider gives no answer that can be used; try again later"
# Clocks of two machines are never quite the same.
_LEEWAY_S = 30.0
_FETCH_TIMEOUT_S = 5.0
_MAX_BYTES = 1 << 20
_MIN_RSA_BITS = 2048
_MAX_TOKEN_CHARACTERS = 8192
_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
# It stands in logs and in results.
_SUBJECT = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Provider:
    """Whose tokens are accepted, and how they are read.

    Attributes
    ----------
    issuer : str
        Its URL, as it stands in ``iss``; https, or http on this machine.
    audience : str
        What ``aud`` must name: this service.
    tenant_claim : str
        Claim that names the tenant.
    scope_claim : str
        Claim with the scopes: a list, or words separated by spaces.
    scope_prefix : str
        Before each scope of this service, such as ``petroserve:``.
    """

    issuer: str
    audience: str
    tenant_claim: str = "tenant"
    scope_claim: str = "scope"
    scope_prefix: str = ""

    def __post_init__(self) -> None:
        _require_safe(self.issuer)


def looks_like_token(key: str) -> bool:
    """Tell a JWT from an API key by its form.

    Examples
    --------
    >>> looks_like_token("ps_0123_secret"), looks_like_token("eyJhbGciOi.eyJpc3.c2ln")
    (False, True)
    """
    return len(key) <= _MAX_TOKEN_CHARACTERS and _TOKEN.fullmatch(key) is not None


def fetched(url: str) -> Mapping[str, Any]:
    """Fetch a JSON object; redirects are not followed.

    Raises
    ------
    NotReadyError
        If it cannot be had.
    """
    try:
        with httpx.stream("GET", url, timeout=_FETCH_TIMEOUT_S, follow_redirects=False) as answer:
            answer.raise_for_status()
            content = b""
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > _MAX_BYTES:
                    msg = "the identity provider answers with more than 1 MiB"
                    raise NotReadyError(msg)
        found = json.loads(content)
    except (httpx.HTTPError, ValueError, RecursionError) as error:
        _log.error("the identity provider gives no answer at %s: %s", url, error)
        raise NotReadyError(_AWAY) from None
    return found if isinstance(found, dict) else {}


class Tokens:
    """Tells whose token it is, or refuses it.

    Parameters
    ----------
    provider : Provider
        Whose tokens are accepted.
    fetch : callable
        Fetches a JSON object by its URL; raises `NotReadyError`.
    clock : callable
        Seconds that never go back.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        fetch: Fetch = fetched,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider = provider
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        # When it last gave no answer, as long as no key is known.
        self._silent_at: float | None = None
        self._fetching = threading.Lock()

    def admit(self, token: str) -> Principal:
        """Find out who asks.

        Parameters
        ----------
        token : str
            What the client presented.

        Raises
        ------
        UnauthenticatedError
            If the token is not one of the provider, not for this service, or not valid now.
        NotReadyError
            If the provider's keys are not known and cannot be had.
        """
        key = self._key_of(token)
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[_ALGORITHMS[str(key.key_type)]],
                audience=self._provider.audience,
                issuer=self._provider.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.InvalidTokenError as error:
            msg = f"the token is not accepted: {error}; ask the identity provider for a new one"
            raise UnauthenticatedError(msg) from None
        return self._principal(claims)

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        provider = self._provider
        subject, tenant = claims["sub"], claims.get(provider.tenant_claim)
        if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
            msg = "the token's sub is no name; wanted up to 128 printable ASCII characters"
            raise UnauthenticatedError(msg)
        if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
            msg = (
                f"the token's {provider.tenant_claim} names no tenant; wanted lower-case letters, "
                "digits, '.', '_' and '-'"
            )
            raise UnauthenticatedError(msg)
        held = claims.get(provider.scope_claim, "")
        words = held.split() if isinstance(held, str) else held if isinstance(held, list) else []
        scopes = {scope for scope in SCOPES if f"{provider.scope_prefix}{scope}" in words}
        return Principal(subject, tenant, frozenset(scopes))

    def _key_of(self, token: str) -> jwt.PyJWK:
        """Find the key that a token says it is signed with."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            msg = "the token cannot be read; wanted a signed JWT"
            raise UnauthenticatedError(msg) from None
        name, algorithm = header.get("kid"), header.get("alg")
        if algorithm not in _ALGORITHMS.values() or not isinstance(name, str):
            msg = (
                f"the token is signed with {str(algorithm)[:20]!r}; wanted RS256 or ES256 and a kid"
            )
            raise UnauthenticatedError(msg)
        self._have_keys(name)
        key = self._keys.get(name)
        if key is None:
            msg = "the token is signed with a key that the identity provider does not publish"
            raise UnauthenticatedError(msg)
        return key

    def _have_keys(self, name: str) -> None:
        """Fetch the keys when they are old or one is missing, and not too often."""
        if self._is_fresh() and name in self._keys:
            return
        # Nobody waits behind the one who asks where the old key will do, or no answer is likely.
        waits = name not in self._keys and self._silent_at is None
        if self._fetching.acquire(blocking=waits):
            try:
                self._fetch_unless_lately(name)
            finally:
                self._fetching.release()
        elif name not in self._keys:
            raise NotReadyError(_AWAY)

    def _is_fresh(self) -> bool:
        return self._fetched_at is not None and self._clock() - self._fetched_at < _KEEP_S

    def _fetch_unless_lately(self, name: str) -> None:
        now = self._clock()
        if self._is_fresh() and name in self._keys:
            return
        if self._silent_at is not None and now - self._silent_at < _SILENT_S:
            raise NotReadyError(_AWAY)
        if self._tried_at is not None and now - self._tried_at < _AGAIN_S:
            return
        try:
            self._keys = self._published()
            self._fetched_at = self._tried_at = now
            self._silent_at = None
        except NotReadyError:
            if self._keys:
                self._tried_at = now
            else:
                # Nobody can come in, so it is asked again sooner; but not by every forged token.
                self._silent_at = self._clock()
            if name not in self._keys:
                raise

    def _published(self) -> dict[str, jwt.PyJWK]:
        issuer = self._provider.issuer
        about = self._fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        address = about.get("jwks_uri")
        if about.get("issuer") != issuer or not isinstance(address, str):
            _log.error("the identity provider calls itself %r", str(about.get("issuer"))[:200])
            msg = "the identity provider's discovery document is not that of the issuer"
            raise NotReadyError(msg)
        try:
            _require_safe(address)
        except ConfigurationError as error:
            raise NotReadyError(str(error)) from None
        found = self._fetch(address).get("keys")
        keys = (_usable(one) for one in (found if isinstance(found, list) else []))
        return {str(key.key_id): key for key in keys if key is not None}


def _usable(published: object) -> jwt.PyJWK | None:
    """Read a published key; None for one that is not for signatures that are accepted here."""
    told = published if isinstance(published, dict) else {}
    if told.get("use", "sig") != "sig" or not isinstance(told.get("kid"), str):
        return None
    algorithm = _ALGORITHMS.get(str(told.get("kty")))
    if algorithm is None or told.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK(told, algorithm=algorithm)
    except jwt.PyJWTError:
        return None
    is_short = algorithm == "RS256" and key.key.key_size < _MIN_RSA_BITS
    return None if is_short or told.get("crv", "P-256") != "P-256" else key


def _require_safe(url: str) -> None:
    """Check that nobody on the way can exchange keys.

    Raises
    ------
    ConfigurationError
        If an address is neither https nor on this machine.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return
    try:
        is_here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = False
    if parts.scheme != "http" or not is_here:
        msg = f"{url[:200]!r} cannot be trusted with keys; wanted an https address"
        raise ConfigurationError(msg)

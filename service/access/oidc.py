"""Bearer tokens of an OpenID Connect provider, as an option beside API keys.

A token is a JWT (RFC 7519) that the provider signed with RS256 or ES256 (RFC 7518); nothing else
is accepted, above all not ``none`` and no shared secret. Its keys are fetched (RFC 7517) from where
the provider's discovery document says and kept for some minutes; a token with an unknown key id
has them fetched again, but not more often than twice a minute, so that forged tokens cannot make
the service ask the provider without end. A provider that is away while no key is known is asked
again some seconds after it failed to answer.

One thread, which nothing else uses, fetches, and within a bound. Who has to wait for it waits without
a thread of his own and for a moment only, so a provider that is slow holds nobody up but those whose
keys only it knows.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from petrography.errors import ConfigurationError, NotReadyError, UnauthenticatedError
from service.access.principal import SCOPES, Principal

__all__ = ["Fetch", "Provider", "Tokens", "fetched", "looks_like_token"]

Fetch = Callable[[str, float], Mapping[str, Any]]

_log = logging.getLogger("petroserve.access")
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}
_KEEP_S, _AGAIN_S, _SILENT_S = 600.0, 30.0, 5.0
# Keys are fetched anew behind the requests before they are too old, so that none has to wait.
_RENEW_S = 300.0
# Both documents together; and how long after its beginning somebody waits for a fetch.
_FETCH_S, _PATIENCE_S = 10.0, 3.0
_AWAY = "the identity provider gives no answer that can be used; try again later"
# Clocks of two machines are never quite the same.
_LEEWAY_S = 30.0
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


def fetched(url: str, within_s: float) -> Mapping[str, Any]:
    """Fetch a JSON object; redirects are not followed.

    Parameters
    ----------
    url : str
        Where it lies.
    within_s : float
        When it is given up, however much of it has come.

    Raises
    ------
    NotReadyError
        If it cannot be had.
    """
    try:
        found = json.loads(asyncio.run(_content(url, within_s)))
    except (
        httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError
    ) as error:  # fmt: skip
        _log.error("the identity provider gives no answer at %s: %r", url, error)
        raise NotReadyError(_AWAY) from None
    return found if isinstance(found, dict) else {}


async def _content(url: str, within_s: float) -> bytes:
    # The client's own timeouts are for each read: who sends a byte now and then is never too slow
    # for them.
    async with (
        asyncio.timeout(within_s),
        httpx.AsyncClient(timeout=within_s, follow_redirects=False) as client,
        client.stream("GET", url) as answer,
    ):
        answer.raise_for_status()
        content = bytearray()
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > _MAX_BYTES:
                msg = "the identity provider answers with more than 1 MiB"
                raise NotReadyError(msg)
    return bytes(content)


class Tokens:
    """Tells whose token it is, or refuses it.

    Parameters
    ----------
    provider : Provider
        Whose tokens are accepted.
    fetch : callable
        Fetches a JSON object by its URL, within so many seconds; raises `NotReadyError`.
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
        # Guards what follows; nobody waits for anything while he holds it.
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = -math.inf
        self._begun_at = self._next_at = -math.inf
        self._is_answering = True
        self._fetching: Future[None] | None = None
        self._fetcher = ThreadPoolExecutor(1, thread_name_prefix="identity-provider")

    async def admit(self, token: str) -> Principal:
        """Find out who asks; who waits for the provider holds no thread.

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
        name = _key_name(token)
        fetching, patience_s = self._awaited(name)
        if fetching is not None:
            # Unlike `asyncio.wait_for` it leaves the fetch alone when somebody goes away.
            await asyncio.wait([asyncio.wrap_future(fetching)], timeout=patience_s)
        return self._judged(token, name)

    def _judged(self, token: str, name: str) -> Principal:
        key = self._known(name)
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

    def _known(self, name: str) -> jwt.PyJWK:
        with self._lock:
            key = self._keys.get(name)
            is_told = self._is_answering and not self._is_fetching()
        if key is not None:
            return key
        if not is_told:
            # It may well be good.
            raise NotReadyError(_AWAY)
        msg = "the token is signed with a key that the identity provider does not publish"
        raise UnauthenticatedError(msg)

    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    def _awaited(self, name: str) -> tuple[Future[None] | None, float]:
        """Have the keys fetched where that is due; tell for what to wait, and how long."""
        with self._lock:
            now = self._clock()
            age_s = now - self._fetched_at
            is_known = name in self._keys
            if is_known and age_s < _RENEW_S:
                return None, 0.0
            is_first = not self._is_fetching() and now >= self._next_at
            if is_first:
                self._begun_at, self._next_at = now, now + _AGAIN_S
                self._fetching = self._fetcher.submit(self._renew)
            # Nobody waits behind the one who asks where the old key will do, or where no answer is
            # likely; and he himself only for what may have been withdrawn long ago.
            waits = is_first or self._is_answering
            if is_known:
                waits = is_first and self._is_answering and age_s >= _KEEP_S
            return self._fetching if waits else None, max(0.0, self._begun_at + _PATIENCE_S - now)

    def _renew(self) -> None:
        keys: dict[str, jwt.PyJWK] = {}
        try:
            keys = self._published()
        except NotReadyError as error:
            _log.warning("the keys of the identity provider are not renewed: %s", error)
        except Exception:  # noqa: BLE001 - nobody else would hear of it
            _log.exception("the keys of the identity provider are not renewed")
        finally:
            with self._lock:
                self._is_answering = bool(keys)
                if keys:
                    self._keys, self._fetched_at = keys, self._begun_at
                elif not self._keys:
                    # Nobody can come in, so it is asked again sooner; but not by every forged token.
                    self._next_at = self._clock() + _SILENT_S

    def _published(self) -> dict[str, jwt.PyJWK]:
        """Fetch the keys: at least one.

        Raises
        ------
        NotReadyError
            If there is none that can be used.
        """
        issuer, give_up_s = self._provider.issuer, self._clock() + _FETCH_S
        about = self._fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration", _FETCH_S)
        address = about.get("jwks_uri")
        if about.get("issuer") != issuer or not isinstance(address, str):
            _log.error("the identity provider calls itself %r", str(about.get("issuer"))[:200])
            msg = "the identity provider's discovery document is not that of the issuer"
            raise NotReadyError(msg)
        try:
            _require_safe(address)
        except ConfigurationError as error:
            raise NotReadyError(str(error)) from None
        found = self._fetch(address, max(0.0, give_up_s - self._clock())).get("keys")
        usable = (_usable(one) for one in (found if isinstance(found, list) else []))
        keys = {str(key.key_id): key for key in usable if key is not None}
        if not keys:
            # A page of an error with status 200 withdraws no key.
            msg = f"there is no key at {address[:200]} that can be used"
            raise NotReadyError(msg)
        return keys


def _key_name(token: str) -> str:
    """Read with which key a token says it is signed."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        msg = "the token cannot be read; wanted a signed JWT"
        raise UnauthenticatedError(msg) from None
    name, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in _ALGORITHMS.values() or not isinstance(name, str):
        msg = f"the token is signed with {str(algorithm)[:20]!r}; wanted RS256 or ES256 and a kid"
        raise UnauthenticatedError(msg)
    return name


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

"""Where a webhook may go: a guard against requests forged in the service's name (SSRF).

A name is resolved once, every address that it has is judged, and the connection goes to the
address that was judged: a name that answers differently the next time (DNS rebinding) gains
nothing. Redirects are not followed and proxies of the environment are not used.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from petrography.errors import InvalidParameterError

__all__ = ["AddressGuard", "Target", "networks", "receiver_of", "resolve", "shown"]

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
# From host and port to the addresses of the host.
Resolve: TypeAlias = Callable[[str, int], list[str]]

_MOST_CHARACTERS = 2048
_PORTS = {"http": 80, "https": 443}
_PORT = re.compile(r":[0-9]*$", re.ASCII)
# Addresses that the standard library, of some version, calls global, but that lead inside: those
# that carry an IPv4 address (RFC 6052, 8215, 3056, 4291), site-local ones (RFC 3879), those of
# documentation and of segment routing (RFC 9637, 9602), the protocol assignments of RFC 6890 (with
# the metadata service of Oracle), and the metadata service of Azure.
_INWARD = tuple(
    ipaddress.ip_network(text)
    for text in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "::/96",
        "fec0::/10",
        "3fff::/20",
        "5f00::/16",
        "192.0.0.0/24",
        "168.63.129.16/32",
    )
)


@dataclass(frozen=True)
class Target:
    """A judged destination.

    Attributes
    ----------
    url : str
        As it was given, without a fragment.
    scheme, host : str
        `host` is the name for the certificate and the Host header.
    address : str
        The numeric address to connect to.
    port : int
        TCP.
    path : str
        With the query.
    """

    url: str
    scheme: str
    host: str
    address: str
    port: int
    path: str


def resolve(host: str, port: int) -> list[str]:
    """Addresses of a host by the system's resolver.

    Raises
    ------
    OSError
        If the name has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def networks(text: str) -> tuple[Network, ...]:
    """Read networks from a setting: CIDR, separated by commas; empty for none.

    Raises
    ------
    InvalidParameterError
        If one is no network.
    """
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        msg = f"{text[:80]!r} are no networks: {error}; wanted such as 10.0.0.0/8,fd00::/8"
        raise InvalidParameterError(msg) from None


class AddressGuard:
    """Judges where webhooks may go.

    Parameters
    ----------
    allowed : iterable of network
        Inward networks that are allowed all the same, and over plain http.
    resolve : callable, optional
        From host and port to addresses.
    """

    def __init__(self, allowed: Iterable[Network] = (), *, resolve: Resolve = resolve) -> None:
        self._allowed = tuple(allowed)
        self._resolve = resolve

    def judge(self, url: str) -> Target:
        """Judge an address before it is stored and before every connection.

        Parameters
        ----------
        url : str
            ``https://``; ``http://`` only into an allowed network.

        Returns
        -------
        Target
            With the numeric address to connect to.

        Raises
        ------
        InvalidParameterError
            If it is no such address, or one of its addresses lies inside.
        OSError
            If the name cannot be resolved at the moment.
        """
        scheme, host, port, path = _parts(url)
        addresses = [_plain(text) for text in self._resolve(host, port)]
        refused = [str(one) for one in addresses if not self._may_go(one)]
        if refused or not addresses:
            msg = (
                f"{host} is at {', '.join(refused) or 'no address'}, which lies inside; wanted a "
                "host on the public network, or a network that the setting allows"
            )
            raise InvalidParameterError(msg)
        if scheme == "http" and not all(self._is_allowed(one) for one in addresses):
            msg = f"{shown(url)!r} goes in the clear; wanted https"
            raise InvalidParameterError(msg)
        return Target(url.partition("#")[0], scheme, host, str(addresses[0]), port, path)

    def _is_allowed(self, address: _Address) -> bool:
        return any(address in network for network in self._allowed)

    def _may_go(self, address: _Address) -> bool:
        if self._is_allowed(address):
            return True
        inward = any(address in network for network in _INWARD)
        return address.is_global and not (address.is_multicast or address.is_reserved or inward)


def _plain(text: str) -> _Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _parts(url: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError as error:
        msg = f"{shown(url)!r} is no address: {error}"
        raise InvalidParameterError(msg) from None
    printable = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if scheme not in _PORTS or not host or parts.username is not None or not printable:
        msg = (
            f"{shown(url)!r} is no address for a webhook; wanted https://host/path, without a user"
        )
        raise InvalidParameterError(msg)
    if len(url) > _MOST_CHARACTERS:
        msg = f"the address has {len(url)} characters; wanted at most {_MOST_CHARACTERS}"
        raise InvalidParameterError(msg)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return scheme, host, port if port is not None else _PORTS[scheme], path


def receiver_of(url: str) -> str:
    """Name the receiver of an address: its host, whatever the port.

    What is slow there is so for all its addresses.

    Examples
    --------
    >>> receiver_of("https://LIMS.example.org:8443/told?key=secret")
    'lims.example.org'
    """
    place = url.partition("://")[2].partition("/")[0].partition("?")[0].partition("#")[0]
    # An IPv6 address ends with its bracket, so that none of its own colons is taken for the port's.
    return _PORT.sub("", place).lower()


def shown(url: str) -> str:
    """Write an address for people: what may be secret in it (user, query) is left out.

    Examples
    --------
    >>> shown("https://lims.example.org/told?key=secret")
    'https://lims.example.org/told'
    """
    return url.partition("#")[0].partition("?")[0].rpartition("@")[2][:80]

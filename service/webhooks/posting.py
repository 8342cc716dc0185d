"""One POST to a judged address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias

import httpx

from service.webhooks.addresses import Target

__all__ = ["Answer", "Post", "post"]

_WAIT_S, _TOTAL_S = 15.0, 30.0


@dataclass(frozen=True)
class Answer:
    """What a receiver said.

    Attributes
    ----------
    status : int or None
        HTTP status; None without an answer.
    retry_after_s : float or None
        As it asked, where it asked.
    error : str
        Why there is no answer; empty where there is one.
    """

    status: int | None
    retry_after_s: float | None = None
    error: str = ""


# From target, headers and body to the answer; never raises for what the network does.
Post: TypeAlias = Callable[[Target, Mapping[str, str], bytes], Answer]


def post(
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    total_s: float = _TOTAL_S,
) -> Answer:
    """Send a message to the numeric address of a target, under its own name.

    Not to be called from a running event loop.

    Parameters
    ----------
    target : Target
        From `service.webhooks.addresses.AddressGuard.judge`.
    headers : mapping of str to str
        Signature and media type.
    body : bytes
        What is sent.
    transport : httpx.AsyncBaseTransport, optional
        Instead of the network.
    total_s : float
        For all of it: a receiver that drips its answer byte by byte is given up.

    Returns
    -------
    Answer
        The status line decides; the body of the answer is not read.
    """
    return asyncio.run(_posted(target, headers, body, transport, total_s))


async def _posted(
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    transport: httpx.AsyncBaseTransport | None,
    total_s: float,
) -> Answer:
    client = httpx.AsyncClient(
        transport=transport, timeout=_WAIT_S, trust_env=False, follow_redirects=False
    )
    request = client.build_request(
        "POST",
        _numeric_url(target),
        headers={**headers, "host": _host(target), "user-agent": "petroserve-webhooks/1"},
        content=body,
        # TLS asks for, and checks, the certificate of the name.
        extensions={"sni_hostname": target.host},
    )
    try:
        async with asyncio.timeout(total_s), client:
            answer = await client.send(request, stream=True)
            await answer.aclose()
    except TimeoutError:
        return Answer(None, error=f"no whole answer in {total_s:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Answer(None, error=f"{type(error).__name__}: {error}"[:300])
    return Answer(answer.status_code, _wish_s(answer.headers))


def _numeric_url(target: Target) -> str:
    return f"{target.scheme}://{_bracketed(target.address)}:{target.port}{target.path}"


def _host(target: Target) -> str:
    is_default = target.port == {"http": 80, "https": 443}[target.scheme]
    name = _bracketed(target.host)
    return name if is_default else f"{name}:{target.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _wish_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a receiver asks to wait: as a number or as a date (RFC 9110, 10.2.3)."""
    text = headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 10 else None
    until = _date(text)
    # By the receiver's own clock where it tells it: the two may differ.
    now = _date(headers.get("date", "")) or datetime.now(UTC)
    return None if until is None else max(0.0, (until - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, LookupError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

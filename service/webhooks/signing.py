"""Signatures of Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body``, several keys at a time.

The specification is https://github.com/standard-webhooks/standard-webhooks (symmetric, ``v1``).
During a rotation a message is signed with the new key and the old one; a receiver takes it when
one signature is right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

from petrography.errors import ConfigurationError, WebhookSignatureError

__all__ = ["TOLERANCE_S", "new_secret", "parse_secret", "signed_headers", "verify"]

TOLERANCE_S = 300
_PREFIX = "whsec_"
_LEAST_KEY_BYTES, _MOST_KEY_BYTES = 24, 64


def new_secret() -> str:
    """Make a secret of 32 random bytes, ``whsec_`` and base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def parse_secret(text: str) -> bytes:
    """Read the key of a secret.

    Parameters
    ----------
    text : str
        ``whsec_`` and the base64 of 24 to 64 bytes; the prefix may be left out.

    Raises
    ------
    ConfigurationError
        If it is no such text; the message does not show it.
    """
    try:
        key = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _LEAST_KEY_BYTES <= len(key) <= _MOST_KEY_BYTES:
        msg = (
            f"a webhook secret holds {len(key)} bytes of base64; wanted whsec_ and "
            f"{_LEAST_KEY_BYTES} to {_MOST_KEY_BYTES} bytes"
        )
        raise ConfigurationError(msg)
    return key


def signed_headers(
    message_id: str, timestamp_s: int, body: bytes, keys: Sequence[bytes]
) -> dict[str, str]:
    """Write the three headers of a message.

    Parameters
    ----------
    message_id : str
        The same for every try of a message; without a dot.
    timestamp_s : int
        Time of this try, seconds since 1970.
    body : bytes
        What is sent, byte by byte.
    keys : sequence of bytes
        From `parse_secret`; one signature each, the first first.

    Returns
    -------
    dict of str to str
        ``webhook-id``, ``webhook-timestamp``, ``webhook-signature``.
    """
    signatures = " ".join(f"v1,{_signature(message_id, timestamp_s, body, key)}" for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signatures,
    }


def _signature(message_id: str, timestamp_s: int, body: bytes, key: bytes) -> str:
    signed = b".".join((message_id.encode(), str(timestamp_s).encode(), body))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def verify(
    headers: Mapping[str, str],
    body: bytes,
    keys: Sequence[bytes],
    *,
    now_s: float,
    tolerance_s: float = TOLERANCE_S,
) -> str:
    """Check a message that was received.

    Parameters
    ----------
    headers : mapping of str to str
        Of the request, in any case.
    body : bytes
        As it arrived, before any parsing.
    keys : sequence of bytes
        From `parse_secret`; any of them may have signed.
    now_s : float
        Seconds since 1970.
    tolerance_s : float
        Most that the time of the message may differ, against replays.

    Returns
    -------
    str
        The id of the message; a receiver keeps it to know a repetition.

    Raises
    ------
    WebhookSignatureError
        If a header is missing, the time is off, or no signature is right.
    """
    found = {name.lower(): value for name, value in headers.items()}
    missing = [
        name
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        if not found.get(name)
    ]
    if missing:
        msg = f"{', '.join(missing)} is missing; wanted the three headers of Standard Webhooks"
        raise WebhookSignatureError(msg)
    timestamp_s = _timestamp_s(found["webhook-timestamp"], now_s, tolerance_s)
    message_id = found["webhook-id"]
    wanted = [_signature(message_id, timestamp_s, body, key).encode() for key in keys]
    given = [
        signature.encode()
        for version, _, signature in (
            part.partition(",") for part in found["webhook-signature"].split()
        )
        if version == "v1"
    ]
    # Every pair is compared, so that the time tells nothing of which key it was.
    right = [hmac.compare_digest(one, other) for one in wanted for other in given]
    if not any(right):
        msg = "no signature of the message is right: it was altered, or signed with another secret"
        raise WebhookSignatureError(msg)
    return message_id


def _timestamp_s(text: str, now_s: float, tolerance_s: float) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        msg = f"webhook-timestamp is {text[:40]!r}; wanted seconds since 1970"
        raise WebhookSignatureError(msg)
    if abs(int(text) - now_s) > tolerance_s:
        msg = (
            f"the message is {now_s - int(text):.0f} s old; wanted at most {tolerance_s:.0f} s of "
            "difference"
        )
        raise WebhookSignatureError(msg)
    return int(text)

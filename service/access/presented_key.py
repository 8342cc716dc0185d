"""Which key a request presents, and that it is one: HTTP headers and gRPC metadata alike."""

from __future__ import annotations

from collections.abc import Sequence

from petrography.errors import MalformedRequestError

__all__ = ["presented_key"]

_BEARER = "bearer "


def presented_key(authorizations: Sequence[str], api_keys: Sequence[str]) -> str | None:
    """Find the key of a request; None where there is none.

    Parameters
    ----------
    authorizations : sequence of str
        Every ``Authorization`` of the request; other schemes than Bearer present no key.
    api_keys : sequence of str
        Every ``X-API-Key``.

    Raises
    ------
    MalformedRequestError
        If there are several: whoever is between client and service might go by another one. The
        message holds none of them.
    """
    for name, values in (("Authorization", authorizations), ("X-API-Key", api_keys)):
        if len(values) > 1:
            msg = f"{name} was given {len(values)} times; wanted one key, once"
            raise MalformedRequestError(msg)
    tokens = [
        one[len(_BEARER) :].strip()
        for one in authorizations
        if one[: len(_BEARER)].lower() == _BEARER
    ]
    # A header without a value presents none.
    keys = [one for one in (*tokens, *api_keys) if one.strip()]
    if len(set(keys)) > 1:
        msg = "Authorization and X-API-Key present different keys; wanted one key, in one of both"
        raise MalformedRequestError(msg)
    return keys[0] if keys else None

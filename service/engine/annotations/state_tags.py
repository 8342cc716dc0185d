"""Entity tags of annotations: which entry of the record an answer was made after."""

from __future__ import annotations

import re
from collections.abc import Collection

from petrography.errors import OtherStateError

__all__ = ["require_state", "state_tag"]

_TAG = re.compile(r'"(?P<id>[0-9a-f-]{36})-(?P<state>[0-9]{1,9})(-[^"]*)?"', re.ASCII)


def state_tag(annotation_id: str, state: int, name: str = "") -> str:
    """Name what is told of an annotation in one state (RFC 9110 section 8.8.3).

    Parameters
    ----------
    annotation_id : str
        Which.
    state : int
        Entries of its record.
    name : str
        What is told; empty for the annotation itself.

    Examples
    --------
    >>> state_tag("8e03978e-40d5-43dd-bc93-6894a57f9324", 3, "labels.png")
    '"8e03978e-40d5-43dd-bc93-6894a57f9324-3-labels.png"'
    """
    return f'"{annotation_id}-{state}-{name}"' if name else f'"{annotation_id}-{state}"'


def require_state(annotation_id: str, state: int, wanted: Collection[str] | None) -> None:
    """Check that an annotation is in a state that a client has seen.

    Parameters
    ----------
    annotation_id, state
        As for `state_tag`.
    wanted : collection of str or None
        Entity tags of anything that was told in that state, or ``*``; None where any will do.

    Raises
    ------
    OtherStateError
        If it is in none of them.
    """
    if wanted is None or "*" in wanted:
        return
    found = filter(None, map(_TAG.fullmatch, wanted))
    if not any(one["id"] == annotation_id and int(one["state"]) == state for one in found):
        msg = (
            f"annotation {annotation_id} is not in the state of If-Match; its entity tag is "
            f"{state_tag(annotation_id, state)}: read it and decide again"
        )
        raise OtherStateError(msg)

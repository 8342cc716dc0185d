"""Where in which trace the work is (W3C Trace Context), whether or not anybody records it.

The place travels with the work in a context variable: into coroutines by itself, into threads with
`contextvars.copy_context`, into stored jobs and other services as a ``traceparent``. Spans go to a
`Recorder` where one is installed; without one nothing of OpenTelemetry is imported, and a span
costs a look at one variable.

References
----------
W3C Trace Context, https://www.w3.org/TR/trace-context/, section 3.2.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

__all__ = [
    "Attribute",
    "Kind",
    "Place",
    "Recorder",
    "Span",
    "continued",
    "current_traceparent",
    "here",
    "install",
    "past_span",
    "place_of",
    "span",
    "unrecorded",
]

Kind: TypeAlias = Literal["internal", "server", "client", "consumer"]
Attribute: TypeAlias = str | int | float | bool
# Version 00; a later version may have more behind its flags.
_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-"
    r"(?P<flags>[0-9a-f]{2})(?P<more>-[!-~]*)?"
)
_SAMPLED = 0x01
_NOTHING: Mapping[str, Attribute] = MappingProxyType({})


@dataclass(frozen=True)
class Place:
    """A span as others refer to it.

    Attributes
    ----------
    trace_id : str
        32 hexadecimal digits, not all zero.
    span_id : str
        16 hexadecimal digits, not all zero.
    sampled : bool
        Whether the caller records it.
    remote : bool
        Whether it came from another process.
    """

    trace_id: str
    span_id: str
    sampled: bool = False
    remote: bool = False

    @property
    def traceparent(self) -> str:
        """The place as the header ``traceparent``.

        Examples
        --------
        >>> Place("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True).traceparent
        '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
        """
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


class Span(Protocol):
    """Work that is recorded."""

    @property
    def place(self) -> Place:
        """How others refer to it."""

    def note(self, name: str, value: Attribute) -> None:
        """Write down an attribute."""

    def rename(self, name: str) -> None:
        """Name it when more is known than at its begin."""

    def fail(self, what: str) -> None:
        """Write down that the work failed; `what` comes from a closed set."""

    def end(self) -> None:
        """End it now."""


class Recorder(Protocol):
    """Where spans go."""

    def begin(
        self,
        name: str,
        *,
        kind: Kind,
        parent: Place | None,
        links: Sequence[Place],
        began_ns: int | None,
        attributes: Mapping[str, Attribute],
    ) -> Span:
        """Begin a span, now or at a time in nanoseconds since 1970."""


class _Unrecorded:
    """A span that nobody records: its place is that of who asked."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def note(self, name: str, value: Attribute) -> None:
        pass

    def rename(self, name: str) -> None:
        pass

    def fail(self, what: str) -> None:
        pass

    def end(self) -> None:
        pass


_here: ContextVar[Place | None] = ContextVar("petroserve_trace", default=None)
_recorder: Recorder | None = None


def install(recorder: Recorder | None) -> Recorder | None:
    """Let spans of this process go to a recorder, or to nobody; returns the one before.

    As with logging, whoever works must not have to be handed the recorder: hence a global.
    """
    global _recorder
    before, _recorder = _recorder, recorder
    return before


def here() -> Place | None:
    """Where the work is; None outside of every trace."""
    return _here.get()


def current_traceparent() -> str | None:
    """The header ``traceparent`` for whatever this work calls or leaves to be done later."""
    place = _here.get()
    return None if place is None else place.traceparent


def place_of(traceparent: str | None) -> Place | None:
    """Read a header ``traceparent``; None where there is none or it is broken.

    Section 3.2 of the standard: a broken header is as good as none and never an error.

    Examples
    --------
    >>> place_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").span_id
    'b7ad6b7169203331'
    >>> place_of("00-00000000000000000000000000000000-b7ad6b7169203331-01")
    """
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found is None or found["version"] == "ff" or not int(found["trace"], 16):
        return None
    if not int(found["span"], 16) or (found["version"] == "00" and found["more"]):
        return None
    sampled = bool(int(found["flags"], 16) & _SAMPLED)
    return Place(found["trace"], found["span"], sampled, remote=True)


@contextmanager
def continued(
    traceparent: str | None,
    name: str,
    attributes: Mapping[str, Attribute] = _NOTHING,
    *,
    kind: Kind = "server",
) -> Iterator[Span]:
    """Go on, for the length of a block, with a trace that began elsewhere or earlier.

    Parameters
    ----------
    traceparent : str or None
        As it was sent or stored; without one, or with a broken one, a new trace begins.
    name : str
        Of the span, from a closed set: a route, a method, a kind of job.
    attributes : mapping of str to str, int, float or bool
        Written to the span.
    kind : {"server", "consumer", "client", "internal"}
        ``server`` for a request, ``consumer`` for stored work.

    Yields
    ------
    Span
        The span; nothing happens on it where nobody records.
    """
    parent = place_of(traceparent)
    with _held(_begun(name, kind, parent, (), attributes)) as begun:
        yield begun


@contextmanager
def unrecorded(traceparent: str | None) -> Iterator[Span]:
    """Go on with a trace for the length of a block without recording that."""
    with _held(_Unrecorded(place_of(traceparent) or _new_place())) as begun:
        yield begun


@contextmanager
def span(
    name: str,
    attributes: Mapping[str, Attribute] = _NOTHING,
    *,
    kind: Kind = "internal",
    under: Place | None = None,
    links: Sequence[Place] = (),
) -> Iterator[Span]:
    """Record a block as a part of the work around it.

    Parameters
    ----------
    name : str
        From a closed set.
    attributes : mapping of str to str, int, float or bool
        Written to the span.
    kind : {"internal", "client", "server", "consumer"}
        ``client`` for a call to another service.
    under : Place, optional
        Of what it is a part, where that is not the work around it.
    links : sequence of Place
        Others that share it.

    Yields
    ------
    Span
        The span; nothing happens on it where nobody records.
    """
    with _held(_begun(name, kind, under or _here.get(), links, attributes)) as begun:
        yield begun


def past_span(name: str, seconds: float) -> None:
    """Record a part of the work that has just ended.

    Parameters
    ----------
    name : str
        From a closed set.
    seconds : float
        How long it took.
    """
    if _recorder is not None:
        began_ns = time.time_ns() - round(seconds * 1e9)
        _recorder.begin(
            name,
            kind="internal",
            parent=_here.get(),
            links=(),
            began_ns=began_ns,
            attributes=_NOTHING,
        ).end()


def _begun(
    name: str,
    kind: Kind,
    parent: Place | None,
    links: Sequence[Place],
    attributes: Mapping[str, Attribute],
) -> Span:
    if _recorder is None:
        return _Unrecorded(parent or _new_place())
    return _recorder.begin(
        name, kind=kind, parent=parent, links=links, began_ns=None, attributes=attributes
    )


def _new_place() -> Place:
    return Place(secrets.token_hex(16), secrets.token_hex(8))


@contextmanager
def _held(begun: Span) -> Iterator[Span]:
    before = _here.set(begun.place)
    try:
        yield begun
    except BaseException as error:
        # The name only: what an error says may hold what a client sent.
        begun.fail(type(error).__name__)
        raise
    finally:
        _here.reset(before)
        begun.end()

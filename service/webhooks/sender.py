"""Webhooks as Standard Webhooks says: signed, tried over a day, never lost, never forged inward.

``send`` stores a message, ``take`` takes the one that is due and ``deliver`` tries it; `delivering`
does so all the time. Clock, chance and network are passed in.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

from petrography.errors import ConfigurationError, InvalidParameterError
from service import tracing
from service.webhooks.addresses import AddressGuard
from service.webhooks.posting import Answer, Post, post
from service.webhooks.schedule import STANDARD_SCHEDULE, Schedule
from service.webhooks.signing import signed_headers
from service.webhooks.signing_keys import SigningKeys
from service.webhooks.store import DeliveryStore, Message, State

__all__ = ["Delivery", "WebhookSender"]

# Longer than a try can take, so that nobody else takes the message meanwhile.
_LEASE_S = 120.0
_GONE = 410
_log = logging.getLogger("petroserve.webhooks")


@dataclass(frozen=True)
class Delivery:
    """One try of one message.

    Attributes
    ----------
    message_id : str
        Which.
    state : str
        delivered, waiting (for the next try) or dead.
    status : int or None
        HTTP status of the answer.
    error : str
        Why it failed; empty where it did not.
    """

    message_id: str
    state: State
    status: int | None
    error: str


def _unobserved(_state: str, _seconds: float) -> None:
    """Tell nobody."""


class WebhookSender:
    """Sends messages and keeps at it.

    Parameters
    ----------
    store : DeliveryStore
        Where they wait.
    keys : SigningKeys or sequence of bytes
        By tenant, or those of everybody from `service.webhooks.signing.parse_secret`; during a
        rotation the new one and the old.
    guard : AddressGuard
        Where they may go.
    schedule : Schedule
        When they are tried again.
    send_over : callable
        From target, headers and body to the answer.
    clock : callable
        Seconds since 1970.
    chance : callable
        A number in [0, 1), for the jitter.
    observe : callable
        Told how each try ended (delivered, waiting or dead) and the seconds that it took, such as
        `service.telemetry.Telemetry.observe_webhook`.

    Raises
    ------
    ConfigurationError
        If there is no key: an unsigned message is never sent.
    """

    def __init__(
        self,
        store: DeliveryStore,
        keys: SigningKeys | Sequence[bytes],
        *,
        guard: AddressGuard | None = None,
        schedule: Schedule = STANDARD_SCHEDULE,
        send_over: Post = post,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        observe: Callable[[str, float], object] = _unobserved,
    ) -> None:
        if not keys:
            msg = "webhooks have no secret to be signed with; wanted one whsec_... or more"
            raise ConfigurationError(msg)
        self._store = store
        self._keys = keys if isinstance(keys, SigningKeys) else SigningKeys(tuple(keys))
        self._guard = guard or AddressGuard()
        self._schedule = schedule
        self._post = send_over
        self._clock = clock
        self._chance = chance
        self._observe = observe

    def send(
        self,
        message_id: str,
        url: str,
        event: str,
        data: Mapping[str, JsonValue],
        *,
        happened: datetime,
        owner: str = "",
    ) -> Message:
        """Store a message for delivery.

        Parameters
        ----------
        message_id : str
            Names the event for ever, such as ``<analysis>.done``: the same id is sent once, however
            often this is called.
        url : str
            Where to; judged now, and again before every connection.
        event : str
            Type of the event, such as ``analysis.done``.
        data : mapping
            What the receiver is told.
        happened : datetime
            When, with a time zone.
        owner : str
            The tenant whose receiver it is: one that is gone is closed for its tenant only.

        Returns
        -------
        Message
            As it is stored, with the state that it has by now.

        Raises
        ------
        InvalidParameterError
            If the address is not allowed, or the id was used for another event.
        """
        if not message_id or not message_id.isascii() or not message_id.isprintable():
            msg = f"{message_id[:80]!r} is no id of a message; wanted printable ASCII"
            raise InvalidParameterError(msg)
        # A name that is not found now may be at the time of the delivery, when it is judged again.
        with suppress(OSError):
            self._guard.judge(url)
        self._store.add(
            message_id,
            url,
            _body(event, data, happened),
            now_s=self._clock(),
            traceparent=tracing.current_traceparent() or "",
            owner=owner,
        )
        return self._store.message(message_id)

    def take(self, under_way: Collection[Message] = (), *, free: int = 1) -> Message | None:
        """Take a message that is due; it is to be delivered at once, before its lease runs out.

        Parameters
        ----------
        under_way : collection of Message
            Those that were taken and are not delivered yet.
        free : int
            Places that are left; see `DeliveryStore.take_due`.

        Returns
        -------
        Message or None
            None where nothing is due.
        """
        return self._store.take_due(
            now_s=self._clock(), lease_s=_LEASE_S, under_way=under_way, free=free
        )

    def redeliver(self, message_id: str) -> None:
        """Send a message again from the beginning; raises NotFoundError where there is none."""
        self._store.redeliver(message_id, now_s=self._clock())

    def deliver(self, message: Message) -> Delivery:
        """Try a message that was taken; returns what became of it."""
        began_s = time.perf_counter()
        with tracing.continued(message.traceparent, "webhook", kind="client") as span:
            done = self._settled_try(message)
            if done.state != "delivered":
                span.fail(done.state)
        self._observe(done.state, time.perf_counter() - began_s)
        level = logging.INFO if done.state == "delivered" else logging.WARNING
        _log.log(level, "webhook %s: %s %s", done.message_id, done.state, done.error)
        return done

    def _settled_try(self, message: Message) -> Delivery:
        answer = self._answer(message)
        now_s = self._clock()
        if answer.status is not None and 200 <= answer.status < 300:
            return self._settled(message, answer, "delivered", now_s)
        if answer.status == _GONE:
            done = self._settled(message, answer, "dead", now_s)
            self._store.close_receiver(message, now_s=now_s)
            return done
        pause_s = self._schedule.pause_s(
            message.tries + 1, chance=self._chance(), wish_s=answer.retry_after_s
        )
        if pause_s is None:
            return self._settled(message, answer, "dead", now_s)
        return self._settled(message, answer, "waiting", now_s + pause_s)

    def _answer(self, message: Message) -> Answer:
        try:
            target = self._guard.judge(message.url)
        except (InvalidParameterError, OSError) as error:
            return Answer(None, error=str(error)[:300])
        keys = self._keys.of(message.owner)
        if not keys:
            return Answer(None, error="there is no secret of its tenant to sign it with")
        headers = signed_headers(message.id, int(self._clock()), message.body, keys)
        headers["content-type"] = "application/json"
        if traceparent := tracing.current_traceparent():
            headers["traceparent"] = traceparent
        return self._post(target, headers, message.body)

    def _settled(self, message: Message, answer: Answer, state: State, next_s: float) -> Delivery:
        failed = f"status {answer.status}" if answer.status is not None else answer.error
        error = "" if state == "delivered" else failed
        self._store.settle(message, state=state, next_s=next_s, status=answer.status, error=error)
        return Delivery(message.id, state, answer.status, error)


def _body(event: str, data: Mapping[str, JsonValue], happened: datetime) -> bytes:
    moment = happened.astimezone(UTC).isoformat(timespec="milliseconds")
    document = {"type": event, "timestamp": moment.replace("+00:00", "Z"), "data": dict(data)}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

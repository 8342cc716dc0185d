"""Delivery all the time: different receivers side by side, each one its messages in order."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from service.webhooks.addresses import receiver_of
from service.webhooks.sender import WebhookSender
from service.webhooks.store import Message

__all__ = ["Delivering"]

_AT_ONCE = 4
_POLL_S = 0.5
_log = logging.getLogger("petroserve.webhooks")


class Delivering:
    """Delivers what is due until it is closed.

    Parameters
    ----------
    sender : WebhookSender
        Knows what is due, and sends it.
    at_once : int
        Receivers that get a message at the same time: one that is slow does not hold up others.
    """

    def __init__(self, sender: WebhookSender, *, at_once: int = _AT_ONCE) -> None:
        self._sender = sender
        self._at_once = at_once
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._stopping = False
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="callbacks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End with the messages that are on their way; what else is due stays for the next start."""
        self._stopping = True
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(self._at_once, "callback") as threads:
            while not self._stopping:
                message = self._taken()
                if message is None:
                    self._changed.wait(_POLL_S)
                    self._changed.clear()
                else:
                    threads.submit(self._deliver, message)

    def _taken(self) -> Message | None:
        with self._lock:
            busy = tuple(self._busy)
        if len(busy) == self._at_once:
            return None
        try:
            message = self._sender.take(busy)
        except Exception as error:  # noqa: BLE001 - whatever the store says, it is asked again
            _log.warning("what is due cannot be seen at the moment: %s", error)
            return None
        if message is not None:
            with self._lock:
                self._busy.add(receiver_of(message.url))
        return message

    def _deliver(self, message: Message) -> None:
        try:
            self._sender.deliver(message)
        except Exception:  # noqa: BLE001 - one message must not end the delivery of all
            # Its lease runs out, and it is tried again.
            _log.exception("webhook %s: the try could not be brought to its end", message.id)
        finally:
            with self._lock:
                self._busy.discard(receiver_of(message.url))
            self._changed.set()

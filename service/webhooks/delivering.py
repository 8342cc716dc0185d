"""Delivery all the time: different receivers side by side, each one its messages in order.

A receiver that hangs holds its place for half a minute, and a tenant may have any number of them.
So an owner takes another place only while more are left than it holds: of eight the first gets
four at most, the next two, and whoever comes then still finds one.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from service.webhooks.sender import WebhookSender
from service.webhooks.store import Message

__all__ = ["Delivering"]

_AT_ONCE = 8
_POLL_S = 0.5
_log = logging.getLogger("petroserve.webhooks")


class Delivering:
    """Delivers what is due until it is closed.

    Parameters
    ----------
    sender : WebhookSender
        Knows what is due, and sends it.
    at_once : int
        Messages that are under way at the same time. One receiver of an owner gets one at a time,
        and an owner at most half of the places that others leave: neither a receiver that is slow
        nor a tenant with many of them holds up others.
    """

    def __init__(self, sender: WebhookSender, *, at_once: int = _AT_ONCE) -> None:
        self._sender = sender
        self._at_once = at_once
        self._lock = threading.Lock()
        self._under_way: dict[str, Message] = {}
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
            under_way = tuple(self._under_way.values())
        free = self._at_once - len(under_way)
        if not free:
            return None
        try:
            message = self._sender.take(under_way, free=free)
        except Exception as error:  # noqa: BLE001 - whatever the store says, it is asked again
            _log.warning("what is due cannot be seen at the moment: %s", error)
            return None
        if message is not None:
            with self._lock:
                self._under_way[message.id] = message
        return message

    def _deliver(self, message: Message) -> None:
        try:
            self._sender.deliver(message)
        except Exception:  # noqa: BLE001 - one message must not end the delivery of all
            # Its lease runs out, and it is tried again.
            _log.exception("webhook %s: the try could not be brought to its end", message.id)
        finally:
            with self._lock:
                del self._under_way[message.id]
            self._changed.set()

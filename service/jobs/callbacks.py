"""The callback of a job: a signed webhook when it has ended."""

from __future__ import annotations

import contextlib
import logging
import threading
from datetime import datetime
from pathlib import Path

from petrography.errors import ConfigurationError, InvalidParameterError
from service.jobs.job_state import JobState
from service.settings import Settings
from service.telemetry import Telemetry
from service.webhooks import AddressGuard, DeliveryStore, WebhookSender, networks, parse_secret

__all__ = ["Callbacks", "callback_keys", "open_callbacks"]

_POLL_S = 0.5
_log = logging.getLogger("petroserve.jobs")


class Callbacks:
    """Stores and delivers callbacks.

    Parameters
    ----------
    store : DeliveryStore
        Where they wait; processes share it.
    sender : WebhookSender
        Sends them.
    guard : AddressGuard
        Where they may go.
    """

    def __init__(self, store: DeliveryStore, sender: WebhookSender, guard: AddressGuard) -> None:
        self._store = store
        self._sender = sender
        self._guard = guard
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="callbacks", daemon=True)

    def start(self) -> None:
        """Deliver what waits, from now on, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """End the delivery after the message on its way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._store.close()

    def require_possible(self, url: str) -> None:
        """Check that callbacks may go to an address.

        Raises
        ------
        InvalidParameterError
            If they may not.
        """
        # A name that is not found now may be at the time of the delivery, when it is judged again.
        with contextlib.suppress(OSError):
            self._guard.judge(url)

    def send(self, url: str, state: JobState, *, happened: datetime) -> None:
        """Store a callback; the same is sent once, however often this is called.

        Parameters
        ----------
        url : str
            Where to.
        state : JobState
            What is told.
        happened : datetime
            When the job ended.
        """
        message_id = f"{state.id}.{state.state}.{int(happened.timestamp() * 1000)}"
        event = f"analysis.{state.state}"
        try:
            self._sender.send(
                message_id, url, event, state.model_dump(mode="json"), happened=happened
            )
        except InvalidParameterError as error:
            # The address was good when the job was taken: its receiver has moved inside since.
            _log.warning("no callback of job %s: %s", state.id, error)

    def forget(self, before_s: float) -> int:
        """Forget delivered messages made before a time, in seconds since 1970."""
        return self._store.forget(before_s=before_s)

    def _deliver(self) -> None:
        while not self._stop.is_set():
            for delivery in self._sender.deliver_due():
                if delivery.state != "delivered":
                    _log.warning("callback %s: %s", delivery.message_id, delivery.error)
            self._stop.wait(_POLL_S)


def open_callbacks(settings: Settings, telemetry: Telemetry) -> Callbacks | None:
    """Open the callbacks of a service; None where there are no secrets to sign them with.

    Parameters
    ----------
    settings : Settings
        Secrets, networks and the folder of the store.
    telemetry : Telemetry
        Told every try, and asked how many wait.

    Raises
    ------
    ConfigurationError
        If secrets, networks or the store cannot be used.
    """
    keys = callback_keys(settings)
    if not keys:
        return None
    guard = AddressGuard(networks(settings.webhook_networks or ""))
    store = DeliveryStore(settings.artefacts_folder / "jobs" / "callbacks.sqlite")
    telemetry.webhooks.ask(store.counts)
    sender = WebhookSender(store, keys, guard=guard, observe=telemetry.observe_webhook)
    return Callbacks(store, sender, guard)


def callback_keys(settings: Settings) -> list[bytes]:
    """Read what callbacks are signed with; nothing where there are none.

    Raises
    ------
    ConfigurationError
        If secrets or networks cannot be used.
    """
    try:
        networks(settings.webhook_networks or "")
    except InvalidParameterError as error:
        msg = f"PETROSERVE_WEBHOOK_NETWORKS: {error}"
        raise ConfigurationError(msg) from None
    path = settings.webhook_secrets_file
    return [] if path is None else _read_secrets(path)


def _read_secrets(path: Path) -> list[bytes]:
    """Read a file of secrets, one a line; the first is the newest.

    Raises
    ------
    ConfigurationError
        If it cannot be read or holds none.
    """
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
        keys = [parse_secret(line) for line in lines if line and not line.startswith("#")]
    except (OSError, ValueError) as error:
        msg = f"the secrets of webhooks in {path} cannot be read: {error}"
        raise ConfigurationError(msg) from None
    if not keys:
        msg = f"{path} holds no secret; wanted one whsec_... a line"
        raise ConfigurationError(msg)
    return keys

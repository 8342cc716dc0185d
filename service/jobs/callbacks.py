"""The callback of a job: a signed webhook when it has ended."""

from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime
from pathlib import Path

from petrography.errors import ConfigurationError, InvalidParameterError
from petrography.report import Result
from service.jobs.job_state import JobState
from service.jobs.redelivery import CallbackDesk, CallbackState, callbacks_file
from service.settings import Settings
from service.telemetry import Telemetry
from service.webhooks import (
    AddressGuard,
    Delivering,
    DeliveryStore,
    SigningKeys,
    WebhookSender,
    networks,
    parse_secrets,
    shown,
)

__all__ = ["Callbacks", "callback_keys", "open_callbacks"]

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
    keys : SigningKeys
        Which tenants messages can be signed for.
    """

    def __init__(
        self,
        store: DeliveryStore,
        sender: WebhookSender,
        guard: AddressGuard,
        keys: SigningKeys,
    ) -> None:
        self._keys = keys
        self._store = store
        self._sender = sender
        self._guard = guard
        self._desk = CallbackDesk(store)
        self._delivering = Delivering(sender)

    def start(self) -> None:
        """Deliver what waits, from now on, in threads."""
        self._delivering.start()

    def close(self) -> None:
        """End the delivery after the messages on their way."""
        self._delivering.close()
        self._store.close()

    def require_possible(self, url: str, owner: str) -> None:
        """Check that callbacks of a tenant may go to an address.

        Raises
        ------
        InvalidParameterError
            If they may not, there is no secret to sign them with, or the receiver has told this
            tenant that it is gone.
        DatabaseUnavailableError
            If that cannot be found out.
        """
        if not self._keys.of(owner):
            msg = (
                "this service has no secret to sign callbacks of this tenant with; wanted a request "
                "without callback, or an operator who sets one"
            )
            raise InvalidParameterError(msg)
        # A name that is not found now may be at the time of the delivery, when it is judged again.
        with contextlib.suppress(OSError):
            self._guard.judge(url)
        closed_s = self._store.closed_s(url, owner)
        if closed_s is not None:
            when = f"{datetime.fromtimestamp(closed_s, UTC):%Y-%m-%d %H:%M:%S}Z"
            msg = (
                f"the receiver of callbacks {shown(url)!r} said on {when} that it is gone (410); "
                "wanted another one, or, if it is there again, the redelivery of a callback that "
                "it did not get"
            )
            raise InvalidParameterError(msg)

    def about(self, analysis_id: str) -> tuple[CallbackState, ...]:
        """List the callbacks of an analysis, the latest first."""
        return self._desk.about(analysis_id)

    def redeliver(self, analysis_id: str) -> CallbackState:
        """Send the latest callback of an analysis again; raises NotFoundError without one."""
        return self._desk.redeliver(analysis_id)

    def send(self, url: str, state: JobState, *, happened: datetime, owner: str) -> None:
        """Store a callback; the same is sent once, however often this is called.

        Parameters
        ----------
        url : str
            Where to.
        state : JobState
            What is told.
        happened : datetime
            When the job ended.
        owner : str
            The tenant whose job it is, with whose secrets it is signed.
        """
        message_id = f"{state.id}.{state.state}.{int(happened.timestamp() * 1000)}"
        event = f"analysis.{state.state}"
        try:
            self._sender.send(
                message_id,
                url,
                event,
                state.model_dump(mode="json"),
                happened=happened,
                owner=owner,
            )
        except InvalidParameterError as error:
            # The address was good when the job was taken: its receiver has moved inside since.
            _log.warning("no callback of job %s: %s", state.id, error)

    def send_reviewed(self, state: JobState, result: Result) -> None:
        """Store a callback of a review, where the analysis had one that is not forgotten.

        Parameters
        ----------
        state : JobState
            Of the analysis.
        result : Result
            The version that the review made: two may follow each other at once.
        """
        told = self._store.about(state.id)[:1]
        if not told or self._store.closed_s(told[0].url, told[0].owner) is not None:
            return
        version = {"status": result.status, "version": result.version}
        try:
            self._sender.send(
                f"{state.id}.reviewed.{result.version}",
                told[0].url,
                "analysis.reviewed",
                state.model_copy(update=version).model_dump(mode="json"),
                happened=result.reviews[-1].reviewed_utc,
                owner=told[0].owner,
            )
        except InvalidParameterError as error:
            _log.warning("no callback of the review of %s: %s", state.id, error)

    def forget(self, before_s: float) -> int:
        """Forget delivered messages made before a time, in seconds since 1970."""
        return self._store.forget(before_s=before_s)


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
    store = DeliveryStore(callbacks_file(settings))
    telemetry.webhooks.ask(store.counts)
    sender = WebhookSender(store, keys, guard=guard, observe=telemetry.observe_webhook)

    return Callbacks(store, sender, guard, keys)


def callback_keys(settings: Settings) -> SigningKeys:
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
    return SigningKeys() if path is None else _read_secrets(path)


def _read_secrets(path: Path) -> SigningKeys:
    """Read a file of secrets, one a line, with or without its tenant; the first is the newest.

    Raises
    ------
    ConfigurationError
        If it cannot be read or holds none.
    """
    try:
        keys = parse_secrets(path.read_text("utf-8").splitlines())
    except (OSError, ValueError) as error:
        msg = f"the secrets of webhooks in {path} cannot be read: {error}"
        raise ConfigurationError(msg) from None
    if not keys:
        msg = f"{path} holds no secret; wanted one whsec_... a line, or a tenant and its whsec_..."
        raise ConfigurationError(msg)
    return keys

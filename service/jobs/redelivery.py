"""Callbacks that were stored: how each stands, and how it is sent again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from petrography.errors import NotFoundError, NotReadyError
from service.settings import Settings
from service.webhooks import DeliveryStore, Message, State, shown

__all__ = ["CallbackDesk", "CallbackState", "callbacks_file", "opened_callbacks"]


class CallbackState(BaseModel):
    """How the message of a callback stands."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    """`webhook-id` of the message."""
    state: State
    """waiting (for its next try), delivered, or dead: given up."""
    receiver: str
    """Where to, without the query, which may be secret."""
    tries: int
    """So far; a redelivery begins again at 0."""
    http_status: int | None
    """Of the last answer."""
    error: str
    """Why the last try failed; empty where it did not."""
    created_utc: datetime
    next_try_utc: datetime | None
    """Null where there is none any more."""


class CallbackDesk:
    """Callbacks of all jobs, for operators and for those whose jobs they are.

    Parameters
    ----------
    store : DeliveryStore
        Where they are kept.
    """

    def __init__(self, store: DeliveryStore) -> None:
        self._store = store

    def listed(self, states: tuple[State, ...], *, limit: int = 1000) -> tuple[CallbackState, ...]:
        """List callbacks of some states, the latest first."""
        return tuple(map(_state_of, self._store.listed(states, limit=limit)))

    def about(self, analysis_id: str) -> tuple[CallbackState, ...]:
        """List the callbacks of an analysis, the latest first."""
        return tuple(map(_state_of, self._store.about(analysis_id)))

    def redeliver(self, name: str) -> CallbackState:
        """Send a callback again, with all its tries; its receiver is open from now on.

        Parameters
        ----------
        name : str
            Of a message, or of an analysis, whose latest message is meant.

        Returns
        -------
        CallbackState
            As it stands now.

        Raises
        ------
        NotFoundError
            If there is none.
        DatabaseUnavailableError
            If the store does not answer.
        """
        latest = self._store.about(name)[:1]
        message_id = latest[0].id if latest else name
        try:
            self._store.redeliver(message_id, now_s=datetime.now(UTC).timestamp())
        except NotFoundError:
            msg = (
                f"no callback of {name[:80]!r} is kept: none was wanted, or it was delivered long "
                "ago and forgotten"
            )
            raise NotFoundError(msg) from None
        return _state_of(self._store.message(message_id))


def callbacks_file(settings: Settings) -> Path:
    """Tell where the callbacks of a service are kept."""
    return settings.artefacts_folder / "jobs" / "callbacks.sqlite"


@contextmanager
def opened_callbacks(settings: Settings) -> Iterator[CallbackDesk]:
    """Open the callbacks of a service, beside it, for the length of the block.

    Raises
    ------
    NotReadyError
        If there never were any.
    ConfigurationError
        If the store cannot be used.
    """
    path = callbacks_file(settings)
    if not path.exists():
        msg = (
            f"there are no callbacks below {settings.artefacts_folder}; wanted the folder of a "
            "service that signs some (PETROSERVE_ARTEFACTS_FOLDER)"
        )
        raise NotReadyError(msg)
    store = DeliveryStore(path)
    try:
        yield CallbackDesk(store)
    finally:
        store.close()


def _state_of(message: Message) -> CallbackState:
    waits = message.state == "waiting"
    return CallbackState(
        id=message.id,
        state=message.state,
        receiver=shown(message.url),
        tries=message.tries,
        http_status=message.status,
        error=message.error,
        created_utc=datetime.fromtimestamp(message.created_s, UTC),
        next_try_utc=datetime.fromtimestamp(message.next_s, UTC) if waits else None,
    )

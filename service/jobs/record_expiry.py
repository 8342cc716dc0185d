"""Records of analyses that nobody works on any more: abandoned ones end, old ones are forgotten.

This goes on in every service, whether it ever has jobs or not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta

from petrography.errors import BucketUnavailableError
from service.catalogue import Catalogue, OldRecord
from service.engine import ANALYSES, ArtefactStore

__all__ = ["RecordKeeping"]

_LOOK_S, _SELDOM_S = 30.0, 3600.0
_log = logging.getLogger("petroserve.analyses")


class RecordKeeping:
    """Looks after the records of all processes; each process does, and nothing is done twice by it.

    Parameters
    ----------
    catalogue : Catalogue
        Where they are.
    store : ArtefactStore
        Where results are kept: what has one stays listed.
    kept_days : float
        After which the others are forgotten.
    """

    def __init__(self, catalogue: Catalogue, store: ArtefactStore, kept_days: float) -> None:
        self._catalogue = catalogue
        self._store = store
        self._kept = timedelta(days=kept_days)
        self._seldom = float("-inf")
        self._last: OldRecord | None = None

    async def go_on(self) -> None:
        """Look after them until the task is cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.look_after)
            except Exception as error:  # noqa: BLE001 - the next look may find the database again
                _log.warning("records cannot be looked after at the moment: %s", error)
            await asyncio.sleep(_LOOK_S)

    def look_after(self) -> None:
        """Do what is due.

        Raises
        ------
        DatabaseUnavailableError
            If the database does not answer.
        """
        ended = self._catalogue.end_abandoned()
        if ended:
            _log.warning("%d analyses of a process that is gone are noted as failed", ended)
        now = time.monotonic()
        if now - self._seldom > _SELDOM_S:
            self._seldom = now
            self.forget_old()

    def forget_old(self) -> int:
        """Forget some of what ended long ago and has no result; the next call goes on behind it.

        Returns
        -------
        int
            How many.

        Raises
        ------
        DatabaseUnavailableError
            If the database does not answer.
        """
        before = datetime.now(UTC) - self._kept
        old = self._catalogue.old_records(before, self._last)
        self._last = old[-1] if old else None
        try:
            gone = [record for record in old if not self._has_result(record)]
        except BucketUnavailableError as error:
            _log.warning("old records stay for now: %s", error)
            return 0
        return self._catalogue.forget(gone, before)

    def _has_result(self, record: OldRecord) -> bool:
        done = record.state == "done"
        return done and self._store.is_kept(ANALYSES, record.analysis_id, record.owner)

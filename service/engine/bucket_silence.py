"""A bucket that was just found silent is left in peace for a while."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from petrography.errors import BucketUnavailableError

__all__ = ["BucketSilence"]

# Whoever waits for a bucket that was just found silent waits for nothing.
_SILENT_S, _SILENT_TIMES = 10.0, 3.0
_log = logging.getLogger("petroserve.bucket")


class BucketSilence:
    """What was noticed of a bucket that does not answer.

    Parameters
    ----------
    url : str
        The bucket, for messages.
    meanwhile : str
        What becomes of what should go there, for the log.
    soon_s : float
        What fails within so many seconds was an answer, and holds nobody up: no silence.
    longest_s : float
        After which it is asked again in any case.
    """

    def __init__(
        self,
        url: str,
        *,
        meanwhile: str = "results are kept here until it does",
        soon_s: float = 0.0,
        longest_s: float = math.inf,
    ) -> None:
        self._url = url
        self._meanwhile = meanwhile
        self._soon_s = soon_s
        self._longest_s = longest_s
        self._until_s = 0.0

    @property
    def lasts(self) -> bool:
        """Whether the bucket is not to be asked for what can wait."""
        return time.monotonic() < self._until_s

    def require_none(self) -> None:
        """Refuse at once what the bucket would be asked for.

        Raises
        ------
        BucketUnavailableError
            If it was just found silent.
        """
        if self.lasts:
            msg = f"bucket {self._url} does not answer; try again in a few seconds"
            raise BucketUnavailableError(msg)

    def end(self) -> None:
        """Take note that the bucket has answered: it may be asked for anything again."""
        self._until_s = 0.0

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Notice when the bucket does not answer within the block; its error goes on."""
        begun_s = time.monotonic()
        try:
            yield
        except BucketUnavailableError as error:
            now_s = time.monotonic()
            if now_s - begun_s >= self._soon_s:
                if not self.lasts:
                    _log.warning("%s; %s", error, self._meanwhile)
                # Where it takes long to find out, most of the time is not spent finding out.
                silent_s = max(_SILENT_S, _SILENT_TIMES * (now_s - begun_s))
                self._until_s = now_s + min(silent_s, self._longest_s)
            raise

"""A connection to a PostgreSQL that does not wait for ever for an answer."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

__all__ = ["AnsweredConnection"]

# A statement of the catalogue takes a millisecond; somebody waits for the answer.
_ANSWER_S = 20.0


class AnsweredConnection(psycopg.Connection[Any]):
    """A connection that is closed when a statement gets no answer.

    A host that has gone is noticed by TCP. One whose PostgreSQL stands still, because its disk does
    or it was stopped, acknowledges every packet, and the timeouts of the server stand still with it.
    """

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for what the server answers.

        Raises
        ------
        psycopg.OperationalError
            If there is no answer after 20 s. Whether the statement is carried out is not known then.
        """
        try:
            return super().wait(gen, interval, _ANSWER_S if timeout is None else timeout)
        except psycopg.OperationalError:
            # Its answer may still come, and would be taken for the next statement's.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise

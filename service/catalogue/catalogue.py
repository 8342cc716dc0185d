"""The catalogue of analyses."""

from __future__ import annotations

import json
import logging
import re
import threading
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from petrography.errors import (
    AnalysisNotFoundError,
    DatabaseUnavailableError,
    InvalidParameterError,
)
from petrography.report.result import Sample
from petrography.report.review import Status
from service.catalogue.ageing import (
    OldRecord,
    abandoned_ended,
    forgotten,
    job_ids,
    old_records,
)
from service.catalogue.cancellations import UNRECORDED, left_unrecorded, taken_to_record
from service.catalogue.claims import claimed, released
from service.catalogue.counting import job_counts, oldest_queued_s, waiting_jobs
from service.catalogue.cursor import cursor_of
from service.catalogue.database import connected, open_database
from service.catalogue.keys import begun_before, inserted
from service.catalogue.noting import noted
from service.catalogue.records import AnalysisRecord, Begun, NewAnalysis, Page, State
from service.catalogue.rows import after, microseconds, now_us, record_of
from service.catalogue.schema import ANALYSES, prepare_schema

__all__ = ["MAX_PAGE", "Catalogue"]

MAX_PAGE = 200
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_log = logging.getLogger("petroserve.catalogue")


class Catalogue:
    """Analyses of all tenants, of every process that shares the database.

    Parameters
    ----------
    url : str
        See `service.catalogue.database.open_database`.

    Raises
    ------
    ConfigurationError
        If the URL cannot be read.
    """

    def __init__(self, url: str) -> None:
        self._engine: Engine = open_database(url)
        self._preparing = threading.Lock()
        self._prepared = False

    def open(self) -> None:
        """Make the tables, and end what a killed process left running without a job.

        A database that does not answer stops nothing: requests that need it are refused until it
        does.

        Raises
        ------
        ConfigurationError
            If a newer version of this software made the tables.
        """
        try:
            self.end_abandoned()
        except DatabaseUnavailableError as error:
            _log.warning("%s", error)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def begin(self, new: NewAnalysis) -> Begun:
        """Record an analysis, or find the one that the same request began earlier.

        A synchronous analysis that ended without an answer of its own making (its client went, the
        service failed, its process died) is begun again under its id; one that was cancelled is not.

        Raises
        ------
        IdempotencyConflictError
            If the tenant used the key for something else.
        DatabaseUnavailableError
            If the database does not answer.
        """
        analysis_id, now = str(uuid.uuid4()), now_us()
        row = asdict(new) | {
            "analysis_id": analysis_id,
            "state": "queued",
            "version": 1,
            "created_us": now,
            "updated_us": now,
            "alive_us": now,
        }
        with self._connected() as connection:
            begun: Begun | None = None
            while begun is None:
                if inserted(connection, row):
                    return Begun(analysis_id, fresh=True)
                # None where the record that had the key was forgotten in between.
                begun = begun_before(connection, new)
            return begun

    def note(
        self,
        analysis_id: str,
        *,
        state: State,
        progress_fraction: float | None = None,
        stage: str | None = None,
        problem: Mapping[str, Any] | None = None,
        status: Status | None = None,
        version: int | None = None,
        sample: Sample | None = None,
        recorded: bool = True,
    ) -> bool:
        """Take down how an analysis stands; what is None stays as it was.

        Parameters
        ----------
        analysis_id : str
            As `begin` gave it.
        state : str
            What is done stays done; what ended is not running again before it is queued, but what
            was given up is done where a version of its result is there. What was cancelled because
            its client went can still be cancelled with a problem, once.
        progress_fraction : float, optional
            From 0 to 1.
        stage : str, optional
            What is being done.
        problem : mapping, optional
            Members of a problem document.
        status, version, sample : optional
            Of the result. An older version does not take the place of a newer one.
        recorded : bool
            False for a cancellation that is still to be put into the audit log (`take_to_record`).

        Returns
        -------
        bool
            Whether it was taken down: False if the state cannot follow the one there is, for
            instance after a cancellation by another process, the analysis is not known, or it is
            to be cancelled while its result is being kept.

        Raises
        ------
        DatabaseUnavailableError
            If the database does not answer.
        """
        changes: dict[str, Any] = {
            "progress_fraction": progress_fraction,
            "stage": stage,
            "problem": None if problem is None else json.dumps(dict(problem)),
            "status": status,
            "version": version,
        }
        changes = {name: one for name, one in changes.items() if one is not None}
        changes |= {} if sample is None else {"sample_id": sample.id}
        changes |= {} if recorded else {"alive_us": UNRECORDED}
        with self._connected() as connection:
            return noted(connection, analysis_id, state, changes)

    def leave_unrecorded(self, analysis_id: str) -> None:
        """Take note that a cancellation is not in the audit log yet; errors as for `claim`."""
        with self._connected() as connection:
            left_unrecorded(connection, analysis_id)

    def take_to_record(self, analysis_id: str) -> bool:
        """Take over to put a cancellation into the audit log that is not there yet.

        Returns
        -------
        bool
            False if it is there, or somebody else puts it there.

        Raises
        ------
        DatabaseUnavailableError
            If the database does not answer.
        """
        with self._connected() as connection:
            return taken_to_record(connection, analysis_id)

    def claim(self, analysis_id: str) -> bool:
        """Claim an analysis whose result is about to be kept: from now on nobody cancels it.

        Returns
        -------
        bool
            False if it has ended already, for instance by a cancellation: keep nothing then.

        Raises
        ------
        DatabaseUnavailableError
            If the database does not answer.
        """
        with self._connected() as connection:
            return claimed(connection, analysis_id)

    def release(self, analysis_id: str) -> None:
        """Give a claim back: nothing was kept, and the work begins again; errors as for `claim`."""
        with self._connected() as connection:
            released(connection, analysis_id)

    def beat(self, analysis_id: str) -> None:
        """Say that the process at work on an analysis lives; that is no change of the record.

        Raises
        ------
        DatabaseUnavailableError
            If the database does not answer.
        """
        # What was cancelled holds there whether that is on record.
        mine = (ANALYSES.c.analysis_id == analysis_id, ANALYSES.c.state != "cancelled")
        with self._connected() as connection:
            connection.execute(update(ANALYSES).where(*mine).values(alive_us=now_us()))

    def get(self, owner: str, analysis_id: str) -> AnalysisRecord:
        """Read one record.

        Raises
        ------
        AnalysisNotFoundError
            If there is none, or it is another tenant's.
        DatabaseUnavailableError
            If the database does not answer.
        """
        if _ID.fullmatch(analysis_id):
            wanted = select(ANALYSES).where(
                ANALYSES.c.analysis_id == analysis_id, ANALYSES.c.owner == owner
            )
            with self._connected() as connection:
                row = connection.execute(wanted).one_or_none()
            if row is not None:
                return record_of(row)
        msg = f"no analysis {analysis_id[:100]!r} is known; wanted an id that this service gave"
        raise AnalysisNotFoundError(msg)

    def page(
        self,
        owner: str,
        *,
        sample_id: str | None = None,
        state: State | None = None,
        status: Status | None = None,
        updated_since: datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """List the records of a tenant, those that were begun last first.

        Parameters
        ----------
        owner : str
            Whose.
        sample_id, state, status : optional
            Only those.
        updated_since : datetime, optional
            Only those that changed at this time or later; with a zone.
        cursor : str, optional
            `Page.next_cursor` of the page before. Nothing is seen twice or missed by what is
            begun or changes between two pages.
        limit : int
            Records of a page, 1 to 200.

        Raises
        ------
        InvalidParameterError
            If cursor or limit are not possible.
        DatabaseUnavailableError
            If the database does not answer.
        """
        if not 1 <= limit <= MAX_PAGE:
            msg = f"limit is {limit}; wanted 1 to {MAX_PAGE}"
            raise InvalidParameterError(msg)
        wanted = [ANALYSES.c.owner == owner]
        exact = {"sample_id": sample_id, "state": state, "status": status}
        wanted += [ANALYSES.c[name] == one for name, one in exact.items() if one is not None]
        if updated_since is not None:
            wanted.append(ANALYSES.c.updated_us >= microseconds(updated_since))
        if cursor is not None:
            wanted.append(after(cursor))
        by_begin = (ANALYSES.c.created_us.desc(), ANALYSES.c.analysis_id.desc())
        # One more than wanted tells whether there is a next page.
        listed = select(ANALYSES).where(*wanted).order_by(*by_begin).limit(limit + 1)
        with self._connected() as connection:
            rows = connection.execute(listed).all()
        more = len(rows) > limit
        last = rows[limit - 1] if more else None
        return Page(
            tuple(map(record_of, rows[:limit])),
            None if last is None else cursor_of((last.created_us, last.analysis_id)),
        )

    def waiting_jobs(self, owner: str) -> int:
        """Count the jobs of a tenant that wait.

        Raises
        ------
        DatabaseUnavailableError
            If the database does not answer.
        """
        with self._connected() as connection:
            return waiting_jobs(connection, owner)

    def job_counts(self) -> dict[str, int]:
        """Count the jobs of all tenants by state; errors as for `waiting_jobs`."""
        with self._connected() as connection:
            return job_counts(connection)

    def oldest_queued_s(self) -> float:
        """Seconds for which the oldest waiting job has waited; errors as for `waiting_jobs`."""
        with self._connected() as connection:
            return oldest_queued_s(connection)

    def jobs(self, states: Collection[State], *, limit: int = 1000) -> tuple[AnalysisRecord, ...]:
        """List the jobs of all tenants, those that changed last first: for operators.

        Raises
        ------
        DatabaseUnavailableError
            If the database does not answer.
        """
        wanted = (ANALYSES.c.state.in_(states), ANALYSES.c.asynchronous.is_(True))
        listed = select(ANALYSES).where(*wanted).order_by(ANALYSES.c.updated_us.desc()).limit(limit)
        with self._connected() as connection:
            return tuple(map(record_of, connection.execute(listed).all()))

    def job_ids(
        self, states: Collection[State], before: datetime, analysis_id: str | None = None
    ) -> frozenset[str]:
        """Name the jobs of all tenants in some states that have not changed since a time.

        Parameters
        ----------
        states : collection of str
            Which.
        before : datetime
            With a zone.
        analysis_id : str, optional
            Only this one.

        Raises
        ------
        DatabaseUnavailableError
            If the database does not answer.
        """
        with self._connected() as connection:
            return job_ids(connection, states, before, analysis_id)

    def old_records(
        self, before: datetime, after: OldRecord | None = None, *, limit: int = 1000
    ) -> list[OldRecord]:
        """List analyses that ended and have not changed since a time; errors as for `job_ids`.

        Parameters
        ----------
        before : datetime
            With a zone.
        after : OldRecord, optional
            The last of those before; they come in the order of their last change.
        limit : int
            Most of them.
        """
        with self._connected() as connection:
            return old_records(connection, before, after, limit)

    def forget(self, records: Collection[OldRecord], before: datetime) -> int:
        """Forget analyses that ended, unless they have changed since; errors as for `job_ids`.

        Returns
        -------
        int
            How many. Their keys can be used again.
        """
        with self._connected() as connection:
            return forgotten(connection, records, before)

    def end_abandoned(self) -> int:
        """Mark synchronous analyses whose process died as failed.

        Returns
        -------
        int
            How many.

        Raises
        ------
        DatabaseUnavailableError
            If the database does not answer.
        """
        with self._connected() as connection:
            return abandoned_ended(connection)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with connected(self._engine) as connection:
            with self._preparing:
                if not self._prepared:
                    prepare_schema(connection)
                    self._prepared = True
            yield connection

"""The jobs of all tenants, for operators: beside the service, on the same database and folder."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from petrography.errors import (
    AnalysisEndedError,
    AnalysisNotFoundError,
    DamagedJobError,
    DatabaseUnavailableError,
    NotReadyError,
)
from service.catalogue import AnalysisRecord, Catalogue, State, database_url
from service.jobs.durable_queue import QueueClient
from service.jobs.job_database import JobDatabase
from service.jobs.job_files import JobFiles
from service.jobs.opening_files import open_job_files
from service.jobs.ordering import queued_as
from service.settings import Settings

__all__ = ["JobDesk", "opened_desk"]

_DAY_S = 86_400.0
# What may be left behind; of these nobody expects a result any more.
_UNFINISHED: tuple[State, ...] = ("queued", "running")


class JobDesk:
    """What an operator can do.

    Parameters
    ----------
    catalogue : Catalogue
        Knows how every job stands.
    files : JobFiles
        What was uploaded for them.
    client : QueueClient
        Asks for work.
    """

    def __init__(self, catalogue: Catalogue, files: JobFiles, client: QueueClient) -> None:
        self._catalogue = catalogue
        self._files = files
        self._client = client

    def jobs(self, states: Collection[State]) -> tuple[AnalysisRecord, ...]:
        """List jobs of some states, those that changed last first; at most a thousand."""
        return self._catalogue.jobs(states)

    def given_up(self) -> tuple[str, ...]:
        """Name the jobs that were given up and can be tried again: their files are kept."""
        kept = self._files.kept()
        states: tuple[State, ...] = ("dead",)
        dead = (record.analysis_id for record in self._catalogue.jobs(states))
        return tuple(analysis_id for analysis_id in dead if analysis_id in kept)

    def retry(self, analysis_id: str) -> None:
        """Queue a job again that failed or was given up.

        Raises
        ------
        AnalysisNotFoundError
            If there is no such job, or its files were removed.
        AnalysisEndedError
            If it waits, runs, or is done, or somebody else queues it in this moment.
        DatabaseUnavailableError
            If the queue takes nothing; the job is as it was then.
        """
        try:
            order = self._files.order(analysis_id)
        except DamagedJobError:
            msg = f"the files of job {analysis_id!r} are not kept; wanted one of `jobs list`"
            raise AnalysisNotFoundError(msg) from None
        record = self._catalogue.get(order.owner, analysis_id)
        # First the state: a job that ends at once must not be found queued for ever.
        if not self._catalogue.note(analysis_id, state="queued"):
            state = self._catalogue.get(order.owner, analysis_id).state
            msg = f"job {analysis_id} is {state}; only failed and dead ones are tried again"
            raise AnalysisEndedError(msg)
        self._files.ended(analysis_id)
        try:
            self._client.enqueue_again(analysis_id, queued_as(record), order.tenant)
        except DatabaseUnavailableError:
            self._catalogue.note(analysis_id, state=record.state, problem=record.problem)
            raise

    def purge(self, older_than_days: float) -> int:
        """Remove what is left of jobs that ended so long ago; results stay.

        Returns
        -------
        int
            How many jobs had files left.
        """
        before_s = time.time() - older_than_days * _DAY_S
        busy = {record.analysis_id for record in self._catalogue.jobs(_UNFINISHED, limit=1_000_000)}
        old = [
            analysis_id
            for analysis_id, made_s in self._files.kept().items()
            if made_s <= before_s and analysis_id not in busy
        ]
        for analysis_id in old:
            self._files.remove(analysis_id)
        self._client.forget(before_s)
        return len(old)


@contextmanager
def opened_desk(settings: Settings) -> Iterator[JobDesk]:
    """Open the jobs of a service for the length of the block.

    Raises
    ------
    NotReadyError
        If there never were jobs, or the database does not answer.
    """
    database = JobDatabase.of(settings)
    if not database.may_hold_jobs():
        msg = (
            f"there are no jobs below {settings.artefacts_folder}; wanted the folder of a service "
            "that has taken some (PETROSERVE_ARTEFACTS_FOLDER)"
        )
        raise NotReadyError(msg)
    catalogue = Catalogue(database_url(settings))
    client = QueueClient(database)
    try:
        yield JobDesk(catalogue, open_job_files(settings), client)
    finally:
        client.close()
        catalogue.close()

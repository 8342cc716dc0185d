"""Submissions that are refused after they were recorded, maybe while the same is sent again.

A client that waits too long for its answer sends the same again under its key, maybe to another
process. One of the two may be refused and the other answered 202: the job is there then.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from petrography.errors import DatabaseUnavailableError, NotReadyError
from service.catalogue import Catalogue
from service.jobs.ends import problem_of
from service.jobs.job_files import JobFiles
from service.jobs.submission import Submission

if TYPE_CHECKING:
    from service.jobs.durable_queue import DurableQueue

__all__ = ["refuse", "require_not_refused"]

# Of the problem of a job that could not be taken.
_STATUS = 503
_log = logging.getLogger("petroserve.jobs")


def refuse(
    submission: Submission,
    analysis_id: str,
    error: Exception,
    catalogue: Catalogue,
    files: JobFiles,
    queue: DurableQueue,
) -> None:
    """Leave nothing of a submission, unless the same was sent again and is in the queue.

    Parameters
    ----------
    submission : Submission
        What was handed in.
    analysis_id : str
        Under which it was recorded.
    error : Exception
        Why it is refused.
    catalogue, files, queue
        What knows it.
    """
    if _is_sent_again(submission, analysis_id, queue):
        return
    problem = problem_of(error, analysis_id, analysis_id)
    # Where not even that can be written, it is found later (`service.jobs.forgotten`).
    with suppress(DatabaseUnavailableError):
        catalogue.note(analysis_id, state="failed", problem=problem)
        # Whoever enqueues it from now on finds it refused (`require_not_refused`).
        if _is_sent_again(submission, analysis_id, queue):
            catalogue.note(analysis_id, state="queued")
            return
    files.remove(analysis_id)


def require_not_refused(submission: Submission, analysis_id: str, catalogue: Catalogue) -> None:
    """Check that whoever recorded a job was not refused while it was handed in again.

    Raises
    ------
    NotReadyError
        If so.
    """
    record = catalogue.get(submission.owner, analysis_id)
    if record.state == "failed" and (record.problem or {}).get("status") == _STATUS:
        msg = "the same was refused in this moment, when it was sent before; send it again"
        raise NotReadyError(msg)


def _is_sent_again(submission: Submission, analysis_id: str, queue: DurableQueue) -> bool:
    if submission.idempotency_key is None:
        return False
    try:
        return analysis_id in queue.live()
    except Exception as error:  # noqa: BLE001 - nothing new is in a queue that does not answer
        _log.warning("whether job %s was sent again is not known: %s", analysis_id, error)
        return False

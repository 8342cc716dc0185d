"""What is written down of a job when it is handed in: its record, and the order to whoever works."""

from __future__ import annotations

from service.audit import asking
from service.catalogue import AnalysisRecord, NewAnalysis
from service.engine import asked_analysis
from service.jobs.job_files import JobOrder, KeptPart
from service.jobs.submission import Submission
from service.repository import LoadedModel
from service.runtime import Priority
from service.tracing import current_traceparent

__all__ = ["new_analysis", "order_of", "queued_as"]


def new_analysis(submission: Submission, model: LoadedModel, priority: Priority) -> NewAnalysis:
    """Make the record of a job that begins.

    Parameters
    ----------
    submission : Submission
        What was handed in.
    model : LoadedModel
        The version that it was answered with.
    priority : {"interactive", "bulk"}
        Its place in the queue.
    """
    return asked_analysis(
        submission.request,
        model,
        owner=submission.owner,
        key=submission.idempotency_key,
        body_sha256=submission.body_sha256,
        priority=priority,
        asynchronous=True,
    )


def order_of(
    submission: Submission, record: AnalysisRecord, parts: tuple[KeptPart, ...]
) -> JobOrder:
    """Make the order of a job that is on record.

    Parameters
    ----------
    submission : Submission
        What was handed in.
    record : AnalysisRecord
        Its record.
    parts : tuple of KeptPart
        Its files.
    """
    return JobOrder(
        analysis_id=record.analysis_id,
        owner=submission.owner,
        tenant=submission.tenant,
        key_id=asking().key_id,
        priority=submission.priority,
        href_root=submission.href_root,
        callback=submission.callback,
        request=submission.request,
        panorama=submission.panorama,
        # What is told from now on, whatever is served when its turn has come.
        model=record.model,
        parts=parts,
        traceparent=current_traceparent(),
    )


def queued_as(record: AnalysisRecord) -> Priority:
    """Tell in which queue a job is, from its record."""
    return "interactive" if record.priority == "interactive" else "bulk"

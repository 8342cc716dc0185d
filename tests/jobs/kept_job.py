"""A job as a submission leaves its files: received, and kept with its order."""

from __future__ import annotations

from typing import Any

from service.jobs.job_files import JobFiles, JobOrder
from service.jobs.submission import Submission
from tests.jobs.running_jobs import submission


def kept_job(
    files: JobFiles, analysis_id: str, sent: Submission | None = None, **stated: Any
) -> JobOrder:
    """Receive the files of a submission and keep them; `stated` are fields of its order."""
    sent = sent or submission()
    order = {"owner": "", "tenant": "", "priority": None, "href_root": "", "callback": None}
    with files.received(sent.files) as (aside, parts):
        kept = JobOrder(
            analysis_id=analysis_id,
            request=sent.request,
            parts=parts,
            **(order | stated),
        )
        files.keep(aside, kept)
    return kept

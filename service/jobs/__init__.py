"""Analyses that go on without their client: durable, cancellable, told as they happen.

`job_files` and `bucket_job_files` keep what was uploaded, `durable_queue` (on `dbos_process`),
`fair_rank` and `slots` bring every job to exactly one living process, `job_runner` carries it out
(`job_work`), `callbacks` tell its end, `watching` its progress, `redelivery` sends one again,
`cancelling` ends what was cancelled, `adopting` and `forgotten` find jobs that nobody works on,
`tidying` looks after what is left, `record_expiry` after records, `refusing` leaves nothing of what
is not taken, and `jobs` is what protocols use; `operating` is for operators.
"""

from __future__ import annotations

from service.jobs.callbacks import callback_keys
from service.jobs.job_state import JobState, has_ended, state_of
from service.jobs.jobs import Jobs
from service.jobs.redelivery import CallbackState
from service.jobs.submission import JobRequest, PanoramaJobRequest, Submission
from service.jobs.watching import Change, changes_of, number_of

__all__ = [
    "CallbackState",
    "Change",
    "JobRequest",
    "JobState",
    "Jobs",
    "PanoramaJobRequest",
    "Submission",
    "callback_keys",
    "changes_of",
    "has_ended",
    "number_of",
    "state_of",
]

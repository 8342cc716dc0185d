"""Where the files of jobs are kept: in a local folder, or in the bucket that several share."""

from __future__ import annotations

from service.bucket import Bucket
from service.jobs.bucket_job_files import BucketJobFiles
from service.jobs.job_database import JobDatabase
from service.jobs.job_files import JobFiles
from service.settings import Settings

__all__ = ["open_job_files"]


def open_job_files(settings: Settings) -> JobFiles:
    """Find the files of the jobs of a service.

    They are in the bucket of the results where the queue is in a PostgreSQL, so that services on
    other machines may take the jobs. A queue in a local file is seen by this machine only: there
    they stay on its disk, and a bucket that does not answer stops no submission.

    Parameters
    ----------
    settings : Settings
        Those of artefacts and database are used.

    Raises
    ------
    ConfigurationError
        If the URL of the bucket is none.
    """
    folder = settings.artefacts_folder / "jobs" / "files"
    if settings.artefacts_url is None or JobDatabase.of(settings).file is not None:
        return JobFiles(folder)
    return BucketJobFiles(Bucket(settings.artefacts_url), folder)

"""What the engine does for a job."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from service.engine import Engine, Finished, OnEvent
from service.jobs.job_files import OpenJob

__all__ = ["work_of"]


def work_of(engine: Engine, job: OpenJob, on_event: OnEvent) -> Coroutine[Any, Any, Finished]:
    """Begin what a job wants: an analysis of its image, or of the panorama of its fields.

    Parameters
    ----------
    engine : Engine
        Works.
    job : OpenJob
        What is to be done, with which files.
    on_event : callable
        Told how far it is, in the thread of the work.
    """
    order = job.order
    of_analysis: dict[str, Any] = {
        "href_root": order.href_root,
        "tenant": order.tenant,
        "owner": order.owner,
        "analysis_id": order.analysis_id,
        "model_version": order.model,
        "on_event": on_event,
    }
    if order.panorama is not None:
        flat_field = next(iter(job.of_part("flat_field")), None)
        return engine.imaging.stitch(
            job.of_part("field"), flat_field, order.panorama, **of_analysis
        )
    image, *named = job.files
    return engine.analyse(
        job.files[image],
        order.request,
        parts={part: job.files[part] for part in named},
        priority=order.priority,
        **of_analysis,
    )

"""Work on images that makes no analysis: what it needs, and how it is carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from petrography.image_codec import ImageLimits
from service.engine.analysing import Finished
from service.engine.artefact_store import ArtefactStore
from service.engine.auditing import Auditing
from service.engine.carrying_out import Workers, counted
from service.engine.course import AnalysisEvent, Course
from service.engine.imaging_keeping import RecordedKeeping
from service.engine.kinds import Kind
from service.engine.one_image import image_limits
from service.engine.readiness import Readiness
from service.engine.recorded_analyses import RecordedAnalyses
from service.runtime import Priority
from service.settings import Settings
from service.telemetry import Telemetry

__all__ = ["ImagingWork", "OnCourse"]

OnCourse: TypeAlias = Callable[[AnalysisEvent], object]


@dataclass(frozen=True)
class ImagingWork:
    """What calibrations, registrations, panoramas, evaluations and annotations share.

    Attributes
    ----------
    settings : Settings
        Everything that can be set.
    telemetry : Telemetry
        Told what happens.
    recorded : RecordedAnalyses
        Its store keeps the results; it knows the analyses that requests name.
    audit : Auditing
        Puts the results on record before they are kept.
    workers : Workers
        Carry the work out.
    readiness : Readiness
        Tells whether work is taken, and knows the models.
    """

    settings: Settings
    telemetry: Telemetry
    recorded: RecordedAnalyses
    audit: Auditing
    workers: Workers
    readiness: Readiness

    @property
    def store(self) -> ArtefactStore:
        """Where the results are kept."""
        return self.recorded.store

    @property
    def keeping(self) -> RecordedKeeping:
        """What keeps them."""
        return RecordedKeeping(self.store, self.audit)

    @property
    def limits(self) -> ImageLimits:
        """How large an image may be."""
        return image_limits(self.settings)

    async def carry_out(
        self,
        kind: Kind,
        work: Callable[[Course], Finished],
        *,
        tenant: str,
        priority: Priority = "bulk",
        on_event: OnCourse | None = None,
    ) -> Finished:
        """Carry out work in its turn, and count how it ended.

        Parameters
        ----------
        kind : Kind
            What it makes.
        work, tenant, priority, on_event
            As for `Workers.carry_out`.

        Raises
        ------
        NotReadyError
            If the service is starting or stopping.
        BaseException
            What `work` raises.
        """
        self.readiness.require_ready()
        with counted(lambda outcome: self.telemetry.imaging.labels(kind.folder, outcome).inc()):
            return await self.workers.carry_out(
                work, priority=priority, tenant=tenant, on_event=on_event
            )

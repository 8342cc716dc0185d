"""From what a request names to the analysis that is kept."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from petrography.calibration import Corrections
from petrography.image_codec import Encoded
from petrography.pipeline import AnalysisRequest, PartReaders, require_possible
from petrography.report import Result
from service.audit import Who, asking
from service.engine.artefact_store import ArtefactStore
from service.engine.auditing import Auditing
from service.engine.barcodes import BarcodePatterns
from service.engine.course import Course
from service.engine.estimating import OtherRate
from service.engine.field_maps import ONE_PHOTOGRAPH, JoinedFields
from service.engine.kept_digests import digest_file, digest_line
from service.engine.kinds import ANALYSES
from service.engine.observing import observe_result, observed
from service.engine.one_image import analyse_image
from service.engine.scratch_files import ScratchFiles
from service.engine.stoppable_files import StoppableFiles
from service.engine.stored_corrections import stored_corrections
from service.repository import LoadedModel
from service.runtime import Priority, TileScheduler
from service.settings import Settings

__all__ = ["Analyses", "Finished", "MapImage", "PreparedAnalysis"]


@dataclass(frozen=True)
class Finished:
    """A result that is kept: its id and the content of its document."""

    result_id: str
    document: bytes


# Maps an encoded image where it lies; its pages are handed back with those of the analysis.
MapImage: TypeAlias = Callable[[ScratchFiles], Encoded]


@dataclass(frozen=True)
class Analyses:
    """What analyses of one process share.

    Attributes
    ----------
    settings : Settings
        The limits on bytes and pixels are used.
    store : ArtefactStore
        Where calibrations are found and analyses kept.
    scheduler : TileScheduler
        Orders the tiles of all of them.
    audit : Auditing
        Puts them on record before they are kept.
    barcodes : BarcodePatterns
        What those of samples must look like.
    other_rate : OtherRate
        Learns what they take beside the network.
    """

    settings: Settings
    store: ArtefactStore
    scheduler: TileScheduler
    audit: Auditing
    barcodes: BarcodePatterns
    other_rate: OtherRate = field(default_factory=OtherRate)

    async def prepared(
        self,
        request: AnalysisRequest,
        model: LoadedModel,
        *,
        href_root: str,
        parts: PartReaders | None = None,
        priority: Priority = "bulk",
        tenant: str = "",
        owner: str = "",
        analysis_id: str | None = None,
    ) -> PreparedAnalysis:
        """Find what a request names, so that an image, or a panorama (no parts), is analysed.

        Parameters
        ----------
        request : AnalysisRequest
            What is wanted.
        model : LoadedModel
            Its model.
        href_root : str
            Where the protocol shows analyses; the result names its files below it.
        parts : mapping of str to callable, optional
            What reads the files that the request names, views and region, by their parts.
        priority : {"interactive", "bulk"}
            Of its tiles.
        tenant : str
            With whose other requests it shares.
        owner : str
            The tenant whose calibrations it may use and who will find it.
        analysis_id : str, optional
            Under which it is kept; a new one where none is given. Who repeats an analysis under
            its id keeps the first.

        Raises
        ------
        InputError
            If the model cannot do it, or something that is named is not there.
        """
        require_possible(request, model.card, panorama=parts is None)
        self.barcodes.require(request.sample, owner)
        corrections = Corrections()
        if request.calibration or request.flat_field or request.lens:
            corrections = await asyncio.to_thread(stored_corrections, self.store, request, owner)
        return PreparedAnalysis(
            self,
            request,
            model,
            corrections,
            parts=parts,
            analysis_id=analysis_id or str(uuid.uuid4()),
            href_root=href_root,
            owner=owner,
            tenant=tenant,
            priority=priority,
            who=asking(),
        )

    def learn(self, result: Result, in_networks_s: float) -> None:
        """Take note of what an analysis took beside the network.

        Parameters
        ----------
        result : Result
            Of one image by itself.
        in_networks_s : float
            Seconds that it waited for the network.
        """
        image = result.provenance["image"]
        if isinstance(image, dict):
            px = int(str(image["height_px"])) * int(str(image["width_px"]))
            self.other_rate.add(px, sum(result.timings_s.values()) - in_networks_s)


@dataclass(frozen=True)
class PreparedAnalysis:
    """An analysis of which everything is known but the pixels; see `Analyses.prepared`."""

    shared: Analyses
    request: AnalysisRequest
    model: LoadedModel
    corrections: Corrections
    parts: PartReaders | None
    analysis_id: str
    href_root: str
    owner: str
    tenant: str
    priority: Priority
    who: Who

    def run(
        self,
        map_image: MapImage,
        course: Course,
        *,
        max_image_bytes: int | None = None,
        joined: JoinedFields = ONE_PHOTOGRAPH,
        before_keeping: Callable[[], object] = lambda: None,
    ) -> Finished:
        """Analyse an image and keep the result.

        Parameters
        ----------
        map_image : callable
            Maps the encoded image.
        course : Course
            Told of stages and progress; what it raises ends the analysis.
        max_image_bytes : int, optional
            Most bytes of the image; default: as many as it has, for one of our own making.
        joined : JoinedFields
            Of what the image was made.
        before_keeping : callable
            Keeps what must not be missing where the result is.

        Returns
        -------
        Finished
            What is kept.

        Raises
        ------
        InputError
            If the image cannot be analysed.
        """
        store = self.shared.store
        with (
            observed(self.analysis_id, self.model.card),
            ScratchFiles(self.shared.settings.scratch_folder) as scratch,
            store.draft(ANALYSES, self.owner) as draft,
            self.shared.scheduler.request(priority=self.priority, tenant=self.tenant) as scheduled,
            course.telling_stop(scheduled.leave),
        ):
            image = map_image(scratch)
            limit = {"max_image_bytes": max_image_bytes or len(image)}
            result = analyse_image(
                StoppableFiles(draft, course.go_on),
                image,
                self.request,
                self.model,
                settings=self.shared.settings.model_copy(update=limit),
                workspace=scratch,
                analysis_id=self.analysis_id,
                corrections=self.corrections,
                parts=self.parts,
                joined=joined,
                scheduled=scheduled,
                who=self.who,
                href_prefix=f"{self.href_root}/{self.analysis_id}/",
                on_stage=course.on_stage,
                on_progress=course.on_progress,
            )
            document = draft.read(ANALYSES.document)
            digest = digest_line(ANALYSES.document, document)
            draft.write(digest_file(ANALYSES.document), digest)
            course.go_on()
            before_keeping()
            self.shared.audit.analysis_made(result, document, self.who)
            store.publish(self.analysis_id, draft)
            observe_result(course.telemetry, result)
        if not self.parts and joined.in_parts is None:
            self.shared.learn(result, scheduled.waited_s)
        return Finished(self.analysis_id, document)

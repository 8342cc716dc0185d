"""An analysis that a client waits for, from what was uploaded to its result, for every protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from petrography.pipeline import AnalysisRequest
from service.catalogue import AnalysisRecord
from service.engine.course import AnalysisEvent
from service.engine.dividing import model_for
from service.engine.engine import Engine, Finished
from service.engine.image_priority import priority_of, size_if_known
from service.engine.recorded_analyses import OnEvent, asked_analysis, digest_of_upload
from service.runtime import Priority
from service.uploads import Upload, image_and_named

__all__ = ["analyse_upload"]


def _untold(_news: object) -> None:
    """Tell nobody."""


async def analyse_upload(
    engine: Engine,
    upload: Upload[AnalysisRequest],
    *,
    href_root: str,
    tenant: str,
    owner: str,
    key: str | None = None,
    priority: Priority | None = None,
    on_begun: Callable[[str], object] = _untold,
    on_event: Callable[[AnalysisEvent], object] = _untold,
) -> Finished | AnalysisRecord:
    """Make the analysis that an upload asks for, with its record, or find that of an earlier one.

    Parameters
    ----------
    engine : Engine
        What works.
    upload : Upload
        The image, what the request names and what is wanted; its files must live until this returns.
    href_root, tenant, owner
        As for `Engine.analyse`.
    key : str or None
        Its idempotency key.
    priority : {"interactive", "bulk"}, optional
        Overrules what follows from the size of the image.
    on_begun : callable
        Told the id of an analysis that begins, in the event loop.
    on_event : callable
        Told how far it is, in its thread, after its record was.

    Returns
    -------
    Finished or AnalysisRecord
        As `RecordedAnalyses.analyse`.

    Raises
    ------
    InputError
        If image or request cannot be analysed.
    NotReadyError
        If the service is starting or stopping.
    BaseException
        What else `RecordedAnalyses.analyse` raises.
    """
    request = upload.request
    image, named = image_and_named(upload)
    model = await model_for(engine.repository, request.model, [image])

    def looked_through() -> tuple[Priority, str]:
        chosen = priority or priority_of(size_if_known(image), engine.settings)
        # Reading the whole upload again is for those who may send it again.
        return chosen, "" if key is None else digest_of_upload(upload.files, request)

    chosen, body_sha256 = await asyncio.to_thread(looked_through)
    asked = asked_analysis(
        request, model, owner=owner, key=key, body_sha256=body_sha256, priority=chosen
    )

    def analyse(analysis_id: str, note: OnEvent) -> Awaitable[Finished]:
        on_begun(analysis_id)

        def tell(event: AnalysisEvent) -> None:
            note(event)
            on_event(event)

        return engine.analyse(
            image,
            request,
            parts=named,
            href_root=href_root,
            priority=chosen,
            tenant=tenant,
            owner=owner,
            analysis_id=analysis_id,
            model=model,
            on_event=tell,
        )

    return await engine.recorded.analyse(asked, analyse)

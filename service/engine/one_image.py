"""One image through one opened model: what the service and the command line have in common."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
from collections.abc import Callable, Iterator
from dataclasses import replace

from pydantic import JsonValue

from petrography.calibration import Corrections
from petrography.image_codec import Encoded, ImageLimits
from petrography.pipeline import (
    AnalysisRequest,
    FileSink,
    PartReaders,
    analyse_into,
)
from petrography.report import Result
from petrography.report.provenance import fact
from petrography.workspace import Workspace
from service.audit import Who
from service.engine.circumstances import circumstances_of, repeating, utc_now
from service.engine.field_maps import ONE_PHOTOGRAPH, JoinedFields
from service.repository import LoadedModel
from service.runtime import OnnxPredictor, ScheduledRequest
from service.settings import Settings

__all__ = ["analyse_image", "image_limits", "software_versions"]

NOTHING_CORRECTED = Corrections()
NOBODY = Who()

_SOFTWARE = (
    "petroserve",
    "connected-components-3d",
    "imagecodecs",
    "matplotlib",
    "numpy",
    "opencv-python-headless",
    "reportlab",
    "scikit-image",
    "scipy",
    "tifffile",
    "onnxruntime",
    "onnxruntime-gpu",
)


def analyse_image(
    sink: FileSink,
    image: Encoded,
    request: AnalysisRequest,
    model: LoadedModel,
    *,
    settings: Settings,
    workspace: Workspace,
    analysis_id: str,
    corrections: Corrections = NOTHING_CORRECTED,
    parts: PartReaders | None = None,
    joined: JoinedFields = ONE_PHOTOGRAPH,
    scheduled: ScheduledRequest | None = None,
    who: Who = NOBODY,
    repeated: Result | None = None,
    href_prefix: str = "",
    on_stage: Callable[[str, float], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Analyse one image and write the files of the result while they are made.

    Parameters
    ----------
    sink : FileSink
        Takes the files.
    image : bytes or memoryview
        The encoded image.
    request : AnalysisRequest
        What is wanted; its `model` is `model`.
    model : LoadedModel
        The model.
    settings : Settings
        The limits on bytes and pixels are used.
    workspace : Workspace
        Gives the arrays that are as large as the image.
    analysis_id : str
        Identity of the result.
    corrections : Corrections
        Those that the request names.
    parts : mapping of str to callable, optional
        What reads the files that the request names, views and region, by their parts.
    joined : JoinedFields
        Of what the image was made.
    scheduled : ScheduledRequest, optional
        Through which its tiles are run in turns with those of others; without it they are run in
        this thread.
    who : Who
        Asked for it, for the provenance.
    repeated : Result, optional
        An earlier analysis that this one repeats: its times and who asked are taken over.
    href_prefix : str
        Put before the names of the artefacts in the result.
    on_stage, on_progress : callable, optional
        See `petrography.pipeline.analyse`.

    Raises
    ------
    InputError
        If image or request cannot be analysed.
    """
    predictors = _Predictors(model, scheduled)
    circumstances, started = circumstances_of(model, settings, who), utc_now()
    circumstances = replace(circumstances, ran_on=predictors.ran_on, joined_fields=joined.count)
    if repeated is not None:
        circumstances = repeating(circumstances, repeated)
        started = str(fact(repeated, "started_utc"))
    return analyse_into(
        sink,
        image,
        request,
        card=model.card,
        predictor_for=predictors.predictor_for,
        analysis_id=analysis_id,
        workspace=workspace,
        corrections=corrections,
        parts=parts,
        in_parts=joined.in_parts,
        covered=joined.covered,
        limits=image_limits(settings),
        software=software_versions(),
        provider_degradations=predictors,
        started_utc=started,
        circumstances=circumstances,
        href_prefix=href_prefix,
        on_stage=on_stage,
        on_progress=on_progress,
    )


def image_limits(settings: Settings) -> ImageLimits:
    """Limits of every image."""
    return ImageLimits(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels)


class _Predictors:
    """The predictors of one analysis; iterating tells what the runtime had to do without."""

    def __init__(self, model: LoadedModel, scheduled: ScheduledRequest | None) -> None:
        self._model, self._scheduled = model, scheduled
        self._built: list[OnnxPredictor] = []

    def predictor_for(self, allowed: tuple[int, ...]) -> OnnxPredictor:
        predictor = self._model.predictor_for(allowed, self._scheduled)
        self._built.append(predictor)
        return predictor

    def ran_on(self) -> dict[str, JsonValue]:
        """Tell of the provider what turned out otherwise."""
        providers = {one for built in self._built for one in built.providers}
        if not providers or providers == {self._model.opened.provider}:
            return {}
        # The one that was asked for first, then what took its place.
        return {"provider": ", ".join(sorted(providers, key=lambda one: (one == "cpu", one)))}

    def __iter__(self) -> Iterator[str]:
        yield from self._model.opened.degradations
        yield from dict.fromkeys(one for built in self._built for one in built.degradations)


@functools.cache
def software_versions() -> dict[str, str]:
    """Names and versions of what computes a result, for its provenance."""
    installed = {
        distribution.name: distribution.version
        for distribution in importlib.metadata.distributions()
    }
    found = {name: installed[name] for name in _SOFTWARE if name in installed}
    return {"python": platform.python_version(), **found}

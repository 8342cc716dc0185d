"""One analysis from end to end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypedDict, Unpack

from pydantic import JsonValue

from petrography.calibration import Corrections
from petrography.errors import InvalidParameterError
from petrography.image_codec import Encoded, ImageLimits
from petrography.minerals import parse_association
from petrography.model_card import ModelCard, sha256_hex
from petrography.model_input import choose_resampling
from petrography.pipeline.circumstances import Circumstances
from petrography.pipeline.file_sink import FileSink, FilesInMemory
from petrography.pipeline.model_view import require_fitting_request, require_photographs
from petrography.pipeline.named_parts import PartReaders, require_the_named
from petrography.pipeline.recording import provenance_of, recorded
from petrography.pipeline.request import AnalysisRequest
from petrography.pipeline.seeing import (
    Covered,
    Given,
    InParts,
    OnProgress,
    PredictorFor,
    Seen,
    see,
)
from petrography.pipeline.stop_watch import OnStage, StopWatch
from petrography.pipeline.writing import WritingFiles, listed
from petrography.report import Result, result_json
from petrography.workspace import IN_MEMORY, Workspace

__all__ = ["Analysis", "AnalysisOptions", "analyse", "analyse_into", "require_possible"]

NOTHING_CORRECTED = Corrections()
NOTHING_KNOWN = Circumstances()


@dataclass(frozen=True, eq=False)
class Analysis:
    """A result and its files.

    Attributes
    ----------
    result : Result
        The content of ``result.json``.
    artefacts : dict of str to bytes
        Files by name, ``result.json`` among them.
    """

    result: Result
    artefacts: dict[str, bytes]


class AnalysisOptions(TypedDict, total=False):
    """What an analysis can do without.

    Attributes
    ----------
    corrections : Corrections
        Those that the request names; they are applied before anything is seen.
    parts : mapping of str to callable
        What reads the files that the request names, views and region, by their parts.
    in_parts : callable
        Given what segments an image, makes the map of this one from those of its parts; without
        it the image is segmented as a whole.
    covered : callable
        Of an image that was put together: given the workspace, tells which pixels show something,
        bool (height, width), None where all do; the others are not annotated.
    provider_degradations : iterable of str
        What the inference runtime had to do without; asked once the image is segmented.
    started_utc : str
        When the analysis began, for the provenance.
    circumstances : Circumstances
        What else the provenance tells of whoever runs the analysis.
    href_prefix : str
        Put before the names of the artefacts in the result.
    on_stage : callable
        Called with the name and the seconds of every stage when it ends.
    on_progress : callable
        Called with (tiles done, tiles in all); stops the analysis by raising.
    """

    corrections: Corrections
    parts: PartReaders | None
    in_parts: InParts | None
    covered: Covered | None
    provider_degradations: Iterable[str]
    started_utc: str | None
    circumstances: Circumstances
    href_prefix: str
    on_stage: OnStage | None
    on_progress: OnProgress | None


def require_possible(request: AnalysisRequest, card: ModelCard, *, panorama: bool = False) -> None:
    """Check what can be checked of a request before there is an image.

    Parameters
    ----------
    request : AnalysisRequest
        What is wanted.
    card : ModelCard
        Of the model.
    panorama : bool
        Whether the image will be joined of photographs.

    Raises
    ------
    InvalidParameterError
        If the model cannot do it.
    """
    if request.association is not None:
        parse_association(request.association, classes=card.classes)
    require_fitting_request(request, card)
    if panorama:
        require_photographs(card)
    choose_resampling(card, um_per_px=request.um_per_px, factor=request.resampling_factor)


def analyse(
    data: Encoded,
    request: AnalysisRequest,
    *,
    card: ModelCard,
    predictor_for: PredictorFor,
    analysis_id: str,
    limits: ImageLimits,
    software: Mapping[str, str],
    **options: Unpack[AnalysisOptions],
) -> Analysis:
    """Analyse one photograph, with everything in memory.

    Parameters
    ----------
    data, request, card, predictor_for, analysis_id, limits, software
        See `analyse_into`.
    **options
        The others of `analyse_into`.

    Returns
    -------
    Analysis
        The result and its files; equal input gives equal labels, tables and pictures.

    Raises
    ------
    InputError
        If the image or a parameter of the request cannot be used, or a view does not fit.
    """
    sink = FilesInMemory()
    result = analyse_into(
        sink,
        data,
        request,
        card=card,
        predictor_for=predictor_for,
        analysis_id=analysis_id,
        limits=limits,
        software=software,
        **options,
    )
    return Analysis(result, sink.content)


def analyse_into(
    sink: FileSink,
    data: Encoded,
    request: AnalysisRequest,
    *,
    card: ModelCard,
    predictor_for: PredictorFor,
    analysis_id: str,
    limits: ImageLimits,
    software: Mapping[str, str],
    workspace: Workspace = IN_MEMORY,
    **options: Unpack[AnalysisOptions],
) -> Result:
    """Analyse one photograph and write the files of the result while they are made.

    Parameters
    ----------
    sink : FileSink
        Takes the files, ``result.json`` as the last. What an analysis that raises has written is
        thrown away by whoever made the sink.
    data : bytes or memoryview
        The encoded image; a mapped file is read where it lies.
    request : AnalysisRequest
        What is wanted.
    card : ModelCard
        The model.
    predictor_for : callable
        From the codes that may occur to the model's predictor.
    analysis_id : str
        Identity of the result.
    limits : ImageLimits
        Most bytes and pixels.
    software : mapping of str to str
        Names and versions of what computes, for the provenance.
    workspace : Workspace
        Gives the arrays that are as large as the image, for images larger than memory.
    **options
        See `AnalysisOptions`.

    Returns
    -------
    Result
        The content of ``result.json``; equal input gives equal files.

    Raises
    ------
    InputError
        If the image or a parameter of the request cannot be used, or a view does not fit.
    """
    readers = options.get("parts") or {}
    corrections = options.get("corrections", NOTHING_CORRECTED)
    require_the_named(readers, request)
    require_fitting_request(request, card)
    _require_the_corrections(corrections, request)
    watch = StopWatch(options.get("on_stage"))
    in_parts, covered = options.get("in_parts"), options.get("covered")
    given = Given(data, request, limits, corrections, readers, in_parts, workspace, covered)
    seen = see(given, card, predictor_for, watch, options.get("on_progress"))
    with WritingFiles(sink, request.outputs, seen.segmentation.labels.size) as files:
        files.begin(seen)
        with watch.stage("statistics"):
            outlines = partial(files.begin_outlines, seen)
            measured = seen.measuring().finish(seen.segmentation.labels, outlines)
        circumstances = options.get("circumstances", NOTHING_KNOWN)
        started_utc = options.get("started_utc")
        provenance = provenance_of(data, request, card, seen, software, started_utc, circumstances)
        provenance |= _named_files(request, readers, seen)
        with watch.stage("report"):
            draft = recorded(analysis_id, card, request, seen, measured, provenance)
            missed = options.get("provider_degradations", ())
            draft = draft.model_copy(update={"degradations": (*missed, *draft.degradations)})
            digests = files.finish(draft, seen, measured)
    artefacts = listed(digests, options.get("href_prefix", ""))
    result = draft.model_copy(update={"timings_s": watch.seconds, "artefacts": artefacts})
    with sink.create("result.json") as file:
        file.write(result_json(result))
    return result


def _named_files(
    request: AnalysisRequest, readers: PartReaders, seen: Seen
) -> dict[str, JsonValue]:
    """Write down what was read beside the image, by SHA-256."""
    digests: dict[str, JsonValue] = {part: sha256_hex(read()) for part, read in readers.items()}
    return {
        "views": {view.part: digests[view.part] for view in request.views},
        "views_pixels": {view.part: seen.view_pixels_sha256[view.part] for view in request.views},
        "region": {part: digests[part] for part in digests if part == request.region},
    }


def _require_the_corrections(corrections: Corrections, request: AnalysisRequest) -> None:
    for name, given in corrections.ids().items():
        named = getattr(request, name)
        if given != named:
            msg = f"the request names {name} {named}, and {given} is at hand"
            raise InvalidParameterError(msg)

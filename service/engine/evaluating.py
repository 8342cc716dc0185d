"""From label images and their truths to an evaluation and its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from petrography.accuracy import JudgedLabels, LabelMetrics, judged_labels, tally_labels
from petrography.errors import (
    InputError,
    InvalidParameterError,
    MissingPartError,
)
from petrography.image_codec import ImageLimits, decode_labels
from petrography.images import Image
from petrography.minerals import MINERALS, parse_association
from petrography.model_card import sha256_hex
from service.engine.course import Course
from service.engine.draft import Draft
from service.engine.kinds import ANALYSES, EVALUATED_PREFIX
from service.engine.recorded_analyses import RecordedAnalyses
from service.engine.source_files import NamedFile, decode_file
from service.engine.unfinished import unfinished_told

__all__ = [
    "EvaluatedImage",
    "Evaluation",
    "EvaluationRequest",
    "LabelPair",
    "evaluate_pairs",
    "kept_file",
    "kept_labels",
    "paired",
]

_LABELS_FILE = "labels.png"
# The work of comparing borders grows with its square.
_MAX_BORDER_PX = 10
# Borders are compared in memory, with about 30 bytes a pixel.
_MAX_PX = 64_000_000


class EvaluationRequest(BaseModel):
    """What is asked of an evaluation, apart from the label images."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    association: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Classes that count: S1, S2, S3, or codes or symbols separated by commas; without it those of
    truth and prediction."""
    border_px: Annotated[int, Field(ge=1, le=_MAX_BORDER_PX)] = 3
    """Tolerance of borders, in pixels."""
    analyses: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = ()
    """Kept analyses whose labels.png are judged, in the order of the truths, instead of parts
    `prediction`."""


class EvaluatedImage(BaseModel):
    """One prediction against its truth."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    truth: str
    """Filename of the truth."""
    truth_sha256: str
    """Digest of its file."""
    prediction: str | None
    """Filename of the prediction; null when it is that of an analysis."""
    analysis: str | None
    """The analysis whose labels these are."""
    prediction_sha256: str
    """Digest of the file of the prediction."""
    pixels: int
    """Annotated pixels."""
    pixel_accuracy: float
    """Share of them predicted rightly."""
    mean_iou: float
    """Mean over the classes that count on this image."""
    error_map: str
    """The file that shows where it is wrong."""
    panel: str
    """The file that shows truth, prediction and errors side by side."""


class Evaluation(LabelMetrics):
    """An evaluation that is kept: the figures of all images together, and of each."""

    id: str
    """Identity."""
    images: tuple[EvaluatedImage, ...]
    """The images, in the order of the truths."""


@dataclass(frozen=True)
class LabelPair:
    """One truth, and what is judged by it.

    Attributes
    ----------
    truth : NamedFile
        What an expert drew.
    prediction : NamedFile or None
        The label image to be judged, where it was sent.
    analysis : str or None
        The analysis whose labels are judged, where none was sent.
    photograph : NamedFile or None
        What both show, for the panel.
    """

    truth: NamedFile
    prediction: NamedFile | None
    analysis: str | None
    photograph: NamedFile | None


def paired(
    truths: Sequence[NamedFile],
    predictions: Sequence[NamedFile],
    photographs: Sequence[NamedFile],
    request: EvaluationRequest,
) -> list[LabelPair]:
    """Put together what belongs together, by its order.

    Parameters
    ----------
    truths, predictions, photographs : sequence of NamedFile
        Label images, those to be judged, and photographs, in one order; no predictions where the
        request names analyses, and no photographs where none are at hand.
    request : EvaluationRequest
        What is wanted.

    Raises
    ------
    InvalidParameterError
        If there are not as many of each, or predictions and analyses, or the association is none.
    MissingPartError
        If there is nothing to judge.
    """
    if request.association is not None:
        parse_association(request.association, classes=tuple(MINERALS))
    if predictions and request.analyses:
        msg = "both parts 'prediction' and `analyses` are there; wanted one of them"
        raise InvalidParameterError(msg)
    if not predictions and not request.analyses:
        msg = (
            "there is neither a part 'prediction' nor `analyses` in the request; wanted the label "
            "images to judge (curl -F prediction=@labels.png), or ids of kept analyses"
        )
        raise MissingPartError(msg)
    _require_as_many(truths, predictions or request.analyses, "predictions or analyses")
    _require_as_many(truths, photographs or truths, "photographs (part 'image')")
    nothing = [None] * len(truths)
    beside = predictions or nothing, request.analyses or nothing, photographs or nothing
    return [LabelPair(*one) for one in zip(truths, *beside, strict=True)]


def _require_as_many(truths: Sequence[object], others: Sequence[object], what: str) -> None:
    if len(truths) != len(others):
        msg = f"{len(truths)} truths and {len(others)} {what} are there; wanted as many of each"
        raise InvalidParameterError(msg)


def evaluate_pairs(
    pairs: Sequence[LabelPair],
    request: EvaluationRequest,
    draft: Draft,
    evaluation_id: str,
    *,
    labels_of: Callable[[str], bytes],
    limits: ImageLimits,
    course: Course,
) -> Evaluation:
    """Judge label images against what an expert drew, and write the files about them.

    Parameters
    ----------
    pairs : sequence of LabelPair
        What is judged; one of them is held at a time.
    request : EvaluationRequest
        What is wanted.
    draft : Draft
        Where the files go.
    evaluation_id : str
        Identity.
    labels_of : callable
        From the id of a kept analysis to its label image, encoded.
    limits : ImageLimits
        Of every image, which has at most 64 million pixels in any case.
    course : Course
        Told the stages.

    Raises
    ------
    InputError
        If files or request cannot be used.
    """
    association, border_px = request.association, request.border_px
    limits = replace(limits, max_pixels=min(limits.max_pixels, _MAX_PX))
    tallies, images = [], []
    for number, pair in enumerate(pairs, start=1):
        prefix = f"{EVALUATED_PREFIX}{number}-" if len(pairs) > 1 else ""
        read = _Read(pair, labels_of, limits, course)
        with course.stage("evaluate"), _named(read.names):
            tally = tally_labels(
                read.truth, read.prediction, border_px=border_px, association=association
            )
        found = judged_labels([tally], border_px=border_px, association=association)
        tallies.append(tally)
        images.append(read.described(found, prefix))
        _draw(read, prefix, draft, course)
        course.on_progress(number, len(pairs))
    judged = judged_labels(tallies, border_px=border_px, association=association)
    # Loads Matplotlib, which a service that evaluates nothing need not wait for.
    from petrography.report.evaluation import judgement_files

    for name, content in judgement_files(judged).items():
        draft.write(name, content)
    return Evaluation(**dict(judged.metrics), id=evaluation_id, images=tuple(images))


def kept_labels(recorded: RecordedAnalyses, analysis_id: str, owner: str = "") -> bytes:
    """Read the label image of a kept analysis.

    Parameters
    ----------
    recorded : RecordedAnalyses
        What keeps the analysis, and how it stands.
    analysis_id, owner : str
        Which, and the tenant that asks.

    Raises
    ------
    AnalysisNotFoundError, ConflictError
        If there is no such analysis, or it has no labels yet or never will.
    """
    return kept_file(recorded, analysis_id, _LABELS_FILE, owner)


def kept_file(recorded: RecordedAnalyses, analysis_id: str, name: str, owner: str = "") -> bytes:
    """Read a file of a kept analysis, as `kept_labels` does.

    Raises
    ------
    ArtefactNotFoundError
        If the analysis was made without it.
    """
    with unfinished_told(recorded.catalogue, recorded.store, analysis_id, owner):
        opened = recorded.store.open(ANALYSES, analysis_id, name, owner)
    with opened.file as file:
        return file.read()


def _draw(read: _Read, prefix: str, draft: Draft, course: Course) -> None:
    from petrography.report.evaluation import pair_files

    with course.stage("draw"), _named(read.names):
        for name, content in pair_files(read.truth, read.prediction, read.photograph).items():
            draft.write(f"{prefix}{name}", content)


class _Read:
    """The images of one pair, decoded."""

    def __init__(
        self,
        pair: LabelPair,
        labels_of: Callable[[str], bytes],
        limits: ImageLimits,
        course: Course,
    ) -> None:
        self._pair = pair
        truth_name = f"truth {pair.truth.name[:100]!r}"
        with course.stage("decode"):
            truth = pair.truth.read()
            prediction, prediction_name = _prediction(pair, labels_of)
            self.names = f"{truth_name}, {prediction_name}"
            self.truth = decode_labels(truth, limits=limits, name=truth_name)
            self.prediction = decode_labels(prediction, limits=limits, name=prediction_name)
            self.photograph: Image | None = None
            if pair.photograph is not None:
                self.photograph = decode_file(pair.photograph, limits).pixels
        self._digests = sha256_hex(truth), sha256_hex(prediction)

    def described(self, found: JudgedLabels, prefix: str) -> EvaluatedImage:
        """Tell of the pair."""
        pair = self._pair
        return EvaluatedImage(
            truth=pair.truth.name,
            truth_sha256=self._digests[0],
            prediction=None if pair.prediction is None else pair.prediction.name,
            analysis=pair.analysis,
            prediction_sha256=self._digests[1],
            pixels=found.scores.pixels,
            pixel_accuracy=found.scores.pixel_accuracy,
            mean_iou=found.scores.mean_iou,
            error_map=f"{prefix}error_map.png",
            panel=f"{prefix}panel.png",
        )


def _prediction(pair: LabelPair, labels_of: Callable[[str], bytes]) -> tuple[bytes, str]:
    """Read a prediction, sent or kept; returns its bytes and what messages call it."""
    if pair.prediction is not None:
        return pair.prediction.read(), f"prediction {pair.prediction.name[:100]!r}"
    analysis_id = pair.analysis or ""
    return labels_of(analysis_id), f"{_LABELS_FILE} of analysis {analysis_id}"


@contextmanager
def _named(names: str) -> Iterator[None]:
    """Begin the messages of what is refused inside with the names of the files."""
    try:
        yield
    except InputError as error:
        msg = f"{names}: {error}"
        raise type(error)(msg) from error

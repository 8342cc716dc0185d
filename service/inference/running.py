"""The networks on the images of a request: through the tiles of an analysis, or as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.fusion import fused_input
from petrography.image_codec import ImageLimits
from petrography.images import Image, resample_image
from petrography.model_card import ModelCard, TileGeometry
from petrography.pipeline.model_view import decode_for, is_fusion
from petrography.segmentation import segment, with_fitting_tiles
from petrography.segmentation.decision import code_table
from petrography.workspace import Workspace
from service.inference.request_reading import CONFIDENCE, LABELS, PROBABILITIES, Asked, SentFile
from service.runtime import OnnxPredictor

__all__ = ["Maps", "PredictorFor", "maps_of", "pixels_of"]

Number = TypeVar("Number", bound=np.generic)
PredictorFor = Callable[[tuple[int, ...]], OnnxPredictor]


@dataclass(frozen=True, eq=False)
class Maps:
    """What the networks say of all images of a request; what is not wanted is None.

    Attributes
    ----------
    labels, confidence : ndarray of uint8, shape (images, height, width)
        Mineral codes, and 255 times the probability of each.
    probabilities : ndarray of float32, shape (images, classes, height, width)
        Of every class of the model, in [0, 1].
    """

    labels: NDArray[np.uint8] | None
    confidence: NDArray[np.uint8] | None
    probabilities: NDArray[np.float32] | None


def pixels_of(
    asked: Asked, card: ModelCard, limits: ImageLimits, workspace: Workspace
) -> NDArray[np.uint8]:
    """Give the images of a request, decoded if need be.

    Returns
    -------
    ndarray of uint8, shape (images, height, width, channels)
        The images.

    Raises
    ------
    ImageError
        If an encoded file cannot be decoded, or is not what the model sees.
    """
    if not isinstance(asked.images, SentFile):
        return asked.images
    pixels = decode_for(card, asked.images.content, limits, workspace).pixels
    return (fused_input(pixels) if is_fusion(card) else pixels)[np.newaxis]


def maps_of(
    asked: Asked,
    images: NDArray[np.uint8],
    card: ModelCard,
    predictor_for: PredictorFor,
    workspace: Workspace,
) -> Maps:
    """Run the networks on all images of a request.

    Parameters
    ----------
    asked : Asked
        What is wanted, and how.
    images : ndarray of uint8, shape (images, height, width, channels)
        From `pixels_of`.
    card : ModelCard
        Of the model.
    predictor_for : callable
        From the codes that may occur to the model's predictor.
    workspace : Workspace
        Gives the arrays that are as large as an image.

    Returns
    -------
    Maps
        Tiled, labels and confidence are those of an analysis of the same pixels; where
        probabilities are wanted as well, they are decided from these.
    """
    if asked.tiled:
        maps = _Tiled(asked, images, card, workspace)
        with_fitting_tiles(card.tile, partial(maps.segment_all, predictor_for))
        return maps.joined
    return _as_they_are(asked, images, card, predictor_for)


class _Tiled:
    """The maps of images that are segmented one after the other."""

    def __init__(
        self, asked: Asked, images: NDArray[np.uint8], card: ModelCard, workspace: Workspace
    ) -> None:
        self._images, self._card, self._workspace = images, card, workspace
        self._factor, self._allowed = asked.factor, asked.allowed
        shape = images.shape[:3]
        self._classes = (shape[0], len(card.classes), *shape[1:])
        self.joined = Maps(
            workspace.empty(shape, np.uint8),
            workspace.empty(shape, np.uint8),
            workspace.empty(self._classes, np.float32) if asked.wants(PROBABILITIES) else None,
        )

    def segment_all(self, predictor_for: PredictorFor, tile: TileGeometry) -> None:
        """Segment all images, from the first on."""
        for index, allowed in enumerate(self._allowed):
            self._segment(index, predictor_for(allowed), tile)

    def _segment(self, index: int, predictor: OnnxPredictor, tile: TileGeometry) -> None:
        image: Image = self._images[index]
        planes = None if self.joined.probabilities is None else self.joined.probabilities[index]
        segmentation = segment(
            resample_image(image, self._factor, self._workspace),
            predictor,
            geometry=tile,
            codes=self._card.classes,
            output_shape=(image.shape[0], image.shape[1]),
            batch_size=predictor.tiles_at_once,
            on_probabilities=None if planes is None else _row_writer(planes),
            workspace=self._workspace,
        )
        for joined, one in (
            (self.joined.labels, segmentation.labels),
            (self.joined.confidence, segmentation.confidence),
        ):
            if joined is not None:
                joined[index] = one


def _row_writer(planes: NDArray[np.float32]) -> Callable[[int, NDArray[np.float32]], None]:
    def write(row: int, probabilities: NDArray[np.float32]) -> None:
        planes[:, row] = probabilities

    return write


def _as_they_are(
    asked: Asked, images: NDArray[np.uint8], card: ModelCard, predictor_for: PredictorFor
) -> Maps:
    """Let the network see every image as one tile of its own size."""
    code_of = code_table(card.classes)
    labels, confidence, probabilities = [], [], []
    for group, allowed in _groups(asked.allowed):
        predictor = predictor_for(allowed)
        tiles = images[group]
        if asked.wants(LABELS, CONFIDENCE):
            indices, certainty = predictor.labels(tiles)
            # By rows: NumPy's own look-up takes four times as long.
            codes = cv2.LUT(indices.reshape(-1, indices.shape[-1]), code_of)
            labels.append(np.asarray(codes, dtype=np.uint8).reshape(indices.shape))
            confidence.append(certainty)
        if asked.wants(PROBABILITIES):
            probabilities.append(predictor.probabilities(tiles))
    return Maps(_together(labels), _together(confidence), _together(probabilities))


def _groups(allowed: tuple[tuple[int, ...], ...]) -> list[tuple[slice, tuple[int, ...]]]:
    """Runs of images in which the same may occur: these can share batches.

    Examples
    --------
    >>> _groups(((0, 1), (0, 1), (0, 2)))
    [(slice(0, 2, None), (0, 1)), (slice(2, 3, None), (0, 2))]
    """
    begins = [at for at, codes in enumerate(allowed) if at == 0 or codes != allowed[at - 1]]
    ends = [*begins[1:], len(allowed)]
    return [(slice(begin, end), allowed[begin]) for begin, end in zip(begins, ends, strict=True)]


def _together(pieces: list[NDArray[Number]]) -> NDArray[Number] | None:
    if not pieces:
        return None
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

"""From an image to its mineral map, in bands from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Confidence, Image, Labels
from petrography.minerals import UNLABELLED_CODE
from petrography.model_card import TileGeometry
from petrography.segmentation.blending import PIECE_ROWS, PieceBand, Plan, blended_pieces, written
from petrography.segmentation.decision import Decision, code_table
from petrography.segmentation.enlargement import RowEnlarger
from petrography.segmentation.joining import blended_bands, cropped_bands
from petrography.segmentation.prediction import (
    LabelsAndConfidence,
    Predictor,
    TileFeed,
    checked_labels,
    checked_probabilities,
)
from petrography.tiling import Tile, plan_tiles
from petrography.workspace import IN_MEMORY, Workspace

__all__ = ["Band", "Segmentation", "segment", "segment_bands"]

OnProgress: TypeAlias = Callable[[int, int], None]
# Called with the number of a row of the map and its probabilities, float32 (K, width).
OnProbabilities: TypeAlias = Callable[[int, NDArray[np.float32]], None]
OnBand: TypeAlias = Callable[["Band"], None]
PredictLabels: TypeAlias = Callable[[NDArray[np.uint8]], Iterable[LabelsAndConfidence]]
MAX_CLASSES = 255  # a rank of each class and one for none fit into a byte


@dataclass(frozen=True, eq=False)
class Band:
    """Some rows of a mineral map.

    Attributes
    ----------
    row : int
        First row, in the map.
    labels, confidence : ndarray of uint8, shape (height, width)
        Mineral codes, and 255 times the probability of each.
    """

    row: int
    labels: Labels
    confidence: Confidence


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A whole mineral map.

    Attributes
    ----------
    labels, confidence : ndarray of uint8, shape (height, width)
        Mineral codes, and 255 times the probability of each.
    """

    labels: Labels
    confidence: Confidence


def segment(
    pixels: Image,
    predictor: Predictor,
    *,
    geometry: TileGeometry,
    codes: Sequence[int],
    output_shape: tuple[int, int] | None = None,
    batch_size: int = 1,
    on_progress: OnProgress | None = None,
    on_probabilities: OnProbabilities | None = None,
    on_band: OnBand | None = None,
    valid: NDArray[np.bool_] | None = None,
    workspace: Workspace = IN_MEMORY,
) -> Segmentation:
    """Segment an image into minerals.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, channels)
        Image at the pixel size of the model.
    predictor : Predictor
        The model.
    geometry : TileGeometry
        How the model wants to be fed.
    codes : sequence of int
        Mineral code of each class of the model.
    output_shape : tuple of int, optional
        (height, width) of the map, when the image was resampled for the model: probabilities are
        interpolated bilinearly to it before the decision. Default: as `pixels`.
    batch_size : int
        Tiles for one call of the model. The result does not depend on it.
    on_progress : callable, optional
        Called with (tiles done, tiles in all) after each batch. It stops the work by raising;
        the exception comes out of this function.
    on_probabilities : callable, optional
        Called with (row, probabilities of shape (K, width)) for every row of the map, from top to
        bottom, before it is decided. The array is used again for the next row.
    on_band : callable, optional
        Called with every band of the map when it is made, from top to bottom.
    valid : ndarray of bool, optional
        Which pixels of the map show something, shape `output_shape`; the others are not annotated,
        with confidence 0. Default: all.
    workspace : Workspace, optional
        Gives the arrays of the map.

    Returns
    -------
    Segmentation
        The map, shape `output_shape`.

    Raises
    ------
    InvalidParameterError
        If `pixels`, `codes`, `output_shape` or `batch_size` is impossible.
    InternalError
        If the predictor answers in another shape, type or range than promised.
    """
    shape = (pixels.shape[0], pixels.shape[1]) if output_shape is None else output_shape
    bands = segment_bands(
        pixels,
        predictor,
        geometry=geometry,
        codes=codes,
        output_shape=shape,
        batch_size=batch_size,
        on_progress=on_progress,
        on_probabilities=on_probabilities,
        workspace=workspace,
    )
    result = Segmentation(workspace.empty(shape, np.uint8), workspace.empty(shape, np.uint8))
    for made in bands:
        rows = slice(made.row, made.row + made.labels.shape[0])
        band = made if valid is None else _where_valid(made, valid[rows])
        result.labels[rows] = band.labels
        result.confidence[rows] = band.confidence
        if on_band is not None:
            on_band(band)
    return result


def _where_valid(band: Band, valid: NDArray[np.bool_]) -> Band:
    return Band(
        band.row,
        np.where(valid, band.labels, np.uint8(UNLABELLED_CODE)),
        np.where(valid, band.confidence, np.uint8(0)),
    )


def segment_bands(
    pixels: Image,
    predictor: Predictor,
    *,
    geometry: TileGeometry,
    codes: Sequence[int],
    output_shape: tuple[int, int],
    batch_size: int = 1,
    on_progress: OnProgress | None = None,
    on_probabilities: OnProbabilities | None = None,
    workspace: Workspace = IN_MEMORY,
) -> Iterator[Band]:
    """Segment an image and give out the map in bands, while it is being made.

    Only one band as high as a tile is ever held with all its classes. At unchanged size it is less,
    unless somebody wants to see the probabilities: in mode ``blend`` what tiles have in common, in
    mode ``halo``, where the model is asked for labels alone, nothing.

    Parameters
    ----------
    pixels, predictor, geometry, codes, output_shape, batch_size, on_progress, on_probabilities
        As for `segment`; `output_shape` must be stated. Impossible values are refused at once,
        before the first band is asked for.
    workspace : Workspace, optional
        Gives the array of a band with all its classes.

    Returns
    -------
    iterator of Band
        From top to bottom without gap or overlap, together `output_shape`. Closing it, or
        dropping it, stops the work.

    Raises
    ------
    InvalidParameterError
        If `pixels`, `codes`, `output_shape` or `batch_size` is impossible.
    InternalError
        If the predictor answers in another shape, type or range than promised.
    """
    _require_possible(pixels, codes, output_shape, batch_size)
    shape = (pixels.shape[0], pixels.shape[1])
    plan = plan_tiles(*shape, geometry)
    feed = TileFeed(pixels, batch_size, _tile_counter(plan, on_progress))
    if geometry.mode == "halo" and output_shape == shape and on_probabilities is None:
        return _labelled_bands(plan, feed, checked_labels(predictor, len(codes)), codes)
    predicted = feed.predicted(plan, checked_probabilities(predictor, len(codes)))

    def answers(row: Sequence[Tile]) -> Iterable[tuple[Tile, NDArray[np.float32]]]:
        return islice(predicted, len(row))

    if geometry.mode == "blend" and output_shape == shape and on_probabilities is None:
        pieces = blended_pieces(
            plan,
            answers,
            geometry=geometry,
            class_count=len(codes),
            width_px=shape[1],
            workspace=workspace,
        )
        return _decided_pieces(pieces, codes, shape[1], geometry.size_px)
    bands = (
        cropped_bands(plan, answers, class_count=len(codes), width_px=shape[1], workspace=workspace)
        if geometry.mode == "halo"
        else blended_bands(
            plan,
            answers,
            geometry=geometry,
            class_count=len(codes),
            width_px=shape[1],
            workspace=workspace,
        )
    )
    if output_shape == shape:
        return _decided_bands(bands, codes, shape[1], on_probabilities)
    enlarger = RowEnlarger(len(codes), shape, output_shape)
    return _enlarged_bands(bands, codes, enlarger, on_probabilities)


def _labelled_bands(
    plan: Plan, feed: TileFeed, predict: PredictLabels, codes: Sequence[int]
) -> Iterator[Band]:
    """Put the cores of label tiles side by side; no probability is computed."""
    code_of = code_table(codes)
    predicted = feed.predicted(plan, predict)
    for row in plan:
        shape = (row[0].write.height, feed.pixels.shape[1])
        band = Band(row[0].write.row, np.empty(shape, np.uint8), np.empty(shape, np.uint8))
        for tile, (indices, confidence) in islice(predicted, len(row)):
            columns = slice(tile.write.col, tile.write.col + tile.write.width)
            np.take(code_of, written(tile, indices), out=band.labels[:, columns], mode="clip")
            band.confidence[:, columns] = written(tile, confidence)
        yield band


def _decided_pieces(
    bands: Iterable[PieceBand], codes: Sequence[int], width_px: int, tile_px: int
) -> Iterator[Band]:
    """Decide blended tiles at the size of the image, each while it is in the cache."""
    decision = Decision(codes, PIECE_ROWS * tile_px)
    for pieces in bands:
        shape = (pieces.height_px, width_px)
        band = Band(pieces.top, np.empty(shape, np.uint8), np.empty(shape, np.uint8))
        for piece in pieces.pieces:
            place = piece.rows, piece.columns
            decision.decide(piece.probabilities, band.labels[place], band.confidence[place])
        yield band


def _decided_bands(
    bands: Iterable[NDArray[np.float32]],
    codes: Sequence[int],
    width_px: int,
    on_probabilities: OnProbabilities | None,
) -> Iterator[Band]:
    """Decide at the size of the image."""
    decision = Decision(codes, width_px)
    top = 0
    for probabilities in bands:
        height_px = probabilities.shape[1]
        rows = (probabilities[:, row] for row in range(height_px))
        seen = _seen(rows, top, on_probabilities)
        yield _decided_band(top, (height_px, width_px), seen, decision)
        top += height_px


def _enlarged_bands(
    bands: Iterable[NDArray[np.float32]],
    codes: Sequence[int],
    enlarger: RowEnlarger,
    on_probabilities: OnProbabilities | None,
) -> Iterator[Band]:
    """Interpolate to the size of the map, then decide."""
    decision = Decision(codes, enlarger.output_width_px)
    top = rows_in = 0
    for probabilities in bands:
        rows_in += probabilities.shape[1]
        height_px = enlarger.known_after(rows_in) - top
        rows = (
            mixed
            for row in range(probabilities.shape[1])
            for mixed in enlarger.put(probabilities[:, row])
        )
        seen = _seen(rows, top, on_probabilities)
        band = _decided_band(top, (height_px, enlarger.output_width_px), seen, decision)
        # A map much smaller than the image may get no row from a band.
        if height_px:
            yield band
        top += height_px


def _seen(
    rows: Iterable[NDArray[np.float32]], top: int, on_probabilities: OnProbabilities | None
) -> Iterable[NDArray[np.float32]]:
    """Show rows of probabilities while they pass."""
    if on_probabilities is None:
        return rows

    def shown() -> Iterator[NDArray[np.float32]]:
        for row, probabilities in enumerate(rows, start=top):
            on_probabilities(row, probabilities)
            yield probabilities

    return shown()


def _decided_band(
    top: int,
    shape: tuple[int, int],
    rows: Iterable[NDArray[np.float32]],
    decision: Decision,
) -> Band:
    band = Band(top, np.empty(shape, np.uint8), np.empty(shape, np.uint8))
    # Strict zip reads `rows` to its end, also when it gives no row for this band.
    for probabilities, labels, confidence in zip(rows, band.labels, band.confidence, strict=True):
        decision.decide(probabilities[:, np.newaxis], labels[np.newaxis], confidence[np.newaxis])
    return band


def _tile_counter(plan: Plan, on_progress: OnProgress | None) -> Callable[[int], None]:
    """Turn tiles of one batch into tiles done and tiles in all."""
    total = sum(len(row) for row in plan)
    done = 0

    def on_tiles(count: int) -> None:
        nonlocal done
        done += count
        if on_progress is not None:
            on_progress(done, total)

    return on_tiles


def _require_possible(
    pixels: NDArray[np.generic],
    codes: Sequence[int],
    output_shape: tuple[int, int],
    batch_size: int,
) -> None:
    problems = []
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.size == 0:
        problems.append(
            f"image is {pixels.dtype} {pixels.shape}; wanted uint8 (height, width, channels), "
            "sides >= 1"
        )
    if not 1 <= len(codes) <= MAX_CLASSES or not all(0 <= code <= 255 for code in codes):
        problems.append(f"codes are {tuple(codes)}; wanted 1 to {MAX_CLASSES} numbers in 0-255")
    if min(output_shape) < 1:
        problems.append(f"output_shape is {output_shape}; wanted (height, width), sides >= 1")
    if batch_size < 1:
        problems.append(f"batch_size is {batch_size}; wanted at least 1")
    if problems:
        raise InvalidParameterError("; ".join(problems))

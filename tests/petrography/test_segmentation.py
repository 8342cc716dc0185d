"""Segmentation: exact on any size, in bounded memory, honest about broken promises."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from petrography.errors import InternalError, InvalidParameterError
from petrography.model_card import TileGeometry
from petrography.segmentation import segment, segment_bands
from petrography.segmentation.prediction import LabelsAndConfidence
from petrography.tiling import Window, plan_tiles, read_window
from tests.petrography.tile_predictors import (
    CODES,
    GEOMETRIES,
    HALO,
    ByFunction,
    by_colour,
    one_hot,
    random_image,
)

SIDES = st.integers(1, 96)

# A pixel that is judged alone


@settings(max_examples=60, deadline=None)
@given(
    SIDES,
    SIDES,
    st.sampled_from([1, 2, 4, 16]),
    st.floats(0, 0.75),
    st.sampled_from(["hann", "gaussian"]),
)
def test_blending_gives_a_pixelwise_model_back(
    height_px: int, width_px: int, multiple_px: int, overlap: float, window: str
) -> None:
    geometry = TileGeometry.model_validate(
        {
            "size_px": 32,
            "multiple_px": multiple_px,
            "mode": "blend",
            "overlap_fraction": overlap,
            "window": window,
        }
    )
    pixels = random_image(height_px, width_px)
    result = segment(pixels, ByFunction(one_hot), geometry=geometry, codes=CODES)
    np.testing.assert_array_equal(result.labels, np.take(CODES, pixels[..., 0] % 4))
    assert (result.confidence == 255).all()


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, st.sampled_from([0, 2, 8, 14]), st.booleans())
def test_cropping_gives_a_pixelwise_model_back(
    height_px: int, width_px: int, halo_px: int, is_wider: bool
) -> None:
    geometry = HALO.model_copy(update={"halo_px": halo_px})
    pixels = random_image(height_px, width_px)
    # A map one pixel wider cannot take the path by labels; its rows are left as they are.
    shape = (height_px, width_px + is_wider)
    predictor = ByFunction(one_hot)
    result = segment(pixels, predictor, geometry=geometry, codes=CODES, output_shape=shape)
    assert result.labels.shape == result.confidence.shape == shape
    assert predictor.calls == ({"probabilities"} if is_wider else {"labels"})
    wanted = np.take(CODES, pixels[..., 0] % 4)
    np.testing.assert_array_equal(result.labels[:, 0], wanted[:, 0])
    np.testing.assert_array_equal(result.labels[:, -1], wanted[:, -1])
    if not is_wider:
        np.testing.assert_array_equal(result.labels, wanted)


# Streaming


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("shape", [(90, 110), (171, 230), (30, 40)])
def test_bands_follow_each_other_and_batches_do_not_matter(
    geometry: TileGeometry, shape: tuple[int, int]
) -> None:
    pixels = random_image(90, 110)
    maps = []
    for batch_size in range(1, 6):
        predictor = ByFunction(by_colour)
        next_row = 0
        for band in segment_bands(
            pixels,
            predictor,
            geometry=geometry,
            codes=CODES,
            output_shape=shape,
            batch_size=batch_size,
        ):
            assert band.row == next_row
            assert band.labels.shape == band.confidence.shape == (len(band.labels), shape[1])
            next_row += len(band.labels)
        assert next_row == shape[0]
        assert max(predictor.batches) == min(batch_size, 7)
        maps.append(
            segment(
                pixels,
                predictor,
                geometry=geometry,
                codes=CODES,
                output_shape=shape,
                batch_size=batch_size,
            )
        )
    for other in maps[1:]:
        np.testing.assert_array_equal(other.labels, maps[0].labels)
        np.testing.assert_array_equal(other.confidence, maps[0].confidence)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("scale", [1, 2])
def test_class_deep_arrays_are_one_band_high(geometry: TileGeometry, scale: int) -> None:
    class_count, height_px = 50, 3200
    answer = np.full((1, class_count, 32, 32), 1 / class_count, dtype=np.float32)
    predictor = ByFunction(lambda _: answer.copy())
    pixels = np.zeros((height_px, 64, 3), dtype=np.uint8)
    tracemalloc.start()
    for _ in segment_bands(
        pixels,
        predictor,
        geometry=geometry,
        codes=range(class_count),
        output_shape=(height_px * scale, 64 * scale),
    ):
        pass
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The image with all its classes is 41 MB; a band is 0.4 MB, beside it are rows and tiles.
    assert peak_bytes < 3e6


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_progress_counts_every_tile(geometry: TileGeometry, batch_size: int) -> None:
    seen: list[tuple[int, int]] = []
    segment(
        random_image(70, 90),
        ByFunction(one_hot),
        geometry=geometry,
        codes=CODES,
        batch_size=batch_size,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    total = sum(len(row) for row in plan_tiles(70, 90, geometry))
    done = [tiles for tiles, _ in seen]
    assert done == sorted(set(done))
    assert seen[-1] == (total, total)
    assert {of for _, of in seen} == {total}
    assert max(np.diff([0, *done])) <= batch_size


class StoppedByCallerError(Exception):
    pass


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_raising_in_the_progress_stops_after_the_batch_that_runs(geometry: TileGeometry) -> None:
    predictor = ByFunction(one_hot)

    def stop(done: int, total: int) -> None:
        if done >= 4:
            raise StoppedByCallerError

    with pytest.raises(StoppedByCallerError):
        segment(
            random_image(90, 90),
            predictor,
            geometry=geometry,
            codes=CODES,
            batch_size=2,
            on_progress=stop,
        )
    # A batch is two tiles; the next one may have begun while the answers were used.
    assert 4 <= sum(predictor.batches) <= 6


def test_dropping_the_bands_stops_the_work() -> None:
    predictor = ByFunction(one_hot)
    bands = segment_bands(
        random_image(90, 16), predictor, geometry=HALO, codes=CODES, output_shape=(90, 16)
    )
    next(bands)
    del bands
    assert len(predictor.batches) <= 2  # one that is used, one that is made meanwhile


def test_the_tiles_of_the_model_are_the_reflected_image() -> None:
    seen: list[NDArray[np.uint8]] = []

    def remember(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(tiles)
        return one_hot(tiles)

    pixels = random_image(5, 1)
    segment(pixels, ByFunction(remember), geometry=HALO, codes=CODES)
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0][0], read_window(pixels, Window(-8, -8, 32, 32)))


# Broken promises and impossible requests


class Answering:
    """A predictor with fixed answers."""

    def __init__(self, probabilities: object = None, labels: object = None) -> None:
        self.fixed = (probabilities, labels)

    def probabilities(self, _tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.fixed[0]

    def labels(self, _tiles: NDArray[np.uint8]) -> LabelsAndConfidence:
        return self.fixed[1]


TILE = np.zeros((1, 32, 32), dtype=np.uint8)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((TILE[0], TILE), r"labels as uint8 \(32, 32\); wanted uint8 \(1, 32, 32\)"),
        ((TILE.astype(np.int64), TILE), r"labels as int64 \(1, 32, 32\)"),
        ((TILE, TILE[:, :8]), r"confidence as uint8 \(1, 8, 32\)"),
        ((TILE + np.uint8(4), TILE), "gave class 4; wanted 0 to 3"),
    ],
)
def test_labels_that_break_the_promise_are_an_internal_error(
    labels: LabelsAndConfidence, message: str
) -> None:
    with pytest.raises(InternalError, match=message):
        segment(random_image(9, 9), Answering(labels=labels), geometry=HALO, codes=CODES)


QUARTER = np.full((1, 4, 32, 32), 0.25, dtype=np.float32)


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (QUARTER[:, :3], r"float32 \(1, 3, 32, 32\); wanted float32 \(1, 4, 32, 32\)"),
        (QUARTER[..., :16], r"float32 \(1, 4, 32, 16\)"),
        (np.repeat(QUARTER, 2, axis=0), r"float32 \(2, 4, 32, 32\)"),
        (QUARTER.astype(np.float64), "float64"),
        (QUARTER * np.float32(0), r"lies in \[0\.0, 0\.0\]; wanted within \(0, 1\]"),
        (QUARTER * np.float32(5), r"lies in \[1\.2\d*, 1\.25\]"),
        (QUARTER * np.float32(np.nan), r"lies in \[nan, nan\]"),
    ],
)
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("shape", [(9, 9), (20, 17)])
def test_probabilities_that_break_the_promise_are_an_internal_error(
    probabilities: NDArray[np.float32], message: str, geometry: TileGeometry, shape: tuple[int, int]
) -> None:
    if geometry.mode == "halo" and shape == (9, 9):
        shape = (9, 10)
    with pytest.raises(InternalError, match=message):
        segment(
            random_image(9, 9),
            Answering(probabilities),
            geometry=geometry,
            codes=CODES,
            output_shape=shape,
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": np.zeros((4, 4), np.uint8)}, r"image is uint8 \(4, 4\); wanted uint8"),
        ({"pixels": np.zeros((4, 4, 3), np.float32)}, "image is float32"),
        ({"pixels": np.zeros((0, 4, 3), np.uint8)}, r"\(0, 4, 3\); .* sides >= 1"),
        ({"codes": ()}, r"codes are \(\); wanted 1 to 255"),
        ({"codes": (1, 256)}, r"codes are \(1, 256\)"),
        ({"output_shape": (0, 4)}, r"output_shape is \(0, 4\)"),
        ({"batch_size": 0}, "batch_size is 0; wanted at least 1"),
    ],
)
def test_impossible_requests_are_refused_at_once(change: dict[str, object], message: str) -> None:
    arguments = {
        "pixels": random_image(4, 4),
        "predictor": ByFunction(one_hot),
        "geometry": HALO,
        "codes": CODES,
        "output_shape": (4, 4),
        "batch_size": 1,
    }
    with pytest.raises(InvalidParameterError, match=message):
        segment_bands(**(arguments | change))

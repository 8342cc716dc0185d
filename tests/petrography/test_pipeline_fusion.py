"""Views of crossed polars inside an analysis by a model of XPL fusion: what the network sees of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from petrography.fusion import FUSED_CHANNELS, fused_from_views, fused_input
from petrography.image_codec import ImageLimits, decode_image
from petrography.phantoms import StageSeries, stage_series
from petrography.pipeline import Analysis, AnalysisRequest, analyse
from petrography.registration import warp_to_reference
from petrography.report import overlay
from petrography.segmentation import Segmentation
from tests.petrography.pipeline_runs import view_readers
from tests.tiny_model import CODES, tiny_card

HEIGHT_PX, WIDTH_PX = 260, 320
TILE_PX = 352
CARD = tiny_card(
    channels=FUSED_CHANNELS,
    mean=[0.0] * 9,
    std=[1.0] * 9,
    tile={"size_px": TILE_PX, "multiple_px": 1, "mode": "halo", "halo_px": 0},
)


class Witness:
    """A predictor that keeps what it was shown and calls everything the first class."""

    def __init__(self) -> None:
        self.seen: list[NDArray[np.uint8]] = []

    def labels(self, tiles: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        self.seen.append(tiles[0, :HEIGHT_PX, :WIDTH_PX].copy())
        first = np.zeros(tiles.shape[:3], dtype=np.uint8)
        return first, first + np.uint8(255)

    def probabilities(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        count, height_px, width_px, _ = tiles.shape
        return np.full((count, len(CODES), height_px, width_px), 0.25, dtype=np.float32)


@pytest.fixture(scope="module")
def series() -> StageSeries:
    return stage_series("S3", 5, HEIGHT_PX, WIDTH_PX, views=6, step_deg=30.0)


@pytest.fixture(scope="module")
def readers(series: StageSeries) -> dict[str, Callable[[], bytes]]:
    return view_readers(series)


def run(
    series: StageSeries, readers: dict[str, Callable[[], bytes]], names: list[str]
) -> tuple[Analysis, NDArray[np.uint8]]:
    views = [
        {
            "part": name,
            "light": name[:3].upper(),
            "stage_angle_deg": series.xpl[int(name[3:])].stage_angle_deg,
        }
        for name in names
    ]
    witness = Witness()
    analysis = analyse(
        readers["ppl0"](),
        AnalysisRequest.model_validate({"views": views}),
        card=CARD,
        predictor_for=lambda _: witness,
        analysis_id="a-1",
        limits=ImageLimits(),
        software={},
        parts={name: readers[name] for name in names},
    )
    (seen,) = witness.seen
    return analysis, seen


def expected(series: StageSeries, numbers: list[int]) -> NDArray[np.uint8]:
    """Fuse by the true matrices of the stage."""
    views = [series.xpl[one] for one in numbers]
    laid = [warp_to_reference(one.image, one.matrix, (HEIGHT_PX, WIDTH_PX)) for one in views]
    return fused_from_views(
        series.ppl[0].image,
        [pixels for pixels, _ in laid],
        [one.stage_angle_deg for one in views],
        [valid for _, valid in laid],
    )


def told(analysis: Analysis, word: str) -> list[str]:
    return [one for one in analysis.result.degradations if word in one]


def test_the_network_sees_the_views_where_they_truly_lie(
    series: StageSeries, readers: dict[str, Callable[[], bytes]]
) -> None:
    names = [f"{light}{i}" for light in ("ppl", "xpl") for i in range(6)][1:]
    analysis, seen = run(series, readers, names)
    wanted = expected(series, list(range(6)))
    assert np.array_equal(seen[..., :3], wanted[..., :3])
    difference = np.abs(seen.astype(int) - wanted.astype(int))
    # Views lie within 0.2 px of the truth: levels differ at edges only.
    assert (difference[..., 3:8] <= 8).mean() > 0.95
    assert (difference[..., 8] == 0).mean() > 0.97
    assert analysis.result.provenance["parameters"]["crossed_views"] == 6
    assert not told(analysis, "crossed polars was sent")
    # View 0 covers all of the image, the others leave the corners of a rotated stage.
    (partly,) = told(analysis, "too few views overlap")
    assert f"in {(seen[..., 8] < 255).mean():.1%} of the image" in partly


def test_without_views_it_answers_and_says_what_it_lacked(
    series: StageSeries, readers: dict[str, Callable[[], bytes]]
) -> None:
    analysis, seen = run(series, readers, [])
    assert np.array_equal(seen, fused_input(series.ppl[0].image))
    assert told(analysis, "no view between crossed polars was sent")
    assert analysis.result.provenance["parameters"]["crossed_views"] == 0


def test_plane_polarised_views_alone_are_no_crossed_polars(
    series: StageSeries, readers: dict[str, Callable[[], bytes]]
) -> None:
    analysis, seen = run(series, readers, ["ppl1"])
    assert np.array_equal(seen, fused_input(series.ppl[0].image))
    assert told(analysis, "no view between crossed polars was sent")


@pytest.mark.parametrize(
    ("numbers", "known", "said"),
    [
        ([0], 51, "1 views between crossed polars at these angles tell their mean colour only"),
        ([0, 1], 51, "2 views between crossed polars at these angles"),
        ([0, 1, 2], 153, "the stage angles tell 4 psi only"),
    ],
)
def test_few_views_are_used_as_far_as_they_go(
    series: StageSeries,
    readers: dict[str, Callable[[], bytes]],
    numbers: list[int],
    known: int,
    said: str,
) -> None:
    partners = [f"ppl{one}" for one in numbers if one]
    analysis, seen = run(series, readers, [*partners, *(f"xpl{one}" for one in numbers)])
    middle = seen[100:160, 130:190, 8]
    assert (middle == known).mean() > 0.9
    assert told(analysis, said)


def test_people_are_shown_the_photograph(
    series: StageSeries, readers: dict[str, Callable[[], bytes]]
) -> None:
    analysis, _ = run(series, readers, [])
    picture = decode_image(analysis.artefacts["overlay.jpg"]).pixels.astype(int)
    nothing = Segmentation(np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8), series.labels)
    wanted = overlay(series.ppl[0].image, nothing.labels).astype(int)
    # A JPEG rounds; the photograph is there.
    assert np.abs(picture - wanted).mean() < 4.0
    assert analysis.result.quality.focus is not None

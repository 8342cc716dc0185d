"""Only a part of a photograph is analysed: the rest counts nowhere, and the result says so."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from petrography.calibration import LensModel, photographed
from petrography.errors import (
    ImageTooLargeError,
    InvalidParameterError,
    LabelImageError,
)
from petrography.image_codec import ImageLimits, decode_labels, encode_png
from petrography.minerals import UNLABELLED_CODE
from petrography.model_card import sha256_hex
from petrography.pipeline import Analysis, AnalysisRequest
from petrography.pipeline.region import Region, read_region, within
from tests.image_files import png_header
from tests.petrography.pipeline_runs import painted_blocks, run

TRUTH, PIXELS = painted_blocks()
ROWS, COLUMNS = TRUTH.shape
ASKED = AnalysisRequest(region="mask", min_grain_area_px=1, resampling_factor=1.0)


def analysed(region: NDArray[np.uint8], **changes: object) -> Analysis:
    encoded = encode_png(region)
    return run(encode_png(PIXELS), ASKED, parts={"mask": lambda: encoded}, **changes)


def mask_of(rows: slice, columns: slice) -> NDArray[np.uint8]:
    mask = np.zeros((ROWS, COLUMNS), np.uint8)
    mask[rows, columns] = 255
    return mask


def test_what_is_left_out_is_in_no_figure() -> None:
    scale_bar = ~mask_of(slice(120, 144), slice(100, 192))
    result = analysed(scale_bar).result
    inside = scale_bar != 0
    assert result.modal_basis.unlabelled_px == ROWS * COLUMNS - inside.sum()
    shares = {phase.code: phase.area_percent for phase in result.modal}
    for code, percent in shares.items():
        wanted = 100.0 * (TRUTH[inside] == code).mean()
        assert percent == pytest.approx(wanted, abs=0.5), code
    (told,) = [one for one in result.degradations if "outside the region" in one]
    assert told.startswith(f"{1.0 - inside.mean():.2%} of the image")


def test_the_map_is_open_outside_and_the_same_inside() -> None:
    mask = mask_of(slice(24, 96), slice(48, 144))
    whole = run(encode_png(PIXELS), AnalysisRequest(resampling_factor=1.0))
    labels = decode_labels(analysed(mask).artefacts["labels.png"])
    assert np.array_equal(labels == UNLABELLED_CODE, mask == 0)
    seen = decode_labels(whole.artefacts["labels.png"])
    assert np.array_equal(labels[mask != 0], seen[mask != 0])


def test_sizes_are_corrected_for_the_edge_of_a_rectangle_and_of_nothing_else() -> None:
    rectangle = mask_of(slice(20, 130), slice(10, 180))
    round_field = (np.hypot(*(np.indices((ROWS, COLUMNS)) - 70)) < 60).astype(np.uint8)
    told = [" ".join(analysed(one).result.degradations) for one in (rectangle, round_field)]
    assert ["no rectangle" in one for one in told] == [False, True]


def test_the_provenance_names_the_file() -> None:
    mask = mask_of(slice(0, 100), slice(0, 100))
    provenance = analysed(mask).result.provenance
    assert provenance["region"] == {"mask": sha256_hex(encode_png(mask))}
    assert provenance["views"] == provenance["views_pixels"] == {}
    assert run(encode_png(PIXELS)).result.provenance["region"] == {}


def test_quality_is_judged_inside() -> None:
    """A white bar that is left out neither saturates nor is far from the colours of minerals."""
    pixels = PIXELS.copy()
    pixels[:48] = 255
    encoded = encode_png(mask_of(slice(48, ROWS), slice(0, COLUMNS)))
    with_bar = run(encode_png(pixels), ASKED, parts={"mask": lambda: encoded}).result
    without = run(encode_png(PIXELS), ASKED, parts={"mask": lambda: encoded}).result
    assert with_bar.quality == without.quality


def test_any_value_but_0_is_analysed_and_the_kind_of_image_does_not_matter() -> None:
    mask = mask_of(slice(0, 70), slice(0, 90))
    wanted = analysed(mask).artefacts["labels.png"]
    for same in (mask // 255, np.minimum(mask, 7), np.repeat(mask[..., None], 3, axis=2)):
        assert analysed(np.asarray(same, np.uint8)).artefacts["labels.png"] == wanted


def test_a_region_is_drawn_on_the_photograph_before_it_is_straightened() -> None:
    lens = LensModel.model_validate(
        {
            "height_px": ROWS,
            "width_px": COLUMNS,
            "k1": 0.08,
        }
    )
    seen = photographed(lens)
    assert seen is not None
    everything = read_region(
        encode_png(np.ones((ROWS, COLUMNS), np.uint8)),
        (ROWS, COLUMNS),
        limits=ImageLimits(),
        lens=lens,
    )
    assert np.array_equal(everything.straight, seen)
    assert everything.drawn.all()
    left = np.zeros((ROWS, COLUMNS), np.uint8)
    left[:, : COLUMNS // 2] = 1
    half = read_region(encode_png(left), (ROWS, COLUMNS), limits=ImageLimits(), lens=lens)
    # The middle column does not move; away from it the edge of the half does not either.
    assert np.array_equal(half.straight, seen & (left != 0))


@pytest.mark.parametrize(
    ("region", "error", "said"),
    [
        (np.ones((ROWS, COLUMNS + 1), np.uint8), LabelImageError, f"{COLUMNS + 1} x {ROWS} px and"),
        (np.zeros((ROWS, COLUMNS), np.uint8), InvalidParameterError, "leaves nothing"),
    ],
)
def test_an_impossible_region_is_refused(
    region: NDArray[np.uint8], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        analysed(region)


def test_a_file_that_is_no_mask_is_refused() -> None:
    with pytest.raises(LabelImageError, match="mask"):
        analysed(PIXELS)


def test_a_region_of_a_huge_image_is_refused_before_it_is_read() -> None:
    data = png_header(20_000, 20_000, 8, 0)
    with pytest.raises(ImageTooLargeError):
        read_region(data, (20_000, 20_000), limits=ImageLimits(max_pixels=10**9))


def test_parts_are_those_that_the_request_names() -> None:
    data = encode_png(PIXELS)
    with pytest.raises(InvalidParameterError, match=r"names the parts \['mask'\], and \[\]"):
        run(data, ASKED)
    twice = AnalysisRequest.model_validate({"region": "a", "views": [{"part": "a"}]})
    with pytest.raises(InvalidParameterError, match="'a' 2 times"):
        run(data, twice, parts={"a": lambda: data})


def test_a_region_outside_of_what_is_shown_is_refused() -> None:
    left, right = np.eye(2, dtype=np.bool_), ~np.eye(2, dtype=np.bool_)
    with pytest.raises(InvalidParameterError, match="shows nothing"):
        within(Region(left, left), right)
    both = within(Region(right, left), np.ones((2, 2), np.bool_))
    assert both is not None
    assert np.array_equal(both, left)
    assert within(None, right) is right
    assert within(Region(right, left), None) is left

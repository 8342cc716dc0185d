"""Panoramas of painted sections whose places, lens, shading and exposures are known."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator

import numpy as np
import pytest

from petrography.calibration.lens import LensModel
from petrography.errors import (
    ImageTooLargeError,
    InvalidParameterError,
    LabelImageError,
    RegistrationError,
)
from petrography.images import Image
from petrography.phantoms import SectionFields, phantom, section_fields
from petrography.stitching import (
    GridLayout,
    Matches,
    PanoramaField,
    Stitching,
    StitchReport,
    merge_labels,
    stitch,
)
from tests.petrography.flat_fields import flat_field_of
from tests.petrography.panorama_truth import as_field, as_fields, drawn, error_px, names, shuffled

HEIGHT_PX, WIDTH_PX = 300, 400


@pytest.fixture(scope="module", autouse=True)
def coarse_seams() -> Iterator[None]:
    """Seams on cells of 3 px: where fields lie hangs on none, and finding seams is most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("petrography.stitching.fields.COLOUR_SIDE_PX", 160)
        yield


@pytest.fixture(scope="module")
def section() -> SectionFields:
    """3 x 3 fields with shading, a barrel lens and a stage with play."""
    return section_fields(
        "S2",
        7,
        3,
        3,
        height_px=HEIGHT_PX,
        width_px=WIDTH_PX,
        overlap=0.3,
        distortion_k1=-0.02,
        jitter_px=4.0,
    )


@pytest.fixture(scope="module")
def fields(section: SectionFields) -> list[PanoramaField]:
    return as_fields(section)


@pytest.fixture(scope="module")
def panorama(fields: list[PanoramaField]) -> Stitching:
    return stitch(fields)


@pytest.fixture(scope="module")
def foreign() -> PanoramaField:
    """A field of another section."""
    return as_field("foreign", phantom("S1", 40, HEIGHT_PX, WIDTH_PX).image)


def blank(level: int, name: str) -> PanoramaField:
    return as_field(name, np.full((HEIGHT_PX, WIDTH_PX, 3), level, dtype=np.uint8))


def test_fields_come_to_half_a_pixel_of_their_places(
    panorama: Stitching, section: SectionFields
) -> None:
    report = panorama.report
    assert error_px(report, section) <= 0.5
    assert report.rmse_px < 0.5
    assert report.components == 1
    assert report.unplaced == ()
    assert report.rejected == ()
    assert len(report.tiles) == 9
    assert report.loop_closure_px is not None
    assert report.loop_closure_px < 1.0


def test_the_lens_is_found_with_the_places(panorama: Stitching) -> None:
    lens = panorama.report.lens
    assert lens is not None
    assert lens.source == "estimated"
    assert lens.model.k1 == pytest.approx(-0.02, abs=1e-3)


def test_the_shading_is_found_from_the_fields(panorama: Stitching, section: SectionFields) -> None:
    assert panorama.report.flat_field == "estimated"
    shading = panorama.placed[0].shading
    assert shading is not None
    y, x = np.mgrid[0:HEIGHT_PX:10, 0:WIDTH_PX:10]
    points = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)
    # The flat is of light, the correction of levels.
    light = section.flat[::10, ::10].reshape(-1, 3) ** (1 / 2.2)
    left = shading.correction(points) * light
    assert (left / left.mean(axis=0)).std() < 0.5 * (light / light.mean(axis=0)).std()


def test_the_report_is_the_contract(panorama: Stitching) -> None:
    content = json.loads(panorama.report.model_dump_json())
    assert StitchReport.model_validate(content) == panorama.report
    assert {"tiles", "edges", "rmse_px", "loop_closure_px", "components", "unplaced"} <= set(
        content
    )
    assert {"name", "matrix", "component"} <= set(content["tiles"][0])
    assert {"a", "b", "inliers", "rmse_px"} <= set(content["edges"][0])
    assert np.shape(content["tiles"][0]["matrix"]) == (2, 3)


def test_the_panorama_shows_the_section_in_its_place(
    panorama: Stitching, section: SectionFields
) -> None:
    picture = drawn(panorama.rows())
    assert picture.shape == (*panorama.shape, 3)
    # Where the middle of a field is drawn, the field itself is seen.
    for tile in panorama.report.tiles:
        field = next(one for one in section.fields if one.name == tile.name)
        place = np.array(tile.matrix) @ (WIDTH_PX / 2, HEIGHT_PX / 2, 1.0)
        x, y = np.rint(place).astype(int)
        around = picture[y - 20 : y + 20, x - 20 : x + 20].mean(axis=(0, 1))
        row, col = HEIGHT_PX // 2, WIDTH_PX // 2
        seen = field.image[row - 20 : row + 20, col - 20 : col + 20].mean(axis=(0, 1))
        assert around == pytest.approx(seen * tile.gain, rel=0.1, abs=3.0)


def test_the_same_fields_give_the_same_panorama(
    panorama: Stitching, fields: list[PanoramaField]
) -> None:
    again = stitch(fields)
    assert again.report == panorama.report
    assert (drawn(again.rows()) == drawn(panorama.rows(strip_px=50, memory_bytes=1))).all()


def test_shuffled_fields_with_one_missing_come_to_the_same_places(
    fields: list[PanoramaField], section: SectionFields
) -> None:
    report = stitch(shuffled(fields[:4] + fields[5:], seed=3)).report
    assert len(report.tiles) == 8
    assert error_px(report, section) <= 0.5


@pytest.mark.parametrize("order", ["row", "snake", "columns", "columns-snake"])
def test_a_named_grid_compares_neighbours_only(
    order: str, fields: list[PanoramaField], section: SectionFields
) -> None:
    grid = GridLayout.model_validate({"rows": 3, "cols": 3, "order": order})
    ordered = [fields[3 * row + col] for row, col in map(grid.place, range(9))]
    report = stitch(ordered, grid=grid).report
    assert len(report.edges) <= 12
    assert error_px(report, section) <= 0.5


def test_a_field_of_another_section_is_left_out_and_named(
    fields: list[PanoramaField], foreign: PanoramaField, section: SectionFields
) -> None:
    report = stitch([*fields[:4], foreign, *fields[4:]]).report
    assert names(report.unplaced) == ["foreign"]
    assert "no overlap" in report.unplaced[0].reason
    assert error_px(report, section) <= 0.5


def test_empty_fields_are_left_out_with_the_reason(fields: list[PanoramaField]) -> None:
    report = stitch([*fields[:2], blank(128, "blank"), blank(255, "white")]).report
    assert {one.name: one.reason.partition(":")[0] for one in report.unplaced} == {
        "blank": "blank",
        "white": "saturated",
    }


def test_groups_that_do_not_overlap_are_told_apart(fields: list[PanoramaField]) -> None:
    stitching = stitch([*fields[:3], *fields[7:]])
    assert stitching.report.components == 2
    assert {tile.name: tile.component for tile in stitching.report.tiles} == {
        "r0c0": 0,
        "r0c1": 0,
        "r0c2": 0,
        "r2c1": 1,
        "r2c2": 1,
    }
    assert [field.index for field in stitching.placed] == [0, 1, 2]
    left_out = {one.name: one.reason for one in stitching.report.unplaced}
    assert left_out.keys() == {"r2c1", "r2c2"}
    assert left_out["r2c1"] == "overlaps r2c2, but none of the fields that are drawn"


def test_fields_of_several_sizes_are_joined(fields: list[PanoramaField]) -> None:
    smaller = as_field("smaller", np.ascontiguousarray(fields[1].load()[:250, :340]))
    report = stitch([fields[0], smaller, fields[3]]).report
    assert {tile.name for tile in report.tiles} == {"r0c0", "smaller", "r1c0"}
    assert report.lens is None


def test_a_wrong_grid_is_refused(fields: list[PanoramaField]) -> None:
    with pytest.raises(RegistrationError, match="does not fit the fields"):
        stitch(fields, grid=GridLayout(rows=3, cols=3, order="columns"))


def test_a_grid_with_a_hole_is_refused(fields: list[PanoramaField]) -> None:
    with pytest.raises(InvalidParameterError, match="leave the grid out"):
        stitch(fields[:8], grid=GridLayout(rows=3, cols=3))


def test_one_field_is_no_panorama(fields: list[PanoramaField]) -> None:
    with pytest.raises(InvalidParameterError, match="at least 2"):
        stitch(fields[:1])


def test_fields_without_overlap_are_refused(
    fields: list[PanoramaField], foreign: PanoramaField
) -> None:
    with pytest.raises(RegistrationError, match=r"no two of the 2 fields overlap"):
        stitch([fields[0], foreign])


def test_equal_names_are_refused(fields: list[PanoramaField]) -> None:
    with pytest.raises(InvalidParameterError, match="r0c0 are given more than once"):
        stitch([fields[0], fields[0]])


def test_a_field_of_another_size_than_announced_is_named(fields: list[PanoramaField]) -> None:
    liar = dataclasses.replace(fields[1], shape=(10, 10))
    with pytest.raises(InvalidParameterError, match="r0c1: 400 x 300 px loaded"):
        stitch([fields[0], liar])


def test_a_field_longer_than_can_be_read_is_refused_before_it_is_matched(
    fields: list[PanoramaField],
) -> None:
    strip = PanoramaField("strip", lambda: np.zeros((8, 32_001, 3), dtype=np.uint8))
    with pytest.raises(ImageTooLargeError, match=r"strip: 32001 x 8 px; .* 32000 px"):
        stitch([fields[0], strip])


def test_a_field_of_16_bit_is_named(fields: list[PanoramaField]) -> None:
    deep = np.zeros((HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint16)
    odd = PanoramaField("deep", lambda: deep)  # type: ignore[arg-type, return-value]
    with pytest.raises(InvalidParameterError, match="deep: image is uint16"):
        stitch([fields[0], odd])


def test_a_given_lens_and_flat_field_are_used(
    fields: list[PanoramaField], section: SectionFields
) -> None:
    lens = LensModel(height_px=HEIGHT_PX, width_px=WIDTH_PX, k1=-0.02)
    flat = flat_field_of(section.flat)
    report = stitch(fields, lens=lens, flat_field=flat).report
    assert report.lens is not None
    assert (report.lens.source, report.lens.model) == ("given", lens)
    assert report.flat_field == "given"
    assert error_px(report, section) <= 0.5


def test_a_lens_of_another_size_is_refused(fields: list[PanoramaField]) -> None:
    with pytest.raises(InvalidParameterError, match="measured on images of 100 x 50 px"):
        stitch(fields, lens=LensModel(height_px=50, width_px=100))


def test_nothing_is_corrected_where_nothing_is_wanted(fields: list[PanoramaField]) -> None:
    report = stitch(fields[:2], lens=None, flat_field=None).report
    assert report.lens is None
    assert report.flat_field == "none"


def test_a_matcher_of_the_caller_takes_the_place_of_features(
    fields: list[PanoramaField], section: SectionFields
) -> None:
    pixels = [np.repeat(f.load()[:, :, 1:2], 3, axis=2) for f in fields[:2]]
    seen: list[tuple[int, ...]] = []

    def matcher(first: Image, second: Image) -> Matches:
        seen.extend([first.shape, second.shape])
        assert np.corrcoef(first.ravel(), pixels[0].ravel())[0, 1] > 0.95
        matrices = [field.matrix for field in section.fields[:2]]
        shift = matrices[1][:, 2] - matrices[0][:, 2]
        places = np.random.default_rng(1).uniform((0, 0), (100, 290), (50, 2))
        return Matches(places + shift, places)

    report = stitch(fields[:2], matcher=matcher).report
    assert seen == [(HEIGHT_PX, WIDTH_PX, 3)] * 2
    assert [edge.method for edge in report.edges] == ["matcher"]
    assert report.edges[0].rmse_px < 0.5


@pytest.mark.parametrize(
    ("matches", "said"),
    [
        (Matches(np.zeros((5, 3)), np.zeros((5, 2))), "first_xy of the matcher has shape"),
        (Matches(np.zeros((5, 2)), np.full((5, 2), np.nan)), "second_xy of the matcher"),
        (Matches(np.zeros((5, 2)), np.zeros((4, 2))), "5 points of the first image and 4"),
    ],
)
def test_a_matcher_that_gives_no_pairs_is_told(
    matches: Matches, said: str, fields: list[PanoramaField]
) -> None:
    with pytest.raises(InvalidParameterError, match=said):
        stitch(fields[:2], matcher=lambda _first, _second: matches)


def test_labels_are_merged_along_the_seams(panorama: Stitching, section: SectionFields) -> None:
    merged = drawn(merge_labels(panorama, [field.labels for field in section.fields]))
    assert merged.shape == panorama.shape
    # The truth, looked up through the place of the first field.
    tile, field = panorama.report.tiles[0], section.fields[0]
    shift = np.rint(field.matrix[:, 2] - np.array(tile.matrix)[:, 2]).astype(int)
    truth = section.panorama_labels[shift[1] :, shift[0] :][: merged.shape[0], : merged.shape[1]]
    seen = merged[: truth.shape[0], : truth.shape[1]]
    known = seen != 255
    assert known.mean() > 0.9
    assert (seen == truth)[known].mean() > 0.985


def test_the_coverage_is_where_merged_labels_are_known(
    panorama: Stitching, section: SectionFields
) -> None:
    covered = np.concatenate(list(panorama.coverage(strip_px=100)))
    merged = drawn(merge_labels(panorama, [field.labels for field in section.fields]))
    assert np.array_equal(covered, merged != 255)
    assert not covered.all()
    black = ~drawn(panorama.rows()).any(axis=2)
    assert black[~covered].mean() > 0.9


def test_labels_of_another_number_or_size_are_refused(
    panorama: Stitching, section: SectionFields
) -> None:
    labels = [field.labels for field in section.fields]
    with pytest.raises(LabelImageError, match="8 label images for 9 fields"):
        merge_labels(panorama, labels[:8])
    with pytest.raises(LabelImageError, match="r0c0: labels of shape"):
        drawn(merge_labels(panorama, [labels[0][:-1], *labels[1:]]))


def test_the_preview_shows_the_seams(panorama: Stitching) -> None:
    plain, lined = panorama.preview(), panorama.preview(seam_lines=True)
    changed = (plain != lined).any(axis=2)
    assert plain.shape == lined.shape
    assert changed[panorama.ownership.seams].all()
    assert not changed[~panorama.ownership.seams].any()


def test_identical_pictures_lie_on_each_other(fields: list[PanoramaField]) -> None:
    # Nothing in them tells a distortion, which once was an equation without end.
    twin = PanoramaField("twin", fields[0].load)
    report = stitch([fields[0], twin]).report
    assert len(report.tiles) == 2
    shifts = np.array([np.array(tile.matrix)[:, 2] for tile in report.tiles])
    assert shifts[0] == pytest.approx(shifts[1], abs=0.05)
    assert report.lens is None


def test_a_twin_among_other_fields_does_no_harm(fields: list[PanoramaField]) -> None:
    report = stitch([*fields[:2], PanoramaField("twin", fields[0].load)]).report
    assert len(report.tiles) == 3
    assert report.rmse_px < 0.5


def test_the_order_of_the_fields_does_not_matter(fields: list[PanoramaField]) -> None:
    found = set()
    for order in itertools.permutations([fields[0], fields[1], fields[4]]):
        report = stitch(order).report
        places = {frozenset((edge.a, edge.b)) for edge in report.edges}
        found.add((len(report.tiles), frozenset(places)))
    assert len(found) == 1


def test_a_panorama_over_the_limit_is_refused(fields: list[PanoramaField]) -> None:
    with pytest.raises(ImageTooLargeError, match="the limit is 1000"):
        stitch(fields[:2], max_px=1000)

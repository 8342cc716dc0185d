"""Overlapping fields of one section: poses, labels, shading and content agree with the truth."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Image
from petrography.phantoms import SectionFields, section_fields
from petrography.phantoms.camera import Lens
from petrography.phantoms.chance import Chance
from petrography.phantoms.field_layout import Layout
from petrography.phantoms.optics import decode_srgb
from petrography.phantoms.polarised_light import Polars
from petrography.phantoms.specimen import prepare
from petrography.phantoms.windows import Window

SHAPE = (120, 160)
PLAIN = Polars(analyser=False)


@cache
def section(distortion_k1: float, jitter_deg: float = 0.0) -> SectionFields:
    return section_fields(
        "S1",
        2,
        2,
        3,
        height_px=SHAPE[0],
        width_px=SHAPE[1],
        distortion_k1=distortion_k1,
        jitter_deg=jitter_deg,
    )


def places(made: SectionFields, number: int) -> NDArray[np.float64]:
    """Panorama position (x, y) of every pixel of a field."""
    rows, columns = np.indices(SHAPE)
    seen = np.stack([columns, rows], axis=-1).astype(float)
    matrix = made.poses[number].matrix
    return np.asarray(made.lens.undistorted(seen, SHAPE) @ matrix[:, :2].T + matrix[:, 2])


def linear(image: Image) -> NDArray[np.float32]:
    return decode_srgb(image.astype(np.float32) / np.float32(255.0))


class TestTruth:
    @pytest.mark.parametrize(("k1", "jitter_deg"), [(0.0, 0.0), (-0.02, 0.0), (0.02, 0.5)])
    def test_labels_of_a_field_are_those_of_the_panorama(
        self, k1: float, jitter_deg: float
    ) -> None:
        made = section(k1, jitter_deg)
        for number, field in enumerate(made.fields):
            nearest = np.rint(places(made, number)).astype(int)
            assert (nearest >= 0).all()
            expected = made.panorama_labels[nearest[..., 1], nearest[..., 0]]
            assert np.array_equal(field.labels, expected)

    def test_neighbours_overlap_as_asked(self) -> None:
        made = section(0.0)
        first, second = made.poses[0].matrix[:, 2], made.poses[1].matrix[:, 2]
        # A quarter of 160 px, and jitter of 4 px cut at two standard deviations, twice.
        assert second[0] - first[0] == pytest.approx(120.0, abs=16.0)
        assert second[1] - first[1] == pytest.approx(0.0, abs=16.0)

    def test_flat_is_that_of_the_blank_photograph(self) -> None:
        made = section(0.0)
        blank = linear(made.blank()).mean(axis=-1)
        flat = made.flat.mean(axis=-1)
        ratio = blank / flat
        # Noise of about 2 % in each channel, averaged over blocks of 20 x 20 px.
        blocks = ratio.reshape(6, 20, 8, 20).mean(axis=(1, 3))
        assert np.ptp(blocks) / blocks.mean() < 0.01
        assert made.flat.shape == (*SHAPE, 3)
        assert made.flat.dtype == np.float32

    def test_truth_is_json_and_repeats_the_poses(self) -> None:
        made = section(-0.02)
        truth = json.loads(json.dumps(made.truth))
        assert truth["lens"] == {"k1": -0.02, "k2": 0.0, "unit": "half diagonal"}
        assert [field["name"] for field in truth["fields"]] == [
            "r0c0",
            "r0c1",
            "r0c2",
            "r1c0",
            "r1c1",
            "r1c2",
        ]
        for pose, stated in zip(made.poses, truth["fields"], strict=True):
            assert np.array_equal(stated["matrix"], pose.matrix)
        shape = (truth["panorama_height_px"], truth["panorama_width_px"])
        assert made.panorama_labels.shape == shape


class TestContent:
    @pytest.mark.parametrize(("k1", "jitter_deg"), [(0.0, 0.0), (-0.02, 0.5)])
    def test_neighbours_show_the_same_ore_where_they_overlap(
        self, k1: float, jitter_deg: float
    ) -> None:
        made = section(k1, jitter_deg)
        shape = made.panorama_labels.shape
        light = [np.full(shape, np.nan) for _ in range(2)]
        for number in (0, 1):
            corrected = linear(made.fields[number].image)[..., 1] / made.flat[..., 1]
            corrected /= made.poses[number].exposure
            nearest = np.rint(places(made, number)).astype(int)
            light[number][nearest[..., 1], nearest[..., 0]] = corrected
        both = np.isfinite(light[0]) & np.isfinite(light[1])
        assert both.sum() > 0.15 * SHAPE[0] * SHAPE[1]
        correlation = np.corrcoef(light[0][both], light[1][both])[0, 1]
        # Noise and steps of up to half a pixel at edges and fine pits are left.
        assert correlation > 0.94

    def test_same_arguments_same_fields(self) -> None:
        first, again = (
            section_fields("S2", 7, 1, 2, height_px=40, width_px=50, distortion_k1=0.01)
            for _ in range(2)
        )
        for one, other in zip(first.fields, again.photographs(), strict=True):
            assert one.image.tobytes() == other.image.tobytes()
            assert one.labels.tobytes() == other.labels.tobytes()
            assert one.matrix.tobytes() == other.matrix.tobytes()

    def test_vignetting_is_the_one_asked_for(self) -> None:
        made = section_fields("S1", 2, 1, 1, height_px=40, width_px=50, vignetting=0.4)
        assert made.camera.vignetting == 0.4

    @pytest.mark.parametrize("recipe", ["S1", "quartz"])
    def test_section_of_one_sample_per_pixel_can_be_lit(self, recipe: str) -> None:
        made = section(0.0)
        specimen = prepare(recipe, Chance(recipe, 2), (91, 121), samples_per_px=1)
        part = Window(20, 31, 50, 60)
        labels = specimen.labels(Window(0, 0, 91, 121))
        assert np.array_equal(specimen.labels(part), labels[part.rows, part.columns])
        light = specimen.light(
            Window(0, 0, 91, 121), polars=PLAIN, turned_rad=0.0, relief=made.relief
        )
        window = specimen.light(part, polars=PLAIN, turned_rad=0.0, relief=made.relief)
        inner = slice(12, -12)
        whole = light[part.rows, part.columns]
        assert window[inner, inner] == pytest.approx(whole[inner, inner], abs=1e-5)


class TestLayout:
    @pytest.mark.parametrize("k1", [-0.1, 0.0, 0.1])
    def test_section_holds_every_pixel_of_every_field(self, k1: float) -> None:
        layout = Layout((3, 2), SHAPE, 0.3, 5.0, 1.0, Lens(k1))
        height_px, width_px = layout.section_shape
        rows, columns = np.indices(SHAPE)
        seen = np.stack([columns, rows], axis=-1).astype(float)
        undistorted = layout.lens.undistorted(seen, SHAPE)
        for pose in layout.draw_poses(Chance("S1", 3)):
            place = undistorted @ pose.matrix[:, :2].T + pose.matrix[:, 2]
            assert place.min() >= 20.0
            assert (place.max(axis=(0, 1)) <= [width_px - 21.0, height_px - 21.0]).all()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"rows": 0}, "grid is 0x2"),
            ({"height_px": 8}, "a side of a field is 8 px"),
            ({"overlap": 0.95}, "overlap is 0.95"),
            ({"overlap": float("nan")}, "overlap is nan"),
            ({"distortion_k1": 0.5}, "distortion_k1 is 0.5"),
            ({"vignetting": 1.5}, "vignetting is 1.5"),
            ({"jitter_px": -1.0}, "jitter_px is -1"),
            ({"jitter_deg": 9.0}, "jitter_deg is 9"),
            ({"recipe": "S9"}, "'S9'"),
            ({"seed": -1}, "seed is -1"),
        ],
    )
    def test_impossible_requests_are_refused(self, arguments: dict[str, Any], message: str) -> None:
        possible = {"recipe": "S1", "seed": 0, "rows": 1, "cols": 2}
        sizes = {"height_px": 20, "width_px": 30}
        with pytest.raises(InvalidParameterError, match=message):
            section_fields(**{**possible, **sizes, **arguments})

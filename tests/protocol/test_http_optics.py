"""Flat fields and lenses over HTTP: fitted, kept by content, used by analyses."""

from __future__ import annotations

import json
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from petrography.calibration import (
    FlatField,
    LensModel,
    apply_flat_field,
    fit_flat_field,
    fit_lens_from_grid,
    optics_id,
    photographed,
    undistort,
)
from petrography.image_codec import decode_labels
from petrography.images import Image
from petrography.phantoms import section_fields
from tests.hostile.refusals import assert_problem
from tests.http_service import png, png_header
from tests.tiny_model import CODES, paint

pytestmark = pytest.mark.anyio

HEIGHT_PX, WIDTH_PX = 240, 320


def blank() -> Image:
    """A mirror under a lamp that is not in the middle."""
    rows, cols = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    level = 220.0 - 60.0 * ((cols - 100) ** 2 + (rows - 120) ** 2) / 220.0**2
    return np.repeat(np.rint(level).astype(np.uint8)[:, :, None], 3, axis=2)


def dots() -> Image:
    """A square lattice of dots through a lens."""
    lens = LensModel(height_px=HEIGHT_PX, width_px=WIDTH_PX, k1=-0.06)
    flat = np.full((HEIGHT_PX, WIDTH_PX, 3), 235, dtype=np.uint8)
    for row in range(12, HEIGHT_PX, 24):
        for col in range(16, WIDTH_PX, 24):
            cv2.circle(flat, (col, row), 5, (30, 30, 30), -1, cv2.LINE_AA)
    return undistort(flat, lens)


BLANK, DOTS = blank(), dots()
FIELD = paint(np.kron(np.arange(12).reshape(3, 4) % len(CODES), np.ones((80, 80), dtype=np.intp)))


async def fit(client: httpx.AsyncClient, request: Any, **parts: Image) -> httpx.Response:
    files = [(part, (f"{part}.png", png(pixels))) for part, pixels in parts.items()]
    return await client.post("/v1/calibrations", files=files, data={"request": json.dumps(request)})


async def analyse(client: httpx.AsyncClient, pixels: Image, **request: Any) -> httpx.Response:
    files = {"image": ("field.png", png(pixels))}
    return await client.post("/v1/analyses", files=files, data={"request": json.dumps(request)})


async def labels(client: httpx.AsyncClient, response: httpx.Response) -> bytes:
    assert response.status_code == 201, response.text
    return (await client.get(f"{response.headers['location']}/labels.png")).content


async def test_a_flat_field_is_the_one_that_python_fits_and_evens_an_analysis(
    client: httpx.AsyncClient,
) -> None:
    response = await fit(client, {"kind": "flat_field"}, image=BLANK)

    assert response.status_code == 201, response.text
    answer, wanted = response.json(), fit_flat_field([BLANK])
    assert FlatField.model_validate(answer["flat_field"]) == wanted
    assert answer["id"] == optics_id(wanted)
    file = await client.get(f"{response.headers['location']}/flat_field.json")
    assert FlatField.model_validate_json(file.content) == wanted
    shaded = np.rint(FIELD * (BLANK / 255.0)).astype(np.uint8)
    by_id = await labels(client, await analyse(client, shaded, flat_field=answer["id"]))
    by_hand = await labels(client, await analyse(client, apply_flat_field(shaded, wanted)))
    assert by_id == by_hand


async def test_a_dark_frame_belongs_to_a_flat_field(client: httpx.AsyncClient) -> None:
    dark = np.full_like(BLANK, 9)
    response = await fit(client, {"kind": "flat_field"}, image=BLANK, dark=dark)
    assert FlatField.model_validate(response.json()["flat_field"]) == fit_flat_field([BLANK], dark)
    assert_problem(await fit(client, {"kind": "lens"}, image=DOTS, dark=dark), 422, "'dark'")


async def test_a_lens_is_the_one_that_python_fits_and_straightens_an_analysis(
    client: httpx.AsyncClient,
) -> None:
    response = await fit(client, {"kind": "lens"}, image=DOTS)

    assert response.status_code == 201, response.text
    answer, wanted = response.json(), fit_lens_from_grid(DOTS)
    assert LensModel.model_validate(answer["lens"]) == wanted
    assert wanted.k1 != 0.0
    by_id = await labels(client, await analyse(client, FIELD, lens=answer["id"]))
    by_hand = await labels(client, await analyse(client, undistort(FIELD, wanted)))
    shown = photographed(wanted)
    assert shown is not None
    straight = np.where(shown, decode_labels(by_hand), 255)
    assert np.array_equal(decode_labels(by_id), straight)
    repeated = await fit(client, {"kind": "lens"}, image=DOTS)
    assert repeated.json()["id"] == answer["id"]


async def test_a_calibration_of_another_kind_is_refused(client: httpx.AsyncClient) -> None:
    lens = (await fit(client, {"kind": "lens"}, image=DOTS)).json()["id"]
    colours = (await fit(client, {"white_rgb": [220, 210, 200]}, image=FIELD)).json()["id"]
    for request, said in (
        ({"flat_field": lens}, "of kind 'lens'; wanted 'flat_field'"),
        ({"calibration": lens}, "of kind 'lens'; wanted 'colour'"),
        ({"lens": colours}, "of kind 'colour'; wanted 'lens'"),
    ):
        assert_problem(await analyse(client, FIELD, **request), 422, said)
    assert_problem(await analyse(client, FIELD, lens="0" * 64), 404)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"kind": "flat_field", "white_rgb": [1, 2, 3]}, "white_rgb belongs to kind 'colour'"),
        ({"kind": "colour", "target": {"pattern": "dots"}}, "target belongs to kind 'lens'"),
        ({"kind": "lens", "target": {"pattern": "stars"}}, "target.pattern"),
        ({"kind": "lens", "target": {"pattern": "chessboard"}}, "chessboard"),
        ({"kind": "lens", "target": {"pattern": "chessboard", "rows": -7, "columns": 0}}, "-7 x 0"),
        ({"kind": "shading"}, "kind"),
        ({"kind": "lens"}, "0 dots"),
    ],
)
async def test_what_fits_no_kind_is_refused(
    client: httpx.AsyncClient, request_: dict[str, Any], said: str
) -> None:
    assert_problem(await fit(client, request_, image=BLANK), 422, said)


@pytest.mark.parametrize("kind", ["flat_field", "lens"])
async def test_a_large_target_is_refused_before_it_is_decoded(
    client: httpx.AsyncClient, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("petrography.image_codec.limits.MAX_WHOLE_PX", 1_000_000)
    files = [("image", ("large.png", png_header(2000, 1000)))]
    request = {"request": json.dumps({"kind": kind})}
    response = await client.post("/v1/calibrations", files=files, data=request)
    assert_problem(response, 413, "large.png", "limit is 1000000 for an image that")


async def test_a_panorama_names_its_flat_field_and_its_lens(client: httpx.AsyncClient) -> None:
    section = section_fields("S2", 3, 1, 2, height_px=HEIGHT_PX, width_px=WIDTH_PX, overlap=0.35)
    flat_field = (await fit(client, {"kind": "flat_field"}, image=BLANK)).json()["id"]
    lens = (await fit(client, {"kind": "lens"}, image=DOTS)).json()
    files = [("field", (f"{one.name}.png", png(one.image))) for one in section.fields]

    async def stitched(**request: Any) -> httpx.Response:
        data = {"request": json.dumps(request)}
        return await client.post("/v1/panoramas", files=files, data=data)

    by_id = (await stitched(flat_field=flat_field, lens=lens["id"])).json()
    assert by_id["flat_field"] == "given"
    assert by_id["lens"] == {"source": "given", "model": lens["lens"]}
    by_value = (await stitched(flat_field=flat_field, lens=lens["lens"])).json()
    assert by_value["tiles"] == by_id["tiles"]
    assert_problem(await stitched(lens="0" * 64), 404)
    assert_problem(await stitched(lens=flat_field), 422, "wanted 'lens'")


async def test_impossible_numbers_are_refused_before_the_work(client: httpx.AsyncClient) -> None:
    files = [("field", (f"{name}.png", png(FIELD))) for name in "ab"]
    for request, said in (
        ({"um_per_px": 1e-300}, "um_per_px"),
        ({"um_per_px": 1e300}, "um_per_px"),
        ({"analysis": {"association": "S9"}}, "S9"),
        ({"analysis": {"um_per_px": 1e300}}, "um_per_px"),
    ):
        data = {"request": json.dumps(request)}
        assert_problem(await client.post("/v1/panoramas", files=files, data=data), 422, said)

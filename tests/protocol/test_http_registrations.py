"""Registrations over HTTP: what Python finds, one file for every view, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from petrography.image_codec import encode_png
from petrography.images import Image
from petrography.phantoms import phantom, stage_series
from petrography.registration import (
    RegistrationReport,
    StageView,
    ViewRegistration,
    anisotropy_picture,
    overlay_views,
    register,
    register_views,
    warp_to_reference,
)
from tests.hostile.refusals import assert_problem
from tests.http_service import png, png_header, running_service, settings_for

pytestmark = pytest.mark.anyio

SIDE_PX = 300
# A margin, so that turned views still show ore in every corner.
SECTION = phantom("S2", 4, SIDE_PX + 120, SIDE_PX + 120).image
ELSEWHERE = phantom("S2", 9, SIDE_PX, SIDE_PX).image
REFERENCE = np.ascontiguousarray(SECTION[60:-60, 60:-60])
BLANK = np.full_like(REFERENCE, 90)


def turned(angle_deg: float, shift_px: float) -> Image:
    """The place of the reference with the stage turned and a little moved."""
    centre = (SECTION.shape[1] / 2 - 0.5, SECTION.shape[0] / 2 - 0.5)
    matrix = cv2.getRotationMatrix2D(centre, angle_deg, 1.0)
    matrix[:, 2] += shift_px - 60.0
    view = cv2.warpAffine(SECTION, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_CUBIC)
    return np.asarray(view, dtype=np.uint8)


TURNED = turned(15.0, 2.3)


async def post(
    client: httpx.AsyncClient, views: Any, request: Any = None, reference: Image = REFERENCE
) -> httpx.Response:
    pairs = views.items() if isinstance(views, dict) else views
    files = [("reference", ("ppl.png", png(reference)))]
    files += [("view", (name, png(pixels))) for name, pixels in pairs]
    return await client.post(
        "/v1/registrations", files=files, data={"request": json.dumps(request or {})}
    )


async def test_a_registration_is_the_one_that_python_finds(client: httpx.AsyncClient) -> None:
    request = {"views": [{"name": "turned.png", "stage_angle_deg": 15.0}]}

    response = await post(client, {"turned.png": TURNED}, request)

    assert response.status_code == 201, response.text
    answer, location = response.json(), response.headers["location"]
    assert location == f"/v1/registrations/{answer['id']}"
    assert (await client.get(location)).content == response.content
    wanted = register(REFERENCE, TURNED, name="turned.png", stage_angle_deg=15.0)
    (found,) = (ViewRegistration.model_validate(view) for view in answer["views"])
    assert_same(found, wanted)
    report = (await client.get(f"{location}/report.json")).json()
    assert {name: answer[name] for name in report} == report
    assert answer["registered"] == {"turned.png": "registered-turned.png"}
    file = await client.get(f"{location}/registered-turned.png")
    warped, _ = warp_to_reference(TURNED, found.as_matrix(), (SIDE_PX, SIDE_PX))
    assert file.headers["content-type"] == "image/png"
    assert file.content == encode_png(warped)
    again = await client.get(
        f"{location}/registered-turned.png", headers={"If-None-Match": file.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def assert_same(found: ViewRegistration, wanted: ViewRegistration) -> None:
    """Equal but for the last digit kept: sums depend on where in memory an image lies."""
    real = {"rmse_px", "correlation", "rotation_deg", "inlier_fraction", "overlap_fraction"}
    assert found.model_dump(exclude=real | {"matrix"}) == wanted.model_dump(
        exclude=real | {"matrix"}
    )
    np.testing.assert_allclose(found.as_matrix(), wanted.as_matrix(), atol=1.1e-4)
    for name in real:
        assert getattr(found, name) == pytest.approx(getattr(wanted, name), abs=1.1e-4)


async def test_the_turn_is_found_without_being_told(client: httpx.AsyncClient) -> None:
    (view,) = (await post(client, {"a.png": TURNED})).json()["views"]

    assert abs(view["rotation_deg"]) == pytest.approx(15.0, abs=0.1)
    matrix = np.array(view["matrix"])
    centre = np.array([SIDE_PX / 2 - 0.5 + 2.3, SIDE_PX / 2 - 0.5 + 2.3, 1.0])
    np.testing.assert_allclose(matrix @ centre, SIDE_PX / 2 - 0.5, atol=0.3)


async def test_crossed_polars_lie_as_their_partners_do(client: httpx.AsyncClient) -> None:
    dark = np.full_like(REFERENCE, 3)
    request = {
        "views": [
            {"name": "xpl15.png", "light": "XPL", "stage_angle_deg": 15.0},
            {"name": "ppl15.png", "light": "PPL", "stage_angle_deg": 15.0},
            {"name": "xpl0.png", "light": "XPL", "stage_angle_deg": 360.0},
        ]
    }
    views = {"xpl15.png": dark, "ppl15.png": TURNED, "xpl0.png": dark}

    response = await post(client, views, request)

    assert response.status_code == 201, response.text
    crossed, plain, unturned = response.json()["views"]
    assert [view["name"] for view in (crossed, plain, unturned)] == list(views)
    assert (crossed["method"], crossed["carried_by"]) == ("carried", "ppl15.png")
    assert crossed["matrix"] == plain["matrix"]
    assert (unturned["method"], unturned["carried_by"]) == ("carried", "ppl.png")
    assert unturned["matrix"] == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


async def test_turns_between_crossed_polars_give_an_anisotropy_map(
    client: httpx.AsyncClient,
) -> None:
    series = stage_series("S3", 5, 220, 260, views=4, step_deg=25.0, uncrossing_deg=0.0)
    lit = [("PPL", view) for view in series.ppl[1:]] + [("XPL", view) for view in series.xpl]
    views = [
        StageView(f"{light}{view.stage_angle_deg:g}.png", view.image, light, view.stage_angle_deg)
        for light, view in lit
    ]
    described = [
        {"name": view.name, "light": view.light, "stage_angle_deg": view.stage_angle_deg}
        for view in views
    ]

    response = await post(
        client,
        {view.name: view.read() for view in views},
        {"views": described},
        reference=series.ppl[0].image,
    )

    assert response.status_code == 201, response.text
    reference = StageView("ppl.png", series.ppl[0].image, "PPL", 0.0)
    overlay = overlay_views(reference, views, register_views(reference, views))
    location = response.headers["location"]
    report = RegistrationReport.model_validate((await client.get(f"{location}/report.json")).json())
    assert report.model_dump(exclude={"views", "xpl"}) == overlay.report.model_dump(
        exclude={"views", "xpl"}
    )
    for found, wanted in zip(report.views, overlay.report.views, strict=True):
        assert_same(found, wanted)
    assert report.xpl is not None
    assert report.xpl.views == ("XPL0.png", "XPL25.png", "XPL50.png", "XPL75.png")
    assert overlay.anisotropy is not None
    file = await client.get(f"{location}/anisotropy.png")
    assert file.headers["content-type"] == "image/png"
    assert file.content == encode_png(anisotropy_picture(overlay.anisotropy))


async def test_without_crossed_polars_there_is_no_anisotropy_map(
    client: httpx.AsyncClient,
) -> None:
    response = await post(client, {"a.png": TURNED})

    assert response.json()["xpl"] is None
    picture = await client.get(f"{response.headers['location']}/anisotropy.png")
    assert_problem(picture, 404, "anisotropy.png")


async def test_metrics_count_registrations_and_their_stages(client: httpx.AsyncClient) -> None:
    await post(client, {"a.png": TURNED})
    await post(client, {"a.png": BLANK})

    metrics = (await client.get("/metrics")).text
    for outcome in ("done", "refused"):
        counted = f'petroserve_imaging_total{{kind="registrations",outcome="{outcome}"}} 1.0'
        assert counted in metrics
    assert 'petroserve_stage_seconds_count{stage="register"} 1.0' in metrics
    assert 'petroserve_stage_seconds_count{stage="warp"} 1.0' in metrics


ONE = {"a.png": TURNED}
BAD: dict[str, tuple[Any, Any, int, tuple[str, ...]]] = {
    "no view": ({}, None, 400, ("'view' is missing",)),
    "another section": ({"a.png": ELSEWHERE}, None, 422, ("a.png cannot be registered",)),
    "blank view": ({"a.png": BLANK}, None, 422, ("a.png",)),
    "saturated view": ({"a.png": np.full_like(BLANK, 255)}, None, 422, ("a.png",)),
    "tiny view": ({"a.png": BLANK[:4, :4]}, None, 422, ("a.png",)),
    "duplicate names": ([("a.png", TURNED), ("a.png", TURNED)], None, 422, ("'a.png'", "2 parts")),
    "names of one file": (
        [("a.png", TURNED), ("a.jpg", TURNED)],
        None,
        422,
        ("registered-a.png", "rename"),
    ),
    "path as a name": ({"../a.png": TURNED}, None, 422, ("'../a.png'",)),
    "name of the reference": ({"ppl.png": TURNED}, None, 422, ("'ppl.png'", "2 views")),
    "crossed polars of another section": (
        {"a.png": ELSEWHERE},
        {"views": [{"name": "a.png", "light": "XPL", "stage_angle_deg": 30.0}]},
        422,
        ("a.png cannot be registered",),
    ),
    "unknown view": (ONE, {"views": [{"name": "b.png"}]}, 422, ("'b.png'", "'a.png'")),
    "view described twice": (
        ONE,
        {"views": [{"name": "a.png"}, {"name": "a.png"}]},
        422,
        ("'a.png' 2 times",),
    ),
    "unknown light": (ONE, {"views": [{"name": "a.png", "light": "UV"}]}, 422, ("views.0.light",)),
    "angle in words": (
        ONE,
        {"views": [{"name": "a.png", "stage_angle_deg": "15"}]},
        422,
        ("views.0.stage_angle_deg",),
    ),
    "endless angle": (
        ONE,
        {"views": [{"name": "a.png", "stage_angle_deg": float("inf")}]},
        422,
        ("views.0.stage_angle_deg",),
    ),
    "angle of eleven turns": (
        ONE,
        {"views": [{"name": "a.png", "stage_angle_deg": 3960.0}]},
        422,
        ("views.0.stage_angle_deg", "3600"),
    ),
    "another angle than the stage's": (
        ONE,
        {"views": [{"name": "a.png", "stage_angle_deg": 60.0}]},
        422,
        ("a.png",),
    ),
    "unknown field": (ONE, {"colour": 1}, 422, ("colour",)),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_cannot_be_registered_is_refused(client: httpx.AsyncClient, case: str) -> None:
    views, request, status, words = BAD[case]

    response = await post(client, views, request)

    assert_problem(response, status, *words)


async def test_a_blank_reference_is_refused(client: httpx.AsyncClient) -> None:
    assert_problem(await post(client, ONE, reference=BLANK), 422, "reference")


@pytest.mark.parametrize("large", ["reference", "view"])
async def test_a_large_image_is_refused_before_it_is_decoded(
    client: httpx.AsyncClient, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("petrography.image_codec.limits.MAX_WHOLE_PX", 1_000_000)
    content = {"reference": png(REFERENCE), "view": png(TURNED), large: png_header(2000, 1000)}
    files = [(part, (f"{part}.png", data)) for part, data in content.items()]
    response = await client.post("/v1/registrations", files=files)
    assert_problem(response, 413, f"{large}.png", "limit is 1000000 for an image that")


async def test_two_references_are_refused(client: httpx.AsyncClient) -> None:
    files = [("reference", (f"{number}.png", png(REFERENCE))) for number in range(2)]
    files.append(("view", ("a.png", png(TURNED))))

    assert_problem(await client.post("/v1/registrations", files=files), 422, "2 times")


async def test_too_many_views_are_refused(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts", max_fields=2)
    async with running_service(settings) as (client, _):
        views = {f"{number}.png": BLANK for number in range(3)}
        assert_problem(await post(client, views), 422, "3 times", "at most 2")

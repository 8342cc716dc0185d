"""Views of one place in the body of an analysis, each in the part that the request describes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from petrography.image_codec import decode_image
from petrography.phantoms import phantom, stage_series
from petrography.registration import StageView, register_views
from tests.hostile.refusals import assert_problem
from tests.http_service import png

pytestmark = pytest.mark.anyio

STEP_DEG = 22.5
SERIES = stage_series("S2", 5, 240, 300, views=4, step_deg=STEP_DEG)
PLAIN = [view.image for view in SERIES.ppl]
CROSSED = [view.image for view in SERIES.xpl]
VIEWS = {f"p{i}": ("PPL", i * STEP_DEG, PLAIN[i]) for i in (1, 2, 3)}
VIEWS |= {f"x{i}": ("XPL", i * STEP_DEG, CROSSED[i]) for i in range(4)}
DESCRIBED = [
    {"part": part, "light": light, "stage_angle_deg": angle}
    for part, (light, angle, _) in VIEWS.items()
]


async def post(
    client: httpx.AsyncClient, parts: list[str], described: list[dict[str, Any]]
) -> httpx.Response:
    files = [("image", ("ppl.png", png(PLAIN[0])))]
    files += [(part, (f"{part}.png", png(VIEWS[part][2]))) for part in parts]
    request = json.dumps({"views": described})
    return await client.post("/v1/analyses", files=files, data={"request": request})


async def test_an_analysis_lays_its_views_over_the_image(client: httpx.AsyncClient) -> None:
    response = await post(client, list(VIEWS), DESCRIBED)

    assert response.status_code == 201, response.text
    result = response.json()
    wanted = register_views(
        StageView("image", PLAIN[0], "PPL", 0.0),
        [StageView(part, pixels, light, angle) for part, (light, angle, pixels) in VIEWS.items()],
    )
    assert result["registration"]["views"] == wanted.model_dump(mode="json")["views"]
    assert sum(phase["tested_px"] for phase in result["anisotropy"]) > 0.5 * PLAIN[0].size / 3
    picture = await client.get(f"/v1/analyses/{result['id']}/anisotropy.png")
    assert picture.headers["content-type"] == "image/png"
    assert decode_image(picture.content).pixels.shape[1] == PLAIN[0].shape[1]


async def test_the_order_of_the_parts_does_not_matter(client: httpx.AsyncClient) -> None:
    one, other = [
        (await post(client, order, DESCRIBED)).json()["registration"]
        for order in (list(VIEWS), list(VIEWS)[::-1])
    ]
    assert one == other


@pytest.mark.parametrize(
    ("parts", "described", "said"),
    [
        (["p1"], [], "part 'p1' is unknown"),
        ([], [DESCRIBED[0]], "part 'p1' is missing"),
        (["p1"], [DESCRIBED[0], DESCRIBED[0]], "'p1' 2 times"),
        (["p1", "p1"], [DESCRIBED[0]], "'p1' is there 2 times"),
        ([], [{"part": "image"}], "part 'image'; wanted another name"),
        ([], [{"part": "request"}], "part 'request'; wanted another name"),
        (["p1"], [{"part": "p1", "light": "red"}], "views.0.light"),
        (["p1"], [{"part": "p1", "stage_angle_deg": "thirty"}], "views.0.stage_angle_deg"),
        (["p1"], [{"part": "p1", "stage_angle_deg": -3600.5}], "views.0.stage_angle_deg"),
        (["p1"], [{"part": "p1", "stage_angle_deg": 1.26e308}], "views.0.stage_angle_deg"),
        (["p1"], [{"part": "p1", "stage_angle_deg": float("nan")}], "views.0.stage_angle_deg"),
    ],
)
async def test_parts_and_descriptions_must_fit(
    client: httpx.AsyncClient, parts: list[str], described: list[dict[str, Any]], said: str
) -> None:
    response = await post(client, parts, described)
    assert_problem(response, 400 if "missing" in said else 422, said)


async def test_a_view_of_another_section_is_refused_by_name(client: httpx.AsyncClient) -> None:
    files = [
        ("image", ("ppl.png", png(PLAIN[0]))),
        ("odd", ("odd.png", png(phantom("S1", 99, 240, 300).image))),
    ]
    request = json.dumps({"views": [{"part": "odd", "light": "PPL"}]})
    response = await client.post("/v1/analyses", files=files, data={"request": request})
    assert_problem(response, 422)
    assert "odd" in response.json()["detail"]


async def test_a_panorama_is_analysed_without_views(client: httpx.AsyncClient) -> None:
    request = json.dumps({"analysis": {"views": DESCRIBED[:1]}})
    files = [
        ("field", (f"{name}.png", png(image))) for name, image in zip("ab", PLAIN, strict=False)
    ]
    response = await client.post("/v1/panoramas", files=files, data={"request": request})
    assert_problem(response, 422)
    assert "views and region belong to one field" in response.text

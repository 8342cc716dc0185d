"""``POST /v1/estimate``: what an analysis would take."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import numpy as np
import pytest
import tifffile

from petrography.model_card import TileGeometry
from petrography.tiling import plan_tiles
from service.engine import Engine, estimating
from tests.http_service import png, png_header, running_service, settings_for
from tests.tiny_model import TILE_PX, paint

pytestmark = pytest.mark.anyio

FIELD = png(paint(np.zeros((TILE_PX, 6 * TILE_PX), dtype=np.intp)))


async def estimated(client: httpx.AsyncClient, **fields: object) -> httpx.Response:
    return await client.post("/v1/estimate", json=fields)


async def test_the_begin_of_an_image_is_enough(client: httpx.AsyncClient) -> None:
    begin = png_header(1000, 300)
    answer = await client.post("/v1/estimate", files={"image": ("begin.png", begin)})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["height_px"], told["width_px"]) == (300, 1000)
    assert (told["tiles"], told["tile_px"]) == (5 * 16, TILE_PX)
    assert (told["model"], told["priority"]) == ("tiny:1", "interactive")
    assert told == (await estimated(client, height_px=300, width_px=1000)).json()


async def test_tiles_are_those_that_an_analysis_runs(
    http_service: tuple[httpx.AsyncClient, Engine],
) -> None:
    client, _ = http_service
    fields = {"um_per_px": 0.7, "height_px": TILE_PX, "width_px": 6 * TILE_PX}
    told = (await estimated(client, **fields)).json()
    before = await tiles_run(client)
    request = json.dumps({"um_per_px": 0.7})
    files = {"image": ("field.png", FIELD), "request": (None, request)}
    assert (await client.post("/v1/analyses", files=files)).status_code == 201
    assert await tiles_run(client) - before == told["tiles"]


async def test_the_pixel_size_of_the_file_counts_as_in_the_analysis(
    http_service: tuple[httpx.AsyncClient, Engine],
) -> None:
    client, _ = http_service
    size = {"height_px": TILE_PX, "width_px": 6 * TILE_PX}
    stated = (await estimated(client, **size, um_per_px=0.7)).json()
    field = tiff_of_um_per_px(0.7)
    told = (await client.post("/v1/estimate", files={"image": ("field.tif", field)})).json()
    assert told["tiles"] == stated["tiles"] != (await estimated(client, **size)).json()["tiles"]
    before = await tiles_run(client)
    answer = await client.post("/v1/analyses", files={"image": ("field.tif", field)})
    assert answer.status_code == 201
    assert await tiles_run(client) - before == told["tiles"]


async def test_a_pixel_size_of_the_file_that_would_be_refused_is_refused(
    client: httpx.AsyncClient,
) -> None:
    files = {"image": ("field.tif", tiff_of_um_per_px(900.0))}
    for path in ("/v1/estimate", "/v1/analyses"):
        answer = await client.post(path, files=files)
        assert answer.status_code == 422
        assert "um_per_px asks for a resampling by" in answer.json()["detail"]


async def test_what_is_resampled_takes_scratch_space(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimating, "_MOST_RESIDENT_BYTES", 0)
    size = {"height_px": 1_000, "width_px": 1_000}
    plain, doubled = [
        (await estimated(client, **size, resampling_factor=factor)).json()["scratch_bytes"]
        for factor in (1.0, 2.0)
    ]
    assert doubled - plain == 3 * 4 * 1_000**2


def tiff_of_um_per_px(um_per_px: float) -> bytes:
    file = io.BytesIO()
    pixels = paint(np.zeros((TILE_PX, 6 * TILE_PX), dtype=np.intp))
    metadata = {"axes": "YXS", "PhysicalSizeX": um_per_px, "PhysicalSizeY": um_per_px}
    tifffile.imwrite(file, pixels, ome=True, photometric="rgb", metadata=metadata)
    return file.getvalue()


async def tiles_run(client: httpx.AsyncClient) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    name = 'petroserve_model_tiles_total{model="tiny:1"} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


async def test_rates_come_from_the_warm_up_and_then_from_analyses(
    client: httpx.AsyncClient,
) -> None:
    size = {"height_px": TILE_PX, "width_px": 6 * TILE_PX, "resampling_factor": 1.0}
    before = (await estimated(client, **size)).json()
    assert (before["network_basis"], before["other_basis"]) == ("warm-up", "assumed")
    assert before["network_seconds"] > 0.0
    files = {"image": ("field.png", FIELD)}
    assert (await client.post("/v1/analyses", files=files)).status_code == 201
    after = (await estimated(client, **size)).json()
    assert (after["network_basis"], after["other_basis"]) == ("requests", "analyses")
    assert after["seconds"] == pytest.approx(
        after["network_seconds"] + after["other_seconds"], abs=2e-3
    )
    assert after["queue_wait_seconds"] == 0.0


async def test_a_larger_image_takes_more_of_everything(client: httpx.AsyncClient) -> None:
    small, large = [
        (await estimated(client, height_px=side, width_px=side)).json() for side in (100, 1000)
    ]
    for name in ("tiles", "seconds", "network_seconds", "other_seconds", "peak_memory_bytes"):
        assert small[name] < large[name]


async def test_beyond_what_stays_in_memory_an_image_takes_scratch_files(
    model_folder: Path, tmp_path: Path
) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts", max_image_pixels=700_000_000)
    async with running_service(settings) as (client, _):
        small, large, huge = [
            (await estimated(client, height_px=side, width_px=side)).json()
            for side in (1000, 10_000, 24_000)
        ]
    assert small["scratch_bytes"] == 0
    assert 1.4e9 < large["scratch_bytes"] < 1.8e9
    assert 10e9 < huge["scratch_bytes"] < 12e9
    assert huge["peak_memory_bytes"] < 1.5 * large["peak_memory_bytes"] < 1024**3


@pytest.mark.parametrize("shape", [(1, 600_000_000), (1000, 600_000), (600_000, 1000)])
async def test_a_long_strip_takes_no_more_memory_than_a_square(
    model_folder: Path, tmp_path: Path, shape: tuple[int, int]
) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts", max_image_pixels=700_000_000)
    async with running_service(settings) as (client, _):
        strip = (await estimated(client, height_px=shape[0], width_px=shape[1])).json()
        square = (await estimated(client, height_px=24_000, width_px=25_000)).json()
    assert strip["peak_memory_bytes"] == square["peak_memory_bytes"] < 1024**3


async def test_the_wait_is_that_of_the_own_queue(
    http_service: tuple[httpx.AsyncClient, Engine],
) -> None:
    client, engine = http_service
    async with engine.admission.turn("bulk", expected_s=1000.0):
        interactive = (await estimated(client, height_px=100, width_px=100)).json()
        assert interactive["queue_wait_seconds"] == 0.0
        assert 900.0 < engine.admission.expected_wait_s("bulk") <= 1000.0


async def test_large_images_are_bulk(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts", interactive_pixels=10_000)
    async with running_service(settings) as (client, _):
        for side, priority in ((100, "interactive"), (101, "bulk")):
            told = (await estimated(client, height_px=side, width_px=side)).json()
            assert told["priority"] == priority


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({}, 400, "neither an image nor height_px"),
        ({"height_px": 10}, 400, "neither an image nor height_px"),
        ({"height_px": 0, "width_px": 5}, 422, "height_px"),
        ({"height_px": 3000, "width_px": 3000}, 413, "the limit is 4000000"),
        ({"height_px": 10, "width_px": 10, "association": "S99"}, 422, "S99"),
        ({"height_px": 10, "width_px": 10, "model": "gold"}, 404, "gold"),
        ({"height_px": 10, "width_px": 10, "depth_px": 10}, 422, "depth_px"),
    ],
)
async def test_what_could_not_be_analysed_is_not_estimated(
    client: httpx.AsyncClient, fields: dict[str, object], status: int, said: str
) -> None:
    answer = await estimated(client, **fields)
    assert answer.status_code == status
    assert said in answer.json()["detail"]


async def test_other_bodies_are_refused(client: httpx.AsyncClient) -> None:
    for content, status in ((b"{", 400), (b" " * 70_000, 413)):
        answer = await client.post(
            "/v1/estimate", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == status
    assert (await client.post("/v1/estimate", content=b"x")).status_code == 415
    files = {"image": ("f.png", FIELD), "request": (None, json.dumps({"height_px": 1}))}
    answer = await client.post("/v1/estimate", files=files)
    assert answer.status_code == 422
    assert "leave them out" in answer.json()["detail"]


async def test_both_bodies_are_documented(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    body = document["paths"]["/v1/estimate"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}
    assert "height_px" in document["components"]["schemas"]["EstimateRequest"]["properties"]
    assert "tiles" in document["components"]["schemas"]["Estimate"]["properties"]


def test_tiles_are_counted_without_planning_them_all() -> None:
    for mode in ("halo", "blend"):
        geometry = TileGeometry.model_validate({"size_px": 64, "multiple_px": 8, "mode": mode})
        for height_px, width_px in ((1, 1), (64, 65), (300, 500)):
            rows = plan_tiles(height_px, width_px, geometry)
            down, across = plan_tiles(height_px, 1, geometry), plan_tiles(1, width_px, geometry)
            assert sum(map(len, rows)) == len(down) * len(across[0])

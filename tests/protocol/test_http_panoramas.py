"""Panoramas over HTTP: what Python stitches, what is left out by name, and their analysis."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from petrography.image_codec import decode_image, decode_labels, encode_jpeg, write_pyramid
from petrography.images import Image
from petrography.phantoms import section_fields
from petrography.stitching import GridLayout, PanoramaField, Stitching, StitchReport, stitch
from service.engine.draft import Draft
from tests.hostile.refusals import assert_problem
from tests.http_service import png, running_service, settings_for
from tests.petrography.flat_fields import flat_field_of

pytestmark = pytest.mark.anyio

HEIGHT_PX, WIDTH_PX = 200, 260


def painted(seed: int, rows: int, cols: int) -> dict[str, Image]:
    fields = section_fields(
        "S2", seed, rows, cols, height_px=HEIGHT_PX, width_px=WIDTH_PX, overlap=0.3, vignetting=0.1
    ).fields
    return {f"{field.name}.png": field.image for field in fields}


FIELDS = painted(3, 2, 2)
ELSEWHERE = next(iter(painted(8, 1, 1).values()))
BLANK = np.full((HEIGHT_PX, WIDTH_PX, 3), 180, dtype=np.uint8)
SATURATED = np.full((HEIGHT_PX, WIDTH_PX, 3), 255, dtype=np.uint8)


async def post(
    client: httpx.AsyncClient, fields: Any, request: Any = None, **others: bytes
) -> httpx.Response:
    pairs = fields.items() if isinstance(fields, dict) else fields
    files = [("field", (name, png(pixels))) for name, pixels in pairs]
    files += [(part, (f"{part}.json", content)) for part, content in others.items()]
    return await client.post(
        "/v1/panoramas", files=files, data={"request": json.dumps(request or {})}
    )


def stitched(fields: dict[str, Image], **options: Any) -> Stitching:
    def field(name: str) -> PanoramaField:
        return PanoramaField(name, lambda: fields[name])

    return stitch([field(name) for name in fields], **options)


@pytest.mark.parametrize(
    "kind", ["panoramas", "calibrations", "registrations", "evaluations", "annotations"]
)
async def test_a_key_that_nothing_comes_of_is_refused(client: httpx.AsyncClient, kind: str) -> None:
    files = [("field", (name, png(pixels))) for name, pixels in FIELDS.items()]
    answer = await client.post(f"/v1/{kind}", files=files, headers={"Idempotency-Key": '"once"'})
    assert_problem(answer, 422, f"not known to POST /v1/{kind}", "without it")


async def test_a_panorama_is_the_one_that_python_stitches(client: httpx.AsyncClient) -> None:
    response = await post(client, FIELDS, {"um_per_px": 0.5})

    assert response.status_code == 201, response.text
    answer, location = response.json(), response.headers["location"]
    assert location == f"/v1/panoramas/{answer['id']}"
    assert (await client.get(location)).content == response.content
    wanted = stitched(FIELDS)
    report = await client.get(f"{location}/report.json")
    assert StitchReport.model_validate_json(report.content) == wanted.report
    assert {name: answer[name] for name in report.json()} == report.json()
    file = io.BytesIO()
    write_pyramid(file, wanted.rows(), *wanted.shape, um_per_px=0.5)
    panorama = await client.get(f"{location}/panorama.ome.tif")
    assert panorama.headers["content-type"] == "image/tiff"
    assert panorama.content == file.getvalue()
    preview = await client.get(f"{location}/preview.jpg")
    assert preview.content == encode_jpeg(wanted.preview())


async def test_fields_lie_where_they_were_taken(client: httpx.AsyncClient) -> None:
    answer = (await post(client, FIELDS)).json()

    assert (answer["components"], answer["unplaced"]) == (1, [])
    assert {tile["name"] for tile in answer["tiles"]} == set(FIELDS)
    places = {tile["name"]: [row[2] for row in tile["matrix"]] for tile in answer["tiles"]}
    left, right = places["r0c0.png"], places["r0c1.png"]
    # Two fields side by side are 70 % of a field apart, give or take the jitter of the stage.
    assert right[0] - left[0] == pytest.approx(0.7 * WIDTH_PX, abs=20.0)
    assert answer["rmse_px"] < 1.0


async def test_a_grid_is_kept_to(client: httpx.AsyncClient) -> None:
    grid = {"rows": 2, "cols": 2, "overlap_fraction": 0.3}

    response = await post(client, FIELDS, {"grid": grid, "flat_field": "none", "lens": "none"})

    assert response.status_code == 201, response.text
    report = await client.get(f"{response.headers['location']}/report.json")
    wanted = stitched(FIELDS, grid=GridLayout.model_validate(grid), flat_field=None, lens=None)
    assert StitchReport.model_validate_json(report.content) == wanted.report


async def test_a_measured_flat_field_is_used(client: httpx.AsyncClient) -> None:
    light = np.linspace(0.8, 1.2, WIDTH_PX) * np.ones((HEIGHT_PX, 1))
    flat = flat_field_of(np.repeat(light[:, :, None], 3, axis=2))
    content = flat.model_dump_json().encode()

    response = await post(client, FIELDS, flat_field=content)

    assert response.status_code == 201, response.text
    assert response.json()["flat_field"] == "given"
    contradicting = await post(client, FIELDS, {"flat_field": "none"}, flat_field=content)
    assert_problem(contradicting, 422, "flat field")
    assert_problem(await post(client, FIELDS, flat_field=b"{}"), 422, "flat_field.json")


async def test_what_belongs_elsewhere_is_left_out_by_name(client: httpx.AsyncClient) -> None:
    strangers = {"stranger.png": ELSEWHERE, "blank.png": BLANK, "white.png": SATURATED}

    response = await post(client, FIELDS | strangers)

    assert response.status_code == 201, response.text
    left_out = {field["name"]: field["reason"] for field in response.json()["unplaced"]}
    assert set(left_out) == set(strangers)
    assert "blank" in left_out["blank.png"]
    assert "saturated" in left_out["white.png"]


async def test_the_fields_of_a_panorama_are_segmented_unless_wanted_otherwise(
    client: httpx.AsyncClient,
) -> None:
    answer = (await post(client, FIELDS, {"analysis": {"model": "tiny:1"}})).json()
    result = (await client.get(f"/v1/analyses/{answer['analysis_id']}")).json()
    assert result["provenance"]["parameters"]["segmented"] == "fields"
    assert result["provenance"]["image"]["fields"] == len(FIELDS)
    # Where no field reaches nothing is a mineral, not even the background.
    assert (
        0 < result["modal_basis"]["unlabelled_px"] < 0.1 * answer["height_px"] * answer["width_px"]
    )


async def test_a_panorama_is_analysed_as_any_image_where_fields_reach(
    client: httpx.AsyncClient,
) -> None:
    analysis = {"association": "1,2", "model": "tiny:1"}
    request = {"um_per_px": 0.5, "analysis": analysis, "segmentation": "panorama"}
    response = await post(client, FIELDS, request)

    assert response.status_code == 201, response.text
    answer = response.json()
    panorama = (await client.get(f"{response.headers['location']}/panorama.ome.tif")).content
    result = (await client.get(f"/v1/analyses/{answer['analysis_id']}")).json()
    assert result["scale"]["um_per_px"] == 0.5
    posted = await client.post(
        "/v1/analyses",
        files={"image": ("panorama.ome.tif", panorama)},
        data={"request": json.dumps({"association": "1,2"})},
    )
    # The file alone does not tell where no field reaches: there it is measured as it looks.
    own, of_file = [
        decode_labels((await client.get(f"/v1/analyses/{one}/labels.png")).content)
        for one in (answer["analysis_id"], posted.json()["id"])
    ]
    assert 0 < np.count_nonzero(own == 255) < 0.1 * own.size
    assert np.array_equal(own, np.where(own == 255, 255, of_file))
    assert not (of_file == 255).any()
    assert result["provenance"]["image"]["fields"] == len(FIELDS)
    assert posted.json()["provenance"]["image"]["fields"] == 1
    for artefact in result["artefacts"]:
        assert artefact["href"].startswith(f"/v1/analyses/{answer['analysis_id']}/")
        assert (await client.get(artefact["href"])).status_code == 200
    metrics = (await client.get("/metrics")).text
    assert 'petroserve_imaging_total{kind="panoramas",outcome="done"} 1.0' in metrics
    assert 'petroserve_stage_seconds_count{stage="stitch"} 1.0' in metrics


TWO = dict(list(FIELDS.items())[:2])
BAD: dict[str, tuple[Any, Any, int, tuple[str, ...]]] = {
    "one field": (list(FIELDS.items())[:1], None, 422, ("at least 2",)),
    "no overlap": ({"a.png": FIELDS["r0c0.png"], "b.png": ELSEWHERE}, None, 422, ("overlap",)),
    "blank fields": ({"a.png": BLANK, "b.png": BLANK}, None, 422, ("a.png is blank",)),
    "saturated fields": ({"a.png": SATURATED, "b.png": SATURATED}, None, 422, ("saturated",)),
    "duplicate names": ([("a.png", BLANK), ("a.png", BLANK)], None, 422, ("'a.png'", "2 parts")),
    "path as a name": ([("../a.png", BLANK), ("b.png", BLANK)], None, 422, ("'../a.png'",)),
    "no name": ([("", BLANK), ("b.png", BLANK)], None, 400, ("with a filename",)),
    "hidden name": ([(".a", BLANK), ("b.png", BLANK)], None, 422, ("file name",)),
    "grid of another count": (
        TWO,
        {"grid": {"rows": 2, "cols": 2}},
        422,
        ("2x2", "2 fields", "leave the grid out"),
    ),
    "grid without columns": (TWO, {"grid": {"rows": 2}}, 422, ("grid.cols",)),
    "grid of nothing": (TWO, {"grid": {"rows": 0, "cols": 2}}, 422, ("grid.rows",)),
    "impossible overlap": (
        TWO,
        {"grid": {"rows": 1, "cols": 2, "overlap_fraction": 1.5}},
        422,
        ("overlap_fraction",),
    ),
    "unknown order": (TWO, {"grid": {"rows": 1, "cols": 2, "order": "spiral"}}, 422, ("order",)),
    "unknown model": (TWO, {"model": "homography"}, 422, ("model",)),
    "unknown field": (TWO, {"colour": 1}, 422, ("colour",)),
    "lens of another size": (
        TWO,
        {"lens": {"height_px": 10, "width_px": 20, "k1": 0.01}},
        422,
        ("20 x 10",),
    ),
    "analysis with an unknown model": (TWO, {"analysis": {"model": "gold"}}, 404, ("tiny:1",)),
    "analysis with an unknown calibration": (
        TWO,
        {"analysis": {"calibration": "f" * 64}},
        404,
        ("calibration",),
    ),
    "analysis with an unknown field": (TWO, {"analysis": {"gold": 1}}, 422, ("analysis.gold",)),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_cannot_be_stitched_is_refused(client: httpx.AsyncClient, case: str) -> None:
    fields, request, status, words = BAD[case]

    response = await post(client, fields, request)

    assert_problem(response, status, *words)


async def test_a_wrong_grid_is_refused_not_guessed(client: httpx.AsyncClient) -> None:
    names = ["r0c0.png", "r1c1.png", "r0c1.png", "r1c0.png"]
    shuffled = {name: FIELDS[name] for name in names}

    response = await post(client, shuffled, {"grid": {"rows": 2, "cols": 2}})

    assert_problem(response, 422, "grid 2x2")


async def test_a_field_that_is_no_image_is_named(client: httpx.AsyncClient) -> None:
    files = [("field", (name, png(pixels))) for name, pixels in TWO.items()]
    broken = [("field", ("text.png", b"no image")), ("field", ("cut.png", png(BLANK)[:-20]))]

    for bad, status in zip(broken, (415, 422), strict=True):
        response = await client.post("/v1/panoramas", files=[*files, bad])
        assert_problem(response, status, bad[1][0])


async def test_fields_of_several_sizes_and_depths_are_told(client: httpx.AsyncClient) -> None:
    cropped = FIELDS | {"r1c1.png": np.ascontiguousarray(FIELDS["r1c1.png"][:-30, :-20])}
    files = [("field", (name, png(pixels))) for name, pixels in cropped.items()]
    grey = png(FIELDS["r0c0.png"][:, :, 1])
    files[0] = ("field", ("r0c0.png", grey))

    response = await client.post("/v1/panoramas", files=files)

    assert response.status_code == 201, response.text
    answer = response.json()
    assert {tile["name"] for tile in answer["tiles"]} == set(FIELDS)
    assert any("size" in warning for warning in answer["warnings"])
    assert any(warning.startswith("r0c0.png: ") for warning in answer["field_warnings"])


async def test_too_many_fields_are_refused(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts", max_fields=3)
    async with running_service(settings) as (client, _):
        assert_problem(await post(client, FIELDS), 422, "4 times", "at most 3")


async def test_a_panorama_beyond_the_limit_is_not_drawn(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(
        model_folder, tmp_path / "artefacts", max_image_pixels=60_000, max_panorama_pixels=110_000
    )
    async with running_service(settings) as (client, engine):
        assert_problem(await post(client, TWO, {"analysis": {}}), 413, "60000")
        assert (await post(client, TWO)).status_code == 201
        assert_problem(await post(client, FIELDS), 413, "110000")
        kept = list(engine.settings.artefacts_folder.glob("*/*"))
        assert len(kept) == 1


async def test_the_panorama_is_a_pyramid_that_can_be_read(client: httpx.AsyncClient) -> None:
    response = await post(client, FIELDS, {"um_per_px": 0.25, "compression": "deflate"})

    panorama = await client.get(f"{response.headers['location']}/panorama.ome.tif")
    decoded = decode_image(panorama.content)
    wanted = np.concatenate(list(stitched(FIELDS).rows()))
    np.testing.assert_array_equal(decoded.pixels, wanted)
    assert decoded.um_per_px == pytest.approx(0.25)


async def test_an_analysis_that_is_kept_is_not_cancelled_while_its_panorama_is_written(
    model_folder: Path, tmp_path: Path
) -> None:
    async with running_service(settings_for(model_folder, tmp_path / "kept")) as (client, engine):
        loop, publish, answers = asyncio.get_running_loop(), engine.store.publish, []

        def cancelled_meanwhile(result_id: str, draft: Draft) -> None:
            # Gigabytes of a panorama take their time.
            if draft.folder.parent.name == "panoramas":
                cancelling = client.delete(f"/v1/analyses/{result_id}")
                answers.append(asyncio.run_coroutine_threadsafe(cancelling, loop).result(30))
            publish(result_id, draft)

        with pytest.MonkeyPatch.context() as slow:
            slow.setattr(engine.store, "publish", cancelled_meanwhile)
            made = await post(client, FIELDS, {"analysis": {}})
        assert_problem(answers[0], 409)
        assert made.status_code == 201
        listed = (await client.get("/v1/analyses")).json()["analyses"]
        assert [(one["id"], one["state"]) for one in listed] == [
            (made.json()["analysis_id"], "done")
        ]

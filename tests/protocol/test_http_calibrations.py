"""Colour calibrations over HTTP: what Python gives, kept by content, used by analyses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from petrography.calibration import (
    ColourCalibration,
    apply_calibration,
    build_reference,
    fit_calibration,
    fit_series_calibration,
)
from petrography.image_codec import encode_jpeg
from petrography.images import Image
from petrography.phantoms import phantom
from service.engine import Engine
from tests.hostile.refusals import assert_problem
from tests.http_service import png, running_service, settings_for

pytestmark = pytest.mark.anyio

TRUTHS = [phantom("S1", seed, 120, 160) for seed in (3, 5)]
REFERENCE = build_reference(((one.image, one.labels) for one in TRUTHS), "painted", "phantoms")


def through_a_filter(image: Image) -> Image:
    """The same section behind a yellowish filter, in levels."""
    return np.clip(np.rint(image * np.array([0.95, 0.9, 0.6])), 0, 255).astype(np.uint8)


SEEN = [through_a_filter(one.image) for one in TRUTHS]
LABELS = [one.labels for one in TRUTHS]


async def post(
    client: httpx.AsyncClient,
    images: list[Any],
    labels: list[Any],
    request: dict[str, Any] | None = None,
) -> httpx.Response:
    files = [("image", (f"{number}.png", png(pixels))) for number, pixels in enumerate(images)]
    files += [("labels", (f"{number}.png", png(codes))) for number, codes in enumerate(labels)]
    asked = {"reference": REFERENCE.model_dump(mode="json")} if request is None else request
    return await client.post("/v1/calibrations", files=files, data={"request": json.dumps(asked)})


async def test_a_calibration_is_the_one_that_python_fits(client: httpx.AsyncClient) -> None:
    response = await post(client, SEEN[:1], LABELS[:1])

    assert response.status_code == 201, response.text
    fitted = fit_calibration(SEEN[0], LABELS[0], REFERENCE)
    answered = ColourCalibration.model_validate_json(response.content)
    assert answered.made_utc is not None
    assert answered.model_copy(update={"made_utc": None}) == fitted
    assert response.headers["location"] == f"/v1/calibrations/{fitted.id}"
    kept = await client.get(response.headers["location"])
    assert (kept.status_code, kept.content) == (200, response.content)
    picture = await client.get(f"{response.headers['location']}/calibrated.jpg")
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content == encode_jpeg(apply_calibration(SEEN[0], fitted))


async def test_the_same_request_gives_the_same_calibration(
    client: httpx.AsyncClient, http_service: tuple[httpx.AsyncClient, Engine]
) -> None:
    first, again = [await post(client, SEEN[:1], LABELS[:1]) for _ in range(2)]

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    folder = http_service[1].settings.artefacts_folder / "calibrations"
    assert [path.name for path in folder.iterdir()] == [first.json()["id"]]


async def test_a_series_is_fitted_together(client: httpx.AsyncClient) -> None:
    response = await post(client, SEEN, LABELS)

    assert response.status_code == 201, response.text
    fitted = fit_series_calibration(zip(SEEN, LABELS, strict=True), REFERENCE)
    answered = ColourCalibration.model_validate_json(response.content)
    assert answered.made_utc is not None
    assert answered.model_copy(update={"made_utc": None}) == fitted
    assert response.json()["mode"] == "series"


async def test_a_white_does_without_labels(client: httpx.AsyncClient) -> None:
    request = {"white_rgb": [240, 230, 160]}

    response = await post(client, SEEN[:1], [], request)

    assert response.status_code == 201, response.text
    assert response.json()["mode"] == "white-reference"
    assert response.json()["white_rgb"] == [240.0, 230.0, 160.0]


async def test_files_have_tags(client: httpx.AsyncClient) -> None:
    location = (await post(client, SEEN[:1], LABELS[:1])).headers["location"]

    for name in ("calibration.json", "calibrated.jpg"):
        file = await client.get(f"{location}/{name}")
        again = await client.get(
            f"{location}/{name}", headers={"If-None-Match": file.headers["etag"]}
        )
        assert (file.status_code, again.status_code) == (200, 304)
    assert_problem(await client.get(f"{location}/result.json"), 404, "calibrated.jpg")


async def test_an_analysis_uses_a_calibration(client: httpx.AsyncClient) -> None:
    made = (await post(client, SEEN[:1], LABELS[:1])).json()

    async def analyse(image: Image, calibration: str | None) -> bytes:
        request = {} if calibration is None else {"calibration": calibration}
        answer = await client.post(
            "/v1/analyses",
            files={"image": ("field.png", png(image))},
            data={"request": json.dumps(request)},
        )
        assert answer.status_code == 201, answer.text
        return (await client.get(f"{answer.headers['location']}/labels.png")).content

    corrected = apply_calibration(SEEN[0], ColourCalibration.model_validate(made))
    assert await analyse(SEEN[0], made["id"]) == await analyse(corrected, None)
    assert await analyse(SEEN[0], made["id"]) != await analyse(SEEN[0], None)


async def test_metrics_count_calibrations_and_their_stages(client: httpx.AsyncClient) -> None:
    await post(client, SEEN[:1], LABELS[:1])
    await post(client, SEEN[:1], [])

    metrics = (await client.get("/metrics")).text
    for outcome in ("done", "refused"):
        counted = f'petroserve_imaging_total{{kind="calibrations",outcome="{outcome}"}} 1.0'
        assert counted in metrics
    assert 'petroserve_stage_seconds_count{stage="fit_colours"} 1.0' in metrics


BLANK = np.full((120, 160), 255, dtype=np.uint8)
ONE = np.where(LABELS[0] == 6, 6, 255).astype(np.uint8)
# Two minerals that the reference tells apart, over any photograph.
HALVES = np.where(np.arange(160) < 80, 0, 6).astype(np.uint8) * np.ones((120, 1), dtype=np.uint8)
BAD: dict[str, tuple[list[Any], list[Any], dict[str, Any] | None, int, tuple[str, ...]]] = {
    "neither labels nor a white": (SEEN[:1], [], None, 400, ("neither labels nor a white",)),
    "labels of another size": (SEEN[:1], [LABELS[0][:-1]], None, 422, ("(119, 160)", "(120, 160)")),
    "labels of nothing": (SEEN[:1], [BLANK], None, 422, ("labelled",)),
    "labels that are a photograph": (SEEN[:1], SEEN[:1], None, 422, ()),
    "labels and a white": (SEEN[:1], LABELS[:1], {"white_rgb": [200, 200, 200]}, 422, ("white",)),
    "two images, one label image": (SEEN, LABELS[:1], None, 422, ("2 images and 1 label",)),
    "one image, two label images": (SEEN[:1], LABELS, None, 422, ("1 images and 2 label",)),
    "two images without labels": (SEEN, [], None, 422, ("2 images", "without labels")),
    "a white for two images": (SEEN, [], {"white_rgb": [200, 200, 200]}, 422, ("2 images",)),
    "no image": ([], LABELS[:1], None, 400, ("'image' is missing", "image=@field.png")),
    "saturated white": (SEEN[:1], [], {"white_rgb": [255, 255, 255]}, 422, ("saturated",)),
    "white without blue": (SEEN[:1], [], {"white_rgb": [200, 200]}, 422, ("white_rgb",)),
    "white beyond the levels": (SEEN[:1], [], {"white_rgb": [200, 200, 300]}, 422, ("white_rgb",)),
    "white in words": (SEEN[:1], [], {"white_rgb": ["1", "2", "3"]}, 422, ("white_rgb",)),
    "unknown reference": (SEEN[:1], LABELS[:1], {"reference": "mars"}, 422, ("reference",)),
    "reference without colours": (
        SEEN[:1],
        LABELS[:1],
        {"reference": {"name": "empty", "source": "", "colours": []}},
        422,
        ("colours",),
    ),
    "unknown field": (SEEN[:1], LABELS[:1], {"colour": 1}, 422, ("colour",)),
    "anchors of one colour": (
        [np.full_like(SEEN[0], 150)],
        [HALVES],
        None,
        422,
        ("one colour", "do not fit the photograph"),
    ),
    "saturated image": ([np.full_like(SEEN[0], 255)], LABELS[:1], None, 422, ("saturated",)),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_cannot_be_calibrated_is_refused(client: httpx.AsyncClient, case: str) -> None:
    images, labels, request, status, words = BAD[case]

    response = await post(client, images, labels, request)

    assert_problem(response, status, *words)


async def test_one_anchor_gives_the_simplest_model_and_says_so(client: httpx.AsyncClient) -> None:
    response = await post(client, SEEN[:1], [ONE])

    assert response.status_code == 201, response.text
    assert response.json()["model"] == "white-balance"
    assert response.json()["warnings"]


async def test_an_unknown_calibration_is_not_found(client: httpx.AsyncClient) -> None:
    unknown = hashlib.sha256(b"never made").hexdigest()
    for calibration_id in (unknown, "..", "../analyses/x", "X" * 64):
        answer = await client.post(
            "/v1/analyses",
            files={"image": ("field.png", png(SEEN[0]))},
            data={"request": json.dumps({"calibration": calibration_id})},
        )
        problem = assert_problem(answer, 404, "calibration")
        assert problem["type"] == "urn:petroserve:problem:calibration-not-found"
    assert_problem(await client.get(f"/v1/calibrations/{unknown}"), 404, unknown)


async def test_too_many_images_are_refused(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts", max_fields=2)
    async with running_service(settings) as (client, _):
        assert_problem(await post(client, SEEN[:1] * 3, []), 422, "3 times", "at most 2")
        assert_problem(await post(client, SEEN[:1] * 30, []), 400, "Too many files")


async def test_too_many_bytes_of_a_series_are_refused(model_folder: Path, tmp_path: Path) -> None:
    limits = {"max_series_bytes": 10_000, "max_image_bytes": 100_000}
    settings = settings_for(model_folder, tmp_path / "artefacts", **limits)
    async with running_service(settings) as (client, _):
        noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8)
        assert_problem(await post(client, [noise] * 6, []), 413, "are accepted")

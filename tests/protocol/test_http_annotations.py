"""Annotations over HTTP: drawn step by step, on record, the same everywhere and after a restart."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from pathlib import Path

import httpx
import numpy as np
import pytest

from petrography.annotation import prepare
from petrography.image_codec import decode_image, decode_labels
from service.audit import entries_of
from service.engine import Engine
from tests.annotated import (
    EVERY_SQUARE,
    PHOTOGRAPH,
    TRUTH,
    begun,
    draw,
    drawn,
    labels_of,
    square,
    standing_strokes,
    stroke,
    undo,
)
from tests.hostile.refusals import assert_problem
from tests.http_service import png, running_service, settings_for
from tests.s3_stand_in import BUCKET

pytestmark = pytest.mark.anyio

URL = f"s3://{BUCKET}/results"
NOW = dt.datetime.now(dt.UTC)
DRAWN_FILES = ("labels.png", "confidence.png", "origin.png")


async def files_of(client: httpx.AsyncClient, place: str) -> dict[str, bytes]:
    names = (*DRAWN_FILES, "overlay.jpg", "image.png", "steps")
    return {name: (await client.get(f"{place}/{name}")).content for name in names}


async def test_an_annotation_from_begin_to_end(client: httpx.AsyncClient) -> None:
    sample = {"id": "SEC-0007", "operator": "Ada"}
    place = await begun(client, {"association": "0,1,2,6", "um_per_px": 0.5, "sample": sample})
    document = (await client.get(place)).json()

    assert place == f"/v1/annotations/{document['id']}"
    assert (document["shape"], document["um_per_px"]) == ([120, 160], 0.5)
    assert document["sample"]["id"] == "SEC-0007"
    assert [one["code"] for one in document["classes"]] == [0, 1, 2, 6]
    assert document["classes"][1] == {
        "code": 1, "symbol": "Ccp", "name": "chalcopyrite", "colour": "#ffd228",
    }  # fmt: skip
    assert (document["steps"], document["annotated_fraction"]) == (0, 0.0)
    assert document["area_fraction"] == {}
    for number, one in enumerate(EVERY_SQUARE, start=1):
        answer = await draw(client, place, one)
        assert (answer.status_code, answer.json()["step"]) == (200, number), answer.text

    # Painted squares, a stroke in each: only mixed colours along their borders may stay open.
    labels = await labels_of(client, place)
    open_px = labels == 255
    assert open_px.mean() < 0.15
    assert (labels == TRUTH)[~open_px].mean() > 0.99
    after = (await client.get(place)).json()
    assert (after["steps"], after["last_step"]) == (12, 12)
    assert after["annotated_fraction"] == pytest.approx(1.0 - open_px.mean())
    assert sum(after["area_fraction"].values()) == pytest.approx(1.0)
    assert {**document, **{name: after[name] for name in after}} == after
    for file in after["artefacts"]:
        read = await client.get(file["href"])
        assert (read.status_code, read.headers["content-type"]) == (200, file["media_type"])
    picture = decode_image((await client.get(f"{place}/image.png")).content).pixels
    assert np.array_equal(picture, decode_image(PHOTOGRAPH).pixels)


async def test_the_record_drawn_again_gives_the_label_images(client: httpx.AsyncClient) -> None:
    place = await begun(client)
    for one in EVERY_SQUARE[:5]:
        await draw(client, place, one)
    await undo(client, place, 5)
    await draw(client, place, stroke(None, (20.0, 20.0), width_px=9.0), square(1, 1, exact=True))

    again = drawn(
        (await client.get(f"{place}/image.png")).content, await standing_strokes(client, place)
    )
    planes = (again.labels, again.confidence, again.origin)
    for name, plane in zip(DRAWN_FILES, planes, strict=True):
        kept = decode_image((await client.get(f"{place}/{name}")).content).pixels[..., 0]
        assert np.array_equal(kept, plane), name
    assert set(np.unique(again.origin)) == {0, 1, 2}


async def test_the_answer_holds_what_has_changed_and_nothing_else(
    client: httpx.AsyncClient,
) -> None:
    place = await begun(client)
    shown = await labels_of(client, place)
    assert set(np.unique(shown)) == {255}
    changes = [draw(client, place, one) for one in EVERY_SQUARE]
    for change in (*changes, undo(client, place, 12), undo(client, place, 11)):
        answer = (await change).json()
        part = answer["changed"]
        patch = decode_labels(base64.b64decode(answer["labels_png"]))
        assert patch.shape == (part["height"], part["width"])
        rows = slice(part["row"], part["row"] + part["height"])
        shown[rows, part["column"] : part["column"] + part["width"]] = patch
        assert np.array_equal(shown, await labels_of(client, place))
        assert answer["annotated_fraction"] == pytest.approx((shown != 255).mean())

    twice = await draw(client, place, EVERY_SQUARE[0])
    assert twice.json()["labels_png"] is None
    assert twice.json()["changed"] == {"row": 0, "column": 0, "height": 0, "width": 0}


async def test_steps_are_taken_back_the_last_first(client: httpx.AsyncClient) -> None:
    place = await begun(client)
    assert_problem(await undo(client, place, 1), 409, "no step of the annotation stands")
    before = []
    for one in EVERY_SQUARE[:3]:
        before.append(await labels_of(client, place))
        await draw(client, place, one)

    assert_problem(await undo(client, place, 2), 409, "only the last step", "3")
    for number in (3, 2):
        answer = (await undo(client, place, number)).json()
        assert (answer["step"], answer["last_step"]) == (number, number - 1)
        assert np.array_equal(await labels_of(client, place), before[number - 1])
    assert_problem(await undo(client, place, 3), 409)
    # Numbers of what was taken back are not given again.
    assert (await draw(client, place, square(2, 2))).json()["step"] == 6
    assert_problem(await undo(client, place, 2), 409)
    entries = (await client.get(f"{place}/steps")).json()["entries"]
    assert [one["number"] for one in entries] == [1, 2, 3, 4, 5, 6]
    assert [one["takes_back"] for one in entries] == [None, None, None, 3, 2, None]
    assert [len(one["strokes"]) for one in entries] == [1, 1, 1, 0, 0, 1]


@pytest.mark.parametrize("told", ["", "/labels.png", "/steps", "/proposals"])
async def test_a_step_is_only_drawn_in_the_state_that_was_seen(
    client: httpx.AsyncClient, told: str
) -> None:
    place = await begun(client)
    await draw(client, place, square(0, 0))
    seen = {"If-Match": f'"another", {(await client.get(f"{place}{told}")).headers["etag"]}'}

    done = await draw(client, place, square(0, 1), headers=seen)
    late = await draw(client, place, square(0, 2), headers=seen)

    assert done.status_code == 200, done.text
    problem = assert_problem(late, 412, done.headers["etag"])
    assert problem["type"] == "urn:petroserve:problem:precondition-failed"
    assert_problem(await undo(client, place, 2, headers=seen), 412)
    assert (await client.get(place)).json()["steps"] == 2
    known = {"If-Match": done.headers["etag"]}
    assert (await undo(client, place, 2, headers=known)).status_code == 200
    assert (await draw(client, place, square(0, 1), headers={"If-Match": "*"})).status_code == 200
    assert_problem(await draw(client, place, square(0, 1), headers={"If-Match": "0"}), 412)


async def test_files_are_asked_for_anew_only_after_a_change(client: httpx.AsyncClient) -> None:
    place = await begun(client)
    await draw(client, place, square(0, 0))
    for name in ("", "/labels.png", "/overlay.jpg", "/steps", "/proposals?budget_percent=20"):
        first = await client.get(f"{place}{name}")
        known = {"If-None-Match": first.headers["etag"]}
        assert (await client.get(f"{place}{name}", headers=known)).status_code == 304
        await draw(client, place, square(0, 1))
        assert (await client.get(f"{place}{name}", headers=known)).status_code == 200
    part = await client.get(f"{place}/labels.png", headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PNG")
    photograph = await client.get(f"{place}/image.png")
    assert "immutable" in photograph.headers["cache-control"]
    assert photograph.headers["etag"].endswith('-image.png"')


async def test_its_labels_are_truth_for_evaluations_and_labels_for_calibrations(
    client: httpx.AsyncClient,
) -> None:
    place = await begun(client)
    await draw(client, place, *EVERY_SQUARE)
    labels = (await client.get(f"{place}/labels.png")).content
    photograph = (await client.get(f"{place}/image.png")).content

    parts = {"truth": ("t.png", labels), "prediction": ("p.png", png(TRUTH))}
    judged = await client.post("/v1/evaluations", files={**parts, "image": ("i.png", photograph)})
    assert judged.status_code == 201, judged.text
    assert judged.json()["pixel_accuracy"] > 0.98
    fitted = await client.post(
        "/v1/calibrations", files={"image": ("i.png", photograph), "labels": ("l.png", labels)}
    )
    assert fitted.status_code == 201, fitted.text
    assert {one["code"] for one in fitted.json()["anchors"]} <= set(TRUTH.ravel().tolist())


async def test_proposals_follow_colours_or_the_doubts_of_an_analysis(
    client: httpx.AsyncClient,
) -> None:
    place = await begun(client)
    await draw(client, place, square(0, 0))
    analysed = await client.post("/v1/analyses", files={"image": ("field.png", PHOTOGRAPH)})
    analysis_id = analysed.json()["id"]

    for asked in ("budget_percent=20", f"budget_percent=20&analysis={analysis_id}"):
        response = await client.get(f"{place}/proposals?{asked}")
        assert response.status_code == 200, response.text
        proposals = response.json()["proposals"]
        assert proposals
        shown = await labels_of(client, place)
        for one in proposals:
            row, column = map(int, one["centre"])
            assert shown[row, column] == 255
            region = one["region"]
            assert region["row"] <= row < region["row"] + region["height"]
            assert region["column"] <= column < region["column"] + region["width"]
    smaller = await client.post(
        "/v1/analyses", files={"image": ("field.png", png(np.full((20, 30, 3), 20, np.uint8)))}
    )
    other = f"{place}/proposals?analysis={smaller.json()['id']}"
    assert_problem(await client.get(other), 422, "(20, 30)", "(120, 160)")
    unknown = f"{place}/proposals?analysis=00000000-0000-4000-8000-000000000000"
    assert_problem(await client.get(unknown), 404)
    for budget in ("0", "101", "nan", "-1", "x"):
        assert_problem(await client.get(f"{place}/proposals?budget_percent={budget}"), 422)


async def test_a_restart_changes_no_byte(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(model_folder, tmp_path / "kept")
    async with running_service(settings) as (client, _):
        place = await begun(client)
        for one in EVERY_SQUARE[:6]:
            await draw(client, place, one)
        await undo(client, place, 6)
        before = await files_of(client, place)
    async with running_service(settings) as (client, _):
        assert await files_of(client, place) == before
        # What was drawn before the restart can be taken back as well.
        assert (await undo(client, place, 5)).json()["steps"] == 4
        assert (await undo(client, place, 4)).json()["steps"] == 3
        again = drawn(PHOTOGRAPH, await standing_strokes(client, place))
        assert np.array_equal(await labels_of(client, place), again.labels)


async def test_little_memory_changes_no_byte(model_folder: Path, tmp_path: Path) -> None:
    little = settings_for(model_folder, tmp_path / "kept", annotations_memory_bytes=1)
    async with running_service(little) as (client, _):
        places = [await begun(client), await begun(client)]
        for one in EVERY_SQUARE[:4]:
            for place in places:
                assert (await draw(client, place, one)).status_code == 200
        for place in places:
            again = drawn(PHOTOGRAPH, await standing_strokes(client, place))
            assert np.array_equal(await labels_of(client, place), again.labels)


async def test_every_step_is_on_record_before_it_is_drawn(
    http_service: tuple[httpx.AsyncClient, Engine], tmp_path: Path
) -> None:
    client, engine = http_service
    place = await begun(client)
    await draw(client, place, square(0, 0))
    await undo(client, place, 1)

    folder = engine.settings.audit_log_folder
    made, *changes = [one for one in entries_of(folder) if one.event.startswith("annotation.")]
    assert (made.event, f"/v1/annotations/{made.subject}") == ("annotation.made", place)
    assert [one.facts["step"] for one in changes] == [1, 2]
    kept = engine.settings.artefacts_folder / "annotations" / made.subject
    for one in changes:
        entry = (kept / f"step.{one.facts['step']}.json").read_bytes()
        assert one.facts["step_sha256"] == hashlib.sha256(entry).hexdigest()
    aside = folder.rename(tmp_path / "aside")
    folder.write_bytes(b"no folder")
    refused = await draw(client, place, square(0, 1))
    assert_problem(refused, 503)
    folder.unlink()
    aside.rename(folder)
    assert (await client.get(place)).json()["steps"] == 0
    assert set(np.unique(await labels_of(client, place))) == {255}
    assert (await draw(client, place, square(0, 1))).json()["step"] == 3


OTHER_SHAPE = prepare(np.zeros((32, 40, 3), dtype=np.uint8)).to_bytes()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("step.1.json", b"{}"),
        ("step.1.json", b'{"number": 7}'),
        ("annotation.json", b"{}"),
        ("superpixels.npz", b"nothing"),
        ("superpixels.npz", OTHER_SHAPE),
        ("superpixels.npz", None),
    ],
    ids=["step", "step of another number", "document", "superpixels", "of another shape", "gone"],
)
async def test_what_is_damaged_is_told(
    http_service: tuple[httpx.AsyncClient, Engine], name: str, content: bytes | None
) -> None:
    client, engine = http_service
    place = await begun(client)
    await draw(client, place, square(0, 0))
    kept = engine.settings.artefacts_folder / "annotations" / place.rpartition("/")[2] / name
    if content is None:
        kept.unlink()
    else:
        kept.write_bytes(content)
    async with running_service(engine.settings) as (another, _):
        answer = await another.get(f"{place}/labels.png")
        problem = assert_problem(answer, 503)
        assert problem["type"] == "urn:petroserve:problem:result-damaged"


async def test_metrics_know_kinds_and_no_ids(client: httpx.AsyncClient) -> None:
    place = await begun(client)
    await draw(client, place, square(0, 0))

    metrics = (await client.get("/metrics")).text
    assert 'petroserve_imaging_total{kind="annotations",outcome="done"} 1.0' in metrics
    assert 'petroserve_stage_seconds_count{stage="annotate"} 1.0' in metrics
    assert 'route="/v1/annotations/{result_id}/steps"' in metrics
    assert place.rpartition("/")[2] not in metrics

"""Evaluations over HTTP: what the command writes, kept, of files or of kept analyses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from petrography.errors import AuditUnavailableError
from petrography.image_codec import decode_image
from service.audit import entries_of
from service.engine import Engine
from tests.command_runs import Run
from tests.hostile.refusals import assert_problem
from tests.http_service import png
from tests.tiny_model import CODES, paint

pytestmark = pytest.mark.anyio

INDICES = np.kron(np.random.default_rng(3).integers(0, 4, (5, 6)), np.ones((8, 8), dtype=int))
TRUTH = np.array(CODES, dtype=np.uint8)[INDICES]
TRUTH[:4] = 255
PREDICTION = np.roll(TRUTH, 2, axis=1)
PREDICTION[:4] = 0
NAMES = {"evaluation.json", "tables.md", "confusion.csv", "confusion.png", "error_map.png"}
Pixels = NDArray[np.uint8]


async def post(
    client: httpx.AsyncClient,
    truths: list[Any],
    predictions: list[Any],
    request: dict[str, Any] | None = None,
    images: list[Any] | None = None,
) -> httpx.Response:
    parts = {"truth": truths, "prediction": predictions, "image": images or []}
    files = [
        (part, (f"{part}{number}.png", one if isinstance(one, bytes) else png(one)))
        for part, series in parts.items()
        for number, one in enumerate(series)
    ]
    data = {"request": json.dumps(request or {})}
    return await client.post("/v1/evaluations", files=files, data=data)


async def test_an_evaluation_has_the_figures_and_files_of_the_command(
    client: httpx.AsyncClient, run: Run, tmp_path: Path
) -> None:
    asked = {"association": "S1", "border_px": 2}
    response = await post(client, [TRUTH], [PREDICTION], asked)

    assert response.status_code == 201, response.text
    document, place = response.json(), response.headers["location"]
    assert place == f"/v1/evaluations/{document['id']}"
    paths = [tmp_path / "p.png", tmp_path / "t.png"]
    for path, labels in zip(paths, (PREDICTION, TRUTH), strict=True):
        path.write_bytes(png(labels))
    words = ["evaluate", "--prediction", paths[0], "--truth", paths[1], "--out", tmp_path / "out"]
    status, _, _ = run(*words, "--association", "S1", "--border-px", 2)
    assert status == 0
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    figures = json.loads(written.pop("metrics.json"))
    assert {name: document[name] for name in figures} == figures
    assert set(written) | {"evaluation.json"} == NAMES | {"panel.png"}
    for name, content in written.items():
        assert (await client.get(f"{place}/{name}")).content == content, name
    kept = await client.get(place)
    assert (kept.status_code, kept.content) == (200, response.content)
    tag = {"If-None-Match": kept.headers["etag"]}
    assert (await client.get(place, headers=tag)).status_code == 304


async def test_labels_of_a_kept_analysis_are_judged(client: httpx.AsyncClient) -> None:
    image = png(paint(INDICES))
    made = await client.post("/v1/analyses", files={"image": ("field.png", image)})
    labels = (await client.get(f"{made.headers['location']}/labels.png")).content
    analysis_id = made.json()["id"]

    by_id = await post(client, [TRUTH], [], {"analyses": [analysis_id]}, [image])
    sent = await post(client, [TRUTH], [labels])

    assert by_id.status_code == 201, by_id.text
    (judged,), (other,) = by_id.json().pop("images"), sent.json().pop("images")
    assert (judged["analysis"], judged["prediction"]) == (analysis_id, None)
    assert judged["prediction_sha256"] == other["prediction_sha256"]
    assert by_id.json()["iou"] == sent.json()["iou"]
    assert by_id.json()["pixel_accuracy"] == 1.0


async def test_several_pairs_are_counted_together(client: httpx.AsyncClient) -> None:
    response = await post(client, [TRUTH, TRUTH], [TRUTH, PREDICTION])
    refused = await post(client, [TRUTH, TRUTH[:8]], [TRUTH, TRUTH])

    assert response.status_code == 201, response.text
    document, place = response.json(), response.headers["location"]
    first, second = document["images"]
    assert first["pixel_accuracy"] == 1.0
    right = first["pixels"] + second["pixels"] * second["pixel_accuracy"]
    assert document["pixel_accuracy"] * document["pixels"] == pytest.approx(right)
    for one in (first, second):
        picture = (await client.get(f"{place}/{one['error_map']}")).content
        assert decode_image(picture).pixels.shape == (*TRUTH.shape, 3)
        assert (await client.get(f"{place}/{one['panel']}")).status_code == 200
    assert first["error_map"] != second["error_map"]
    assert_problem(refused, 422, "'truth1.png'", "'prediction1.png'", "same size")


def strange(code: int) -> Pixels:
    labels = TRUTH.copy()
    labels[-1, -1] = code
    return labels


NOBODY = np.full_like(TRUTH, 255)
PHOTO = paint(INDICES)
ID = "00000000-0000-4000-8000-000000000000"
BAD: dict[str, tuple[list[Any], list[Any], dict[str, Any], int, tuple[str, ...]]] = {
    "no truth": ([], [TRUTH], {}, 400, ("'truth' is missing",)),
    "no prediction": ([TRUTH], [], {}, 400, ("'prediction'", "analyses")),
    "sizes differ": ([TRUTH], [TRUTH[:-1]], {}, 422, ("prediction0.png", "same size")),
    "unknown true code": ([strange(77)], [TRUTH], {}, 422, ("truth0.png", "[77]")),
    "unknown code": ([TRUTH], [strange(200)], {}, 422, ("prediction0.png", "[200]")),
    "unlabelled prediction": ([TRUTH], [NOBODY], {}, 422, ("prediction0.png", "is 255")),
    "nothing annotated": ([NOBODY], [TRUTH], {}, 422, ("truth0.png", "annotated")),
    "not of the association": ([TRUTH], [TRUTH], {"association": "2"}, 422, ("[1, 6]",)),
    "colours as truth": ([PHOTO], [TRUTH], {}, 422, ("truth0.png", "channels")),
    "colours as prediction": ([TRUTH], [PHOTO], {}, 422, ("prediction0.png", "channels")),
    "no image format": ([TRUTH], [b"labels"], {}, 415, ("prediction0.png",)),
    "cut short": ([png(TRUTH)[:-30]], [TRUTH], {}, 422, ("truth0.png",)),
    "one truth, two predictions": ([TRUTH], [TRUTH, TRUTH], {}, 422, ("1 truths and 2",)),
    "both": ([TRUTH], [TRUTH], {"analyses": [ID]}, 422, ("wanted one",)),
    "unknown analysis": ([TRUTH], [], {"analyses": [ID]}, 404, (ID,)),
    "an analysis that is a path": ([TRUTH], [], {"analyses": ["../x"]}, 404, ("../x",)),
    "unknown association": ([TRUTH], [TRUTH], {"association": "S9"}, 422, ("S9",)),
    "border of nothing": ([TRUTH], [TRUTH], {"border_px": 0}, 422, ("border_px",)),
    "border without end": ([TRUTH], [TRUTH], {"border_px": 10**9}, 422, ("border_px",)),
    "unknown field": ([TRUTH], [TRUTH], {"colour": 1}, 422, ("colour",)),
}


async def test_what_cannot_be_judged_is_refused(
    http_service: tuple[httpx.AsyncClient, Engine],
) -> None:
    client, engine = http_service
    for case, (truths, predictions, request, status, words) in BAD.items():
        response = await post(client, truths, predictions, request)
        assert (case, response.status_code) == (case, status), response.text
        assert_problem(response, status, *words)
    photograph = await post(client, [TRUTH], [TRUTH], None, [PHOTO[:-1]])
    assert_problem(photograph, 422, "same size")
    assert list((engine.settings.artefacts_folder / "evaluations").iterdir()) == []
    assert engine.admission.taken == 0
    metrics = (await client.get("/metrics")).text
    assert 'petroserve_imaging_total{kind="evaluations",outcome="refused"}' in metrics
    assert 'kind="evaluations",outcome="failed"' not in metrics
    assert_problem(await client.get(f"/v1/evaluations/{ID}"), 404, ID)


async def test_label_images_of_any_shape(client: httpx.AsyncClient) -> None:
    shapes = [(1, 1), (1, 3000), (3000, 1)]
    labels = [np.ones(shape, dtype=np.uint8) for shape in shapes]
    response = await post(client, labels, labels)

    assert response.status_code == 201, response.text
    assert (response.json()["mean_iou"], response.json()["void_border_mean_iou"]) == (1.0, None)
    for shape, one in zip(shapes, response.json()["images"], strict=True):
        picture = await client.get(f"{response.headers['location']}/{one['error_map']}")
        assert decode_image(picture.content).pixels.shape == (*shape, 3)


async def test_an_evaluation_is_on_record_or_not_kept(
    http_service: tuple[httpx.AsyncClient, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, engine = http_service
    made = (await post(client, [TRUTH], [TRUTH])).json()["id"]

    def refuse(*_: object) -> None:
        raise AuditUnavailableError("the disk is full")

    entries = entries_of(engine.settings.audit_log_folder)
    assert [one.subject for one in entries if one.event == "evaluation.made"] == [made]
    monkeypatch.setattr(engine.audit, "made", refuse)
    assert_problem(await post(client, [TRUTH], [TRUTH]), 503)
    kept = engine.settings.artefacts_folder / "evaluations"
    assert [path.name for path in kept.iterdir()] == [made]

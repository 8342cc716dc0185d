"""Annotations over HTTP, for tests: a photograph, strokes on it, and what Python makes of both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

from petrography.annotation import Annotation, Stroke, prepare
from petrography.image_codec import decode_image, decode_labels
from petrography.images import Labels
from tests.http_service import png
from tests.tiny_model import CODES, paint

# Squares of 40 px a side, of four classes.
INDICES = np.kron(np.random.default_rng(4).integers(0, 4, (3, 4)), np.ones((40, 40), dtype=int))
TRUTH: Labels = np.array(CODES, dtype=np.uint8)[INDICES]
PHOTOGRAPH = png(paint(INDICES))


def stroke(code: int | None, *points: tuple[float, float], **others: Any) -> dict[str, Any]:
    return {"code": code, "points": points, **others}


def square(row: int, column: int, **others: Any) -> dict[str, Any]:
    """A stroke in the middle of one of the squares, of its class."""
    first = row * 40 + 20.0, column * 40 + 10.0
    return stroke(
        int(TRUTH[int(first[0]), int(first[1])]), first, (first[0], first[1] + 20.0), **others
    )


EVERY_SQUARE = [square(row, column) for row in range(3) for column in range(4)]


async def begun(
    client: httpx.AsyncClient, request: dict[str, Any] | None = None, **others: Any
) -> str:
    """Begin an annotation; gives its place."""
    files = {"image": ("field.png", PHOTOGRAPH)}
    data = {"request": json.dumps(request or {})}
    response = await client.post("/v1/annotations", files=files, data=data, **others)
    assert response.status_code == 201, response.text
    return response.headers["location"]


async def draw(
    client: httpx.AsyncClient, place: str, *strokes: dict[str, Any], **others: Any
) -> httpx.Response:
    """Draw one step."""
    return await client.post(f"{place}/steps", json={"strokes": strokes}, **others)


async def undo(client: httpx.AsyncClient, place: str, number: int, **others: Any) -> httpx.Response:
    return await client.delete(f"{place}/steps/{number}", **others)


async def standing_strokes(client: httpx.AsyncClient, place: str) -> list[list[Stroke]]:
    """The steps that stand, as the record tells."""
    entries = (await client.get(f"{place}/steps")).json()["entries"]
    steps: dict[int, list[Stroke]] = {}
    for entry in entries:
        if entry["takes_back"] is None:
            steps[entry["number"]] = [Stroke.model_validate(one) for one in entry["strokes"]]
        else:
            del steps[entry["takes_back"]]
    return list(steps.values())


def drawn(photograph: bytes, steps: Sequence[Sequence[Stroke]]) -> Annotation:
    """What Python makes of a photograph and steps."""
    annotation = Annotation(prepare(decode_image(photograph).pixels))
    for step in steps:
        annotation.draw(step)
    return annotation


async def labels_of(client: httpx.AsyncClient, place: str) -> Labels:
    """The label image as it stands."""
    return decode_labels((await client.get(f"{place}/labels.png")).content)

"""One table of requests over HTTP and gRPC: the same answers and the same errors."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from service.status import STATUS_TABLE
from tests.grpc_service import Service, analyse, begin, part, problem
from tests.http_service import png, png_header
from tests.tiny_model import CODES, paint

pytestmark = pytest.mark.anyio

INDICES = np.random.default_rng(7).integers(0, len(CODES), (70, 130))
FIELD = png(paint(INDICES))
GRPC_CODES = {status.slug: status.grpc for status in STATUS_TABLE.values()}


@dataclass(frozen=True)
class Asked:
    """One request: its files in order, and its JSON."""

    files: list[tuple[str, bytes]] = field(default_factory=lambda: [("image", FIELD)])
    request: str | None = None


VIEWS = '{"views": [{"part": "x30", "light": "XPL", "stage_angle_deg": 30}]}'
GOOD = {
    "plain": Asked(),
    "with a scale": Asked(request='{"um_per_px": 0.5}'),
    "association": Asked(request='{"association": "1,2", "model": "tiny:1"}'),
    "all outputs": Asked(request='{"outputs": ["labels.png", "modal.csv", "grains.csv"]}'),
    "request as a file": Asked([("image", FIELD), ("request", b'{"um_per_px": 2.0}')]),
    "one pixel": Asked([("image", png(paint(np.ones((1, 1), dtype=np.intp))))]),
}
BAD = {
    "nothing": Asked([]),
    "no image": Asked([("request", b"{}")]),
    "two images": Asked([("image", FIELD), ("image", FIELD)]),
    "unknown part": Asked([("image", FIELD), ("mask", FIELD)]),
    "view that is missing": Asked(request=VIEWS),
    "view named like the image": Asked(request=VIEWS.replace("x30", "image")),
    "two requests": Asked([("image", FIELD), ("request", b"{}")], request="{}"),
    "no JSON": Asked(request="{"),
    "unknown field": Asked(request='{"colour": 1}'),
    "name twice": Asked(request='{"um_per_px": 1.0, "um_per_px": 2.0}'),
    "scale below nothing": Asked(request='{"um_per_px": -1.0}'),
    "unknown model": Asked(request='{"model": "other"}'),
    "unknown version": Asked(request='{"model": "tiny:9"}'),
    "unknown calibration": Asked(request='{"calibration": "0123456789abcdef"}'),
    "request over its limit": Asked(
        [("image", FIELD), ("request", b" " * 70_000)],
    ),
    "empty image": Asked([("image", b"")]),
    "no image format": Asked([("image", b"no image")]),
    "image cut short": Asked([("image", FIELD[:-100])]),
    "too many pixels": Asked([("image", png_header(50_000, 50_000))]),
    "too many bytes of image": Asked([("image", b"\x89PNG\r\n\x1a\n" + bytes(2_000_000))]),
}


async def over_http(client: httpx.AsyncClient, asked: Asked) -> httpx.Response:
    files: list[tuple[str, tuple[str | None, bytes]]] = [
        (name, ("file", content)) for name, content in asked.files
    ]
    if asked.request is not None:
        files.append(("request", (None, asked.request.encode())))
    empty = {} if files else {"content": b"--cut--\r\n"}
    kind = {} if files else {"Content-Type": "multipart/form-data; boundary=cut"}
    return await client.post("/v1/analyses", files=files or None, headers=kind, **empty)


async def over_grpc(service: Service, asked: Asked) -> dict[str, Any]:
    chunks = [begin()]
    if asked.request is not None:
        chunks[0].begin.request_json = asked.request.encode()
    for name, content in asked.files:
        chunks += part(name, content, chunk_bytes=100_000)
    events = await analyse(service, chunks)
    result: dict[str, Any] = json.loads(events[-1].finished.result_json)
    return result


def comparable(result: dict[str, Any]) -> dict[str, Any]:
    """What two runs of the same analysis have in common: all but the id and the time."""
    same: dict[str, Any] = json.loads(json.dumps(result).replace(result["id"], "ID"))
    del same["timings_s"]
    del same["provenance"]["started_utc"], same["provenance"]["finished_utc"]
    for artefact in same["artefacts"]:
        if artefact["name"] == "provenance.json":
            del artefact["sha256"]
    return same


async def test_the_same_answers(grpc_service: Service) -> None:
    for name, asked in GOOD.items():
        http = await over_http(grpc_service.http, asked)
        assert http.status_code == 201, (name, http.text)
        grpc_result = await over_grpc(grpc_service, asked)
        assert (name, comparable(grpc_result)) == (name, comparable(http.json()))


async def test_the_same_errors(grpc_service: Service) -> None:
    for name, asked in BAD.items():
        http = (await over_http(grpc_service.http, asked)).json()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await over_grpc(grpc_service, asked)
        told = problem(raised.value)
        assert told.pop("instance") == "/petroserve.v1.AnalysisService/Analyse"
        assert http.pop("instance") == "/v1/analyses"
        assert (name, told) == (name, http)
        assert 400 <= told["status"] < 500
        code = GRPC_CODES[told["type"].rpartition(":")[2]]
        assert raised.value.code() == grpc.StatusCode[code]
        assert raised.value.details() == told["detail"]

"""One analysis asked for in every way that there is: HTTP, gRPC, as a job, and by files.

Every way answers the result, or raises `Refused`; what is the same in all of them is left to
whoever compares.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import httpx
import pytest

from service.settings import Settings
from tests.command_runs import Run
from tests.grpc_service import Service, analyse, begin, part, problem

WITHIN_S = 60.0
ASYNC = {"Prefer": "respond-async"}
# How the command line says what a request says, and values of which kinds; it has no words for
# other fields.
OPTIONS: dict[str, tuple[str, set[type]]] = {
    "um_per_px": ("--um-per-px", {int, float}),
    "resampling_factor": ("--resampling-factor", {int, float}),
    "association": ("--association", {str}),
    "model": ("--model", {str}),
    "outputs": ("--outputs", {list}),
}
Result: TypeAlias = dict[str, Any]
Way: TypeAlias = Callable[["Asked"], Awaitable[Result]]


@dataclass(frozen=True)
class Asked:
    """One request: its files in order, and its JSON."""

    files: list[tuple[str, bytes]] = field(default_factory=list)
    request: str | bytes | None = None

    @property
    def text(self) -> bytes | None:
        return self.request.encode() if isinstance(self.request, str) else self.request


class Refused(Exception):
    """No result, and why: the members of a problem document that say what is wrong."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(document["detail"])
        assert set(document) - {"errors"} == {"type", "title", "status", "detail", "instance"}
        # Where it was asked: that differs from protocol to protocol.
        self.problem = {name: value for name, value in document.items() if name != "instance"}


def _answered(response: httpx.Response) -> Result:
    document: dict[str, Any] = response.json()
    if response.headers["content-type"] == "application/problem+json":
        assert response.status_code == document["status"]
        raise Refused(document)
    assert response.status_code in {200, 201}, response.text
    return document


async def _post(client: httpx.AsyncClient, asked: Asked, **headers: str) -> httpx.Response:
    files: list[tuple[str, tuple[str | None, bytes]]] = [
        (name, ("file", content)) for name, content in asked.files
    ]
    if asked.text is not None:
        files.append(("request", (None, asked.text)))
    empty = {} if files else {"content": b"--cut--\r\n"}
    if not files:
        headers["Content-Type"] = "multipart/form-data; boundary=cut"
    return await client.post("/v1/analyses", files=files or None, headers=headers, **empty)


async def over_http(service: Service, asked: Asked) -> Result:
    """Ask and wait."""
    return _answered(await _post(service.http, asked))


async def over_job(service: Service, asked: Asked) -> Result:
    """Ask, go, and look until there is a result or a reason why there is none."""
    async with asyncio.timeout(WITHIN_S):
        # The first job waits for its database, which a busy machine makes late.
        while (begun := await _post(service.http, asked, **ASYNC)).status_code == 503:
            await asyncio.sleep(0.02)
        if begun.status_code != 202:
            return _answered(begun)
        place = begun.headers["location"]
        while (now := await service.http.get(place)).status_code == 202:
            await asyncio.sleep(0.01)
    return _answered(now)


async def over_grpc(service: Service, asked: Asked) -> Result:
    """Stream it up, and wait for the last event."""
    chunks = [begin()]
    if asked.text is not None:
        chunks[0].begin.request_json = asked.text
    for name, content in asked.files:
        chunks += part(name, content, chunk_bytes=30_000)
    try:
        events = await analyse(service, chunks)
    except grpc.aio.AioRpcError as error:
        raise Refused(problem(error)) from error
    result: Result = json.loads(events[-1].finished.result_json)
    return result


def words_of(asked: Asked) -> list[str] | None:
    """Say a request on the command line; None where it has no words for it."""
    given = [name for name, _ in asked.files if name != "request"]
    if given not in (["image"], ["image", "region"]):
        return None
    texts = [content for name, content in asked.files if name == "request"]
    texts += [] if asked.text is None else [asked.text]
    try:
        (request,) = map(json.loads, texts or ["{}"])
        # A word of a command is text that can be written down.
        json.dumps(request, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict) or ("region" in given) != (request.get("region") == "region"):
        return None
    # It is a file of its own.
    request.pop("region", None)
    if request.keys() - OPTIONS.keys():
        return None
    if any(type(value) not in OPTIONS[name][1] for name, value in request.items()):
        return None
    if len(re.findall(r'":', str(texts))) > len(request) + ("region" in given):
        # One name twice: a command takes the last.
        return None
    return [
        f"{OPTIONS[name][0]}={','.join(value) if isinstance(value, list) else value}"
        for name, value in request.items()
    ]


def settle(environment: pytest.MonkeyPatch, settings: Settings) -> None:
    """Let commands have the settings of a service."""
    for name in ("models_folder", "provider", "threads", "max_image_bytes", "max_image_pixels"):
        environment.setenv(f"PETROSERVE_{name.upper()}", str(getattr(settings, name)))


def over_files(run: Run, folder: Path, asked: Asked) -> Result:
    """Analyse a file with the command, in a folder of its own."""
    words = words_of(asked)
    assert words is not None
    folder.mkdir()
    image = folder / "image"
    files = dict(asked.files)
    image.write_bytes(files["image"])
    if "region" in files:
        (folder / "region").write_bytes(files["region"])
        words += ["--region", str(folder / "region")]
    status, _, complaint = run("analyse", image, "--out", folder / "out", *words)
    if status:
        assert (status, complaint.count("\n")) == (2, 1), complaint
        assert not (folder / "out").exists() or not list((folder / "out").iterdir())
        said = complaint.removeprefix("petroserve: ").removeprefix(f"{image}: ").strip()
        document = {"type": None, "title": None, "status": None, "instance": None}
        raise Refused({**document, "detail": said})
    result: Result = json.loads((folder / "out" / "result.json").read_text())
    return result

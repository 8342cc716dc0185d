"""The service in this process, over HTTP without a socket."""

from __future__ import annotations

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.engine import Engine
from service.http_api import create_app
from service.jobs import Jobs
from service.repository import LoadedModel
from service.runtime import ModelNetworks
from service.settings import Settings
from service.telemetry import Telemetry

READY_WITHIN_S = 60.0
Beside = Callable[[Engine, Jobs], AbstractAsyncContextManager[object]]


def _nothing(_engine: Engine, _jobs: Jobs) -> AbstractAsyncContextManager[object]:
    return nullcontext()


def watch_runs(loaded: LoadedModel, observe: Callable[..., None]) -> None:
    """Let something be told, and held up by, every run of a model from now on."""
    # Its networks are made once; they are swapped for some that tell.
    vars(loaded)["networks"] = ModelNetworks(loaded.opened, observe, geometry=loaded.card.tile)


def settings_for(models_folder: Path, artefacts_folder: Path, **changes: object) -> Settings:
    """Settings of a small service on the CPU."""
    fields: dict[str, object] = {
        "models_folder": models_folder,
        "artefacts_folder": artefacts_folder,
        "audit_folder": artefacts_folder.with_name(f"{artefacts_folder.name}-audit"),
        "provider": "cpu",
        "threads": 1,
        "max_image_bytes": 2_000_000,
        "max_image_pixels": 4_000_000,
    }
    return Settings.model_validate(fields | changes)


@asynccontextmanager
async def running_service(
    settings: Settings, beside: Beside = _nothing
) -> AsyncIterator[tuple[httpx.AsyncClient, Engine]]:
    """Start the application, wait until it is ready, and stop it after the block."""
    engine = Engine(settings, Telemetry())
    app = create_app(engine, beside=partial(beside, engine))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://petroserve") as client,
    ):
        async with asyncio.timeout(READY_WITHIN_S):
            while (await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.005)
        yield client, engine


def png(pixels: NDArray[np.uint8]) -> bytes:
    """An image file: grey for (height, width), RGB for (height, width, 3)."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def png_header(width_px: int, height_px: int) -> bytes:
    """The beginning of a PNG that claims a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\r" + header + struct.pack(">I", zlib.crc32(header))


def part(name: str, content: bytes, *, filename: str | None = "file") -> bytes:
    """One part of a body whose boundary is ``cut``."""
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--cut\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    """A whole multipart body whose boundary is ``cut``."""
    return b"".join(parts) + b"--cut--\r\n"

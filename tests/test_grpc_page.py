"""docs/grpc.md does what it says: its program runs against the service."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.settings import Settings
from tests.documented_blocks import blocks
from tests.grpc_service import running_grpc
from tests.http_service import png, settings_for
from tests.tiny_model import CODES, paint, write_model

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "grpc.md").read_text(encoding="utf-8")
INDICES = np.random.default_rng(7).integers(0, len(CODES), (70, 130))


@pytest.mark.anyio
async def test_the_program_analyses_an_image(tmp_path: Path) -> None:
    program = blocks(PAGE, "python")[0]
    (tmp_path / "section.png").write_bytes(png(paint(INDICES)))
    write_model(tmp_path / "models")
    async with running_grpc(settings_for(tmp_path / "models", tmp_path / "artefacts")) as service:
        run = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            f"localhost:{service.port}",
            "section.png",
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await run.communicate()
    assert run.returncode == 0
    assert "segmentation 6 of 6" in printed.decode()
    assert "Bg 24.9 %" in printed.decode()
    labels = np.asarray(Image.open(tmp_path / "labels.png"))
    np.testing.assert_array_equal(labels, np.array(CODES)[INDICES])


def test_settings_have_the_defaults_that_the_page_names() -> None:
    settings = Settings()
    assert "| `PETROSERVE_GRPC_MAX_MESSAGE_BYTES` | 64 MiB |" in PAGE
    assert settings.grpc_max_message_bytes == 64 * 1024**2
    assert f"| `PETROSERVE_GRPC_MAX_CALLS` | {settings.grpc_max_calls} |" in PAGE
    assert f"| `PETROSERVE_GRPC_STOP_WITHIN_S` | {settings.grpc_stop_within_s:g} |" in PAGE
    assert settings.grpc_port == 3001
    assert "speaks gRPC on port 3001" in PAGE

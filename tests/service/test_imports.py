"""What the service must never load, seen in a fresh interpreter that really serves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FORBIDDEN = ("torch", "torchvision", "segmentation_models_pytorch", "timm", "training", "export")
ANALYSE = """
import asyncio
import sys
from pathlib import Path

import numpy as np

import service.bento.worker
from tests.http_service import png, running_service, settings_for

async def analyse() -> None:
    settings = settings_for(Path(sys.argv[1]), Path(sys.argv[2]))
    async with running_service(settings) as (client, _):
        image = png(np.zeros((20, 20, 3), dtype=np.uint8))
        response = await client.post("/v1/analyses", files={"image": ("black.png", image)})
        assert response.status_code == 201, response.text
        assert (await client.get("/docs")).status_code == 200

asyncio.run(analyse())
print(*sorted(sys.modules))
"""


def test_serving_reaches_neither_torch_nor_training(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", ANALYSE, str(model_folder), str(tmp_path / "artefacts")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    loaded = set(ended.stdout.split())
    assert "service.engine.engine" in loaded
    assert {name for name in loaded if name.split(".")[0] in FORBIDDEN} == set()


def test_importing_has_no_effects_on_the_home_folder(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", "import service.bento.worker"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        check=True,
    )

    assert list(tmp_path.iterdir()) == []

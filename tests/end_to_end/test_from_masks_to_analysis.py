"""The whole way as its users go it: train, export, judge, verify, serve, analyse."""

from __future__ import annotations

import json

import numpy as np
import pytest

import petroserve
from petrography.image_codec import decode_labels
from tests.http_service import running_service, settings_for
from tests.training.lumenstone_folder import GREY_OF_CODE, config_toml, paint_folder

pytest.importorskip("torch", reason="needs the train extra")

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("clean_environment")]

# Painted minerals differ in grey alone, so a minute of training is enough to tell most apart.
LONGER = """
epochs = 6
steps_per_epoch = 30
learning_rate = 1e-2
average = 0.9
"""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A folder with data, a trained run and a published model."""
    folder = tmp_path_factory.mktemp("workshop")
    data = paint_folder(folder / "data", per_subset=4)
    text = config_toml(data, folder / "runs", architecture="pspnet")
    head, _, tail = text.partition("[schedule]")
    rest = "\n".join(line for line in tail.splitlines() if "mixed" in line or "warmup" in line)
    config = folder / "run.toml"
    config.write_text(f"{head}[schedule]{LONGER}{rest}\n")
    assert petroserve.main(["train", str(config)]) == 0
    checkpoint = folder / "runs" / "painted" / "last.pt"
    assert petroserve.main(["export", str(checkpoint), str(folder / "models")]) == 0
    return folder


def test_the_published_model_passes_its_verification(workshop, capsys):
    assert petroserve.main(["models", "verify", "--models", str(workshop / "models")]) == 0
    assert "painted" in capsys.readouterr().out


def test_the_model_is_judged_beside_the_floor(workshop, capsys):
    words = ["test-model", "painted", "--data", str(workshop / "data"), "--split", "train"]
    assert petroserve.main([*words, "--models", str(workshop / "models")]) == 0
    printed = capsys.readouterr().out
    assert "nearest colour" in printed
    assert "**mean IoU**" in printed


@pytest.mark.anyio
async def test_command_line_and_service_see_the_painted_minerals(workshop, tmp_path):
    image = workshop / "data" / "S1v1" / "imgs" / "train" / "a02.png"
    out = tmp_path / "analysis"
    words = ["analyse", str(image), "--association", "S1", "--out", str(out)]
    assert petroserve.main([*words, "--models", str(workshop / "models")]) == 0

    settings = settings_for(workshop / "models", tmp_path / "artefacts")
    async with running_service(settings) as (client, _):
        answer = await client.post(
            "/v1/analyses",
            files={
                "image": image.read_bytes(),
                "request": (None, '{"association": "S1"}', "application/json"),
            },
        )
        assert answer.status_code == 201, answer.text
        labels = await client.get(f"/v1/analyses/{answer.json()['id']}/labels.png")

    assert labels.content == (out / "labels.png").read_bytes()
    truth = decode_labels((workshop / "data/S1v1/masks/train/a02.png").read_bytes())
    agreement = (decode_labels(labels.content) == truth).mean()
    # Seven minerals in blocks of 16 px through a network of output stride 8; a guess gives 0.14.
    assert agreement > 0.4
    result = json.loads((out / "result.json").read_text())
    assert sum(one["area_percent"] for one in result["modal"]) == pytest.approx(100.0, abs=0.01)
    assert {one["code"] for one in result["modal"]} <= set(GREY_OF_CODE)
    assert np.isfinite(result["uncertainty"]["mean_confidence"])

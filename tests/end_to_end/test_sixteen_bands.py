"""Stacks of sixteen bands the whole way: train, export, judge, verify, analyse, serve."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

import petroserve
from petrography.image_codec import decode_image, decode_labels
from petrography.model_card import parse_card
from tests.hostile.refusals import assert_problem
from tests.http_service import png, running_service, settings_for
from tests.training.band_folder import BANDS, band_config, npy_bytes, paint_bands, spectrum
from tests.training.lumenstone_folder import S2_CODES

pytest.importorskip("torch", reason="needs the train extra")

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("clean_environment")]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A folder with stacks, a trained run and a published model."""
    folder = tmp_path_factory.mktemp("bands")
    data = paint_bands(folder / "data")
    config = folder / "run.toml"
    config.write_text(band_config(data, folder / "runs", epochs=2, steps=20))
    assert petroserve.main(["train", str(config)]) == 0
    checkpoint = folder / "runs" / "sixteen" / "last.pt"
    words = ["export", str(checkpoint), str(folder / "models"), "--tile-px", "320"]
    assert petroserve.main(words) == 0
    return folder


@pytest.fixture(scope="module")
def card(workshop):
    path = workshop / "models/sixteen/1/model.json"
    return parse_card(path.read_bytes(), source=str(path))


def stack_and_truth(workshop, number=1):
    (path,) = (workshop / "data/bands/imgs/train").glob(f"{number:02d}.*")
    mask = workshop / f"data/bands/masks/train/{number:02d}.png"
    return path, decode_labels(mask.read_bytes())


def test_the_card_names_the_bands_and_the_proof_is_of_them(card):
    assert card.channels == BANDS
    assert len(card.mean) == len(card.std) == 16
    assert card.shown_channels == ("620 nm", "540 nm", "460 nm")
    assert card.training_colours_rgb == {}
    for code in S2_CODES:
        # The mean of thousands of pixels with noise of 4 levels.
        assert np.abs(np.array(card.training_bands[code]) - spectrum(code)).max() < 0.5
    assert all(one.max_probability_difference < 1e-4 for one in card.parity)
    # Spectra are all that the minerals differ in, and the nearest one is right.
    assert all(one.baseline_pixel_accuracy > 0.99 for one in card.evaluations)


def test_the_model_is_verified_and_judged_on_stacks(workshop, capsys):
    models = str(workshop / "models")
    assert petroserve.main(["models", "verify", "--models", models]) == 0
    words = ["test-model", "sixteen", "--data", str(workshop / "data"), "--split", "train"]
    assert petroserve.main([*words, "--subset", "bands=S2", "--models", models]) == 0
    assert "**mean IoU**" in capsys.readouterr().out


def test_the_command_line_analyses_a_stack_and_says_what_was_not_judged(workshop, tmp_path):
    path, truth = stack_and_truth(workshop)
    words = ["analyse", str(path), "--out", str(tmp_path), "--models", str(workshop / "models")]
    assert petroserve.main(words) == 0
    labels = decode_labels((tmp_path / "labels.png").read_bytes())
    # Blocks of 16 px through a network of 40 steps; a guess gives 0.2.
    assert (labels == truth).mean() > 0.6
    result = json.loads((tmp_path / "result.json").read_text())
    assert "the image has 16 bands, not red, green and blue" in result["quality"]["warnings"][0]
    for figure in ("focus", "dark_fraction", "hue_distance", "colour_distance"):
        assert result["quality"][figure] is None
    assert result["quality"]["calibrate_first"] is False
    assert result["provenance"]["parameters"]["channels"] == list(BANDS)


def test_the_overlay_shows_the_bands_that_the_card_names(workshop, tmp_path):
    path, truth = stack_and_truth(workshop)
    words = ["analyse", str(path), "--out", str(tmp_path), "--models", str(workshop / "models")]
    assert petroserve.main(words) == 0
    overlay = decode_image((tmp_path / "overlay.jpg").read_bytes()).pixels[: truth.shape[0]]
    labels = decode_labels((tmp_path / "labels.png").read_bytes())
    # Background is not tinted: there the bands themselves are seen, through a JPEG.
    inner = cv2.erode(((truth == 0) & (labels == 0)).astype(np.uint8), np.ones((9, 9))) > 0
    assert inner.sum() > 200
    places = [BANDS.index(name) for name in ("620 nm", "540 nm", "460 nm")]
    assert np.abs(overlay[inner].mean(axis=0) - spectrum(0)[places]).max() < 4.0


@pytest.mark.anyio
async def test_the_service_analyses_stacks_and_refuses_what_is_none(workshop, tmp_path):
    path, truth = stack_and_truth(workshop, number=0)
    content = path.read_bytes()
    settings = settings_for(workshop / "models", tmp_path / "artefacts")
    async with running_service(settings) as (client, _):

        async def post(image: bytes, request: str = "{}"):
            files = {"image": image, "request": (None, request, "application/json")}
            return await client.post("/v1/analyses", files=files)

        answer = await post(content)
        assert answer.status_code == 201, answer.text
        labels = await client.get(f"/v1/analyses/{answer.json()['id']}/labels.png")
        assert (decode_labels(labels.content) == truth).mean() > 0.6

        stack = np.load(path)
        for wrong in (png(stack[..., :3].copy()), npy_bytes(stack[..., :15])):
            refused = await post(wrong)
            assert_problem(refused, 422)
            assert "wanted 16 bands" in refused.json()["detail"]
            assert "sixteen sees 400 nm, 420 nm" in refused.json()["detail"]
        for request in ('{"calibration": "abc"}', '{"lens": "abc"}'):
            refused = await post(content, request)
            assert_problem(refused, 422)
            assert "belong to photographs; sixteen sees 16 bands" in refused.json()["detail"]
        assert_problem(await post(npy_bytes(stack)[:-1]), 422)
        assert_problem(await post(npy_bytes(stack.astype(np.float32))), 415)


def test_views_and_panoramas_belong_to_photographs(workshop, tmp_path, capsys):
    path, _ = stack_and_truth(workshop)
    models = ["--models", str(workshop / "models")]
    words = [
        "analyse",
        str(path),
        "--out",
        str(tmp_path / "a"),
        "--view",
        f"XPL:30={path}",
        *models,
    ]
    assert petroserve.main(words) == 2
    assert "names views, which belong to photographs" in capsys.readouterr().err
    words = ["stitch", str(path), str(path), "--out", str(tmp_path / "p.tif"), *models]
    words += ["--report", str(tmp_path / "r.json"), "--analyse", str(tmp_path / "b")]
    assert petroserve.main(words) == 2
    assert "a panorama is made of photographs, and sixteen sees 16" in capsys.readouterr().err

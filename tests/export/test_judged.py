"""A network that was trained on all images, judged by one that was not."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from export.checkpoint_export import export_checkpoint
from export.recipe_differences import recipe_differences
from petrography.errors import ConfigurationError
from petrography.model_card import parse_card
from tests.training.lumenstone_folder import config_toml
from training.config import read_config
from training.loop import train

pytestmark = pytest.mark.torch

# Smaller than the painted images, so that tiles meet.
TILE_PX = 64


def trained(folder, root, *, seed=0, on_all=True):
    """Checkpoint of a run of one step that goes by the same recipe as the others."""
    text = config_toml(root, folder / "runs", architecture="pspnet", epochs=1).replace(
        "steps_per_epoch = 4", "steps_per_epoch = 1"
    )
    text = text.replace(
        "validation_fraction = 0.25",
        f"validation_fraction = 0.25\nsplit_seed = {seed}\ntrain_on_all = {str(on_all).lower()}",
    )
    folder.mkdir()
    (folder / "run.toml").write_text(text)
    return train(folder / "run.toml", progress=False)


def card_in(folder):
    return parse_card((folder / "model.json").read_bytes(), source=str(folder))


@pytest.fixture(scope="module")
def judge(painted_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("judge")
    checkpoint = trained(folder / "run", painted_folder, on_all=False)
    return export_checkpoint(checkpoint, folder / "m", tile_px=TILE_PX)


@pytest.fixture(scope="module")
def on_all(painted_folder, tmp_path_factory):
    return trained(tmp_path_factory.mktemp("all") / "run", painted_folder)


def test_the_card_shows_the_figures_of_the_judge_and_says_so(judge, on_all):
    folder = export_checkpoint(on_all, judge.parent.parent, judge=judge, tile_px=TILE_PX)
    card, of_judge = card_in(folder), card_in(judge)
    assert card.version == 2
    assert (card.judged_by.name, card.judged_by.version) == ("painted", 1)
    assert card.judged_by.onnx_sha256 == of_judge.onnx_sha256 != card.onnx_sha256
    assert card.evaluations == of_judge.evaluations
    assert card.calibration == of_judge.calibration
    assert card.tiling_proof == of_judge.tiling_proof
    assert card.training.train_images == 8
    assert of_judge.training.train_images == 8 - of_judge.training.validation_images
    assert of_judge.judged_by is None
    assert card.judged_by.differences == ()
    with pytest.raises(ConfigurationError, match="training images of this split and nothing else"):
        export_checkpoint(on_all, judge.parent.parent, judge=folder, tile_px=TILE_PX)


def test_another_recipe_of_the_judge_is_told(tmp_path):
    text = config_toml(tmp_path / "one", tmp_path / "runs")
    other = config_toml(tmp_path / "two", tmp_path / "other", epochs=5).replace("0.02", "0.3", 1)
    judge, judged = (read_config(one, source="run.toml") for one in (text, other))
    assert recipe_differences(judge, judge) == ()
    assert recipe_differences(judge, judged) == (
        "augmentation.exposure: 0.02, not 0.3",
        "schedule.epochs: 2, not 5",
    )
    phantoms = '\n[phantoms]\nfraction = 0.5\nrecipes = ["S2"]\n'
    painted = read_config(text + phantoms, source="run.toml")
    assert "phantoms.fraction: None, not 0.5" in recipe_differences(judge, painted)


def test_without_a_judge_it_is_not_published(on_all, tmp_path):
    with pytest.raises(ConfigurationError, match="--judged-by"):
        export_checkpoint(on_all, tmp_path / "models")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("checkpoint", ["pspnet"], indirect=True)
def test_a_run_with_images_of_its_own_wants_no_judge(checkpoint, judge, tmp_path):
    with pytest.raises(ConfigurationError, match="validation images of its own"):
        export_checkpoint(checkpoint, tmp_path / "models", judge=judge)


def test_a_judge_of_another_split_is_refused(judge, painted_folder, tmp_path):
    other = trained(tmp_path / "run", painted_folder, seed=1)
    with pytest.raises(ConfigurationError, match="training images of this split"):
        export_checkpoint(other, tmp_path / "models", judge=judge, tile_px=TILE_PX)


def test_a_judge_with_other_tiles_is_refused(judge, on_all, tmp_path):
    with pytest.raises(ConfigurationError, match="its figures can stand for"):
        export_checkpoint(on_all, tmp_path / "models", judge=judge, tile_px=480)

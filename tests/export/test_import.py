"""Weights of others, from their file to a published model, by the commands that a user gives."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from export.onnx_predictor import open_graph
from petrography.errors import ConfigurationError
from petrography.model_card import parse_card
from petrography.tiling import Window, read_window
from tests.training.lumenstone_folder import config_toml
from tests.training.tiny_networks import lively
from training.checkpoint import load_checkpoint
from training.foreign.importing import import_weights
from training.loop import train
from training.torchvision_schemas import declare_torchvision_operators

declare_torchvision_operators()  # before the fakes import torchvision

from tests.training import petroscope_layout as petroscope

pytestmark = pytest.mark.torch

FOREIGN = """
[foreign]
layout = "petroscope"
output_rows = "codes"
mean = [0.0]
std = [255.0]
origin = "trained by others on other images"
"""


@pytest.fixture
def theirs():
    torch.manual_seed(0)
    return lively(petroscope.PlainResUNet(4, relu_first=True))


@pytest.fixture
def weights(theirs, tmp_path):
    path = tmp_path / "their.pth"
    torch.save({"model_state": theirs.state_dict(), "epoch": 9, "filters": 4}, path)
    return path


@pytest.fixture
def config(tmp_path, painted_folder):
    path = tmp_path / "theirs.toml"
    text = config_toml(painted_folder, tmp_path / "runs") + FOREIGN
    path.write_text(text.replace("filters = 4", 'filters = 4\norder = "conv-relu-bn"'))
    return path


def test_their_weights_are_published_and_answer_as_they_did(theirs, weights, config, tmp_path, run):
    status, printed, _ = run("import", weights, config)
    assert status == 0
    told, checkpoint = printed.splitlines()
    assert "199 tensors" in told
    assert "outputs [0, 1, 2, 3, 4, 5, 6, 7, 8, 11] of 50" in told

    status, printed, _ = run("export", checkpoint, tmp_path / "models", "--tile-px", 256)
    assert status == 0
    folder = tmp_path / "models" / "painted" / "1"
    assert printed.strip() == str(folder)
    card = parse_card((folder / "model.json").read_bytes(), source="model.json")
    assert (card.mean, card.std) == ((0.0,) * 3, (255.0,) * 3)
    assert card.training.steps == 0
    assert card.training.started_from == told
    assert told.endswith("trained by others on other images")

    graph = open_graph((folder / "model.onnx").read_bytes(), classes=card.classes)
    image = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    tile = read_window(image, Window(0, 0, 64, 80))[None]
    with torch.no_grad():
        logits = theirs(torch.from_numpy(tile.transpose(0, 3, 1, 2).copy()) / 255.0)
    scaled = logits[:, list(card.classes)] / card.calibration.temperature
    assert np.allclose(graph.probabilities(tile), torch.softmax(scaled, 1).numpy(), atol=1e-4)


def test_a_run_can_go_on_from_them(weights, config, tmp_path, painted_folder):
    imported = import_weights(weights, config)
    text = config_toml(painted_folder, tmp_path / "tuned", epochs=1).replace(
        "filters = 4",
        f'filters = 4\norder = "conv-relu-bn"\ninitial_weights = {str(imported.checkpoint)!r}',
    )
    tuned = tmp_path / "tuned.toml"
    tuned.write_text(text)
    saved = load_checkpoint(train(tuned, progress=False))
    # Their normalisation came with their weights.
    assert saved.average["std"].flatten().tolist() == [255.0] * 3


def test_a_run_is_not_trained_from_the_configuration_of_an_import(config):
    with pytest.raises(ConfigurationError, match=r"theirs\.toml has a section \[foreign\]"):
        train(config, progress=False)


def test_a_configuration_without_the_section_is_refused(weights, config):
    config.write_text(config.read_text().partition("[foreign]")[0])
    with pytest.raises(ConfigurationError, match=r"theirs\.toml has no section \[foreign\]"):
        import_weights(weights, config)


def test_a_mean_for_two_of_three_channels_is_refused(weights, config):
    config.write_text(config.read_text().replace("mean = [0.0]", "mean = [0.0, 1.0]"))
    with pytest.raises(ConfigurationError, match=r"foreign.mean has 2 numbers; wanted one, or 3"):
        import_weights(weights, config)


def test_weights_that_overflow_are_found_out_at_once(theirs, config, tmp_path):
    huge = {name: value * 1e30 for name, value in theirs.state_dict().items()}
    path = tmp_path / "huge.pth"
    torch.save(huge, path)
    with pytest.raises(ConfigurationError, match=r"huge\.pth: the network answers"):
        import_weights(path, config)


def test_a_file_that_does_not_fit_is_one_line_on_stderr(weights, config, run):
    config.write_text(config.read_text().replace("filters = 4", "filters = 8"))
    status, _, complaint = run("import", weights, config)
    assert status == 2
    assert "does not fit ResUNet, 8 filters" in complaint
    assert "of another shape: down1.conv1.weight (4, 3, 3, 3) instead of (8, 3, 3, 3)" in complaint

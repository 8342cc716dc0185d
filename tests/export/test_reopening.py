"""A published model becomes a checkpoint again that answers, trains and tells as its own did."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from export.checkpoint_export import export_checkpoint
from export.graph import to_onnx
from export.graph_weights import lay_onto, restore_normalisation
from export.onnx_predictor import open_graph
from export.reopening import reopen_model
from petrography.errors import ConfigurationError
from petrography.model_card import parse_card
from tests.training.lumenstone_folder import config_toml
from tests.training.tiny_networks import TINY, lively, tiny
from training.checkpoint import load_checkpoint
from training.config import read_config
from training.earlier_runs import doubts_about_start
from training.loop import train
from training.networks.build import build_network, stride_px
from training.run import prepare_run

pytestmark = pytest.mark.torch

CLASSES = 4
# They normalise groups of channels, or attend: not by convolutions alone.
NOT_LAID_BACK = ("fpn", "segformer")


def network_of(name):
    torch.manual_seed(5)
    return build_network(tiny(name), classes=CLASSES).eval()


def images(count=3, side_px=128):
    generator = torch.Generator().manual_seed(1)
    shape = (4, 3, side_px, side_px)
    return [torch.randint(0, 256, shape, generator=generator).byte() for _ in range(count)]


def answer(network, batch):
    with torch.no_grad():
        return network(batch.float())


@pytest.mark.parametrize("name", [name for name in TINY if name not in NOT_LAID_BACK])
def test_a_graph_laid_back_answers_as_its_network_and_normalises_with_what_it_sees(name):
    theirs = lively(network_of(name))
    graph = to_onnx(theirs, classes=CLASSES, temperature=1.0, tile_px=128)
    ours = network_of(name)
    seen = images()
    wanted = answer(theirs, seen[0])
    scale = float(wanted.std())
    assert float((answer(ours, seen[0]) - wanted).abs().max()) > 0.1 * scale

    layers = lay_onto(ours, graph, stride_px=stride_px(ours.network))
    assert torch.allclose(answer(ours, seen[0]), wanted, atol=1e-4 * scale)
    restore_normalisation(ours, layers, seen)
    assert torch.allclose(answer(ours, seen[0]), wanted, atol=1e-3 * scale)

    # What it saw as one batch: statistics of the batch are those that are kept.
    whole = torch.cat(seen)
    kept = answer(ours, whole)
    for layer in layers:
        if layer.normalisation is not None:
            layer.normalisation.train()
    assert torch.allclose(answer(ours, whole), kept, atol=1e-3 * scale)


def test_channels_that_training_switched_off_stay_off():
    theirs = lively(network_of("resunet"))
    convolution, normalisation = theirs.network.encoder[0].branch[0:2]
    with torch.no_grad():
        normalisation.weight[1] = 1e-30
    assert convolution.out_channels > 1
    graph = to_onnx(theirs, classes=CLASSES, temperature=1.0, tile_px=128)
    ours, seen = network_of("resunet"), images()
    restore_normalisation(ours, lay_onto(ours, graph, stride_px=16), seen)
    wanted = answer(theirs, seen[0])
    assert torch.allclose(answer(ours, seen[0]), wanted, atol=1e-3 * float(wanted.std()))


def test_a_graph_of_another_network_is_refused():
    graph = to_onnx(network_of("resunet"), classes=CLASSES, temperature=1.0, tile_px=128)
    with pytest.raises(ConfigurationError, match=r"the graph has \d+ convolutions, the network"):
        lay_onto(network_of("pspnet"), graph, stride_px=8)


@pytest.mark.parametrize("name", NOT_LAID_BACK)
def test_a_network_of_more_than_convolutions_is_refused(name):
    network = network_of(name)
    graph = to_onnx(network, classes=CLASSES, temperature=1.0, tile_px=128)
    with pytest.raises(ConfigurationError, match=r"no longer tells the weights of network\."):
        lay_onto(network, graph, stride_px=32)


@pytest.fixture(scope="module")
def published(published, tmp_path_factory):
    """One of this module's own: its tests add versions."""
    models = tmp_path_factory.mktemp("models")
    return shutil.copytree(published, models / published.parent.name / published.name)


@pytest.fixture
def config(checkpoint, painted_folder, tmp_path):
    """The run that will go on: that of the model, with a start."""
    architecture = load_checkpoint(checkpoint).config.network.architecture
    text = config_toml(painted_folder, tmp_path / "runs", architecture=architecture, epochs=1)
    start = tmp_path / "runs" / "painted" / "reopened.pt"
    path = tmp_path / "run.toml"
    path.write_text(text.replace("[network]", f"[network]\ninitial_weights = {str(start)!r}"))
    return path


def test_a_run_goes_on_from_a_published_model(published, config, tmp_path, run):
    status, printed, _ = run("reopen", "painted", config, "--models", published.parent.parent)
    assert status == 0
    start = tmp_path / "runs" / "painted" / "reopened.pt"
    assert printed.strip() == str(start)
    card = parse_card((published / "model.json").read_bytes(), source="model.json")
    started = prepare_run(config.read_text(), source="run.toml").average
    tiles = np.random.default_rng(0).integers(0, 256, (1, 64, 80, 3), dtype=np.uint8)
    with torch.no_grad():
        logits = started(torch.from_numpy(tiles.transpose(0, 3, 1, 2).copy()).float())
    graph = open_graph((published / "model.onnx").read_bytes(), classes=card.classes)
    probabilities = torch.softmax(logits / card.calibration.temperature, 1).numpy()
    assert np.allclose(graph.probabilities(tiles), probabilities, atol=1e-3)

    folder = export_checkpoint(
        train(config, progress=False), tmp_path / "models", tile_px=card.tile.size_px
    )
    told = parse_card((folder / "model.json").read_bytes(), source="model.json").training
    assert told.started_from.startswith("averaged weights after epoch 1 of the run\n")
    assert card.training.config_toml in told.started_from
    assert "not known" not in told.started_from


def test_what_the_card_tells_of_earlier_runs_is_told_and_followed(published, config, tmp_path):
    card = json.loads((published / "model.json").read_text())
    unseen = card["training"]["config_toml"]
    for validation, is_refused in (("validation_fraction = 0.25", False), ("", True)):
        told = "encoder after epoch 2 of the run\n" + unseen.replace(
            "validation_fraction = 0.25", validation or "train_on_all = true"
        )
        card["training"]["started_from"] = told
        folder = shutil.copytree(published, tmp_path / f"told-{is_refused}")
        (folder / "model.json").write_text(json.dumps(card))
        start = reopen_model(folder, config)
        assert load_checkpoint(start).told_before == told
        wanted = read_config(config.read_text(), source="run.toml")
        if not is_refused:
            assert doubts_about_start(wanted) == ()
            continue
        with pytest.raises(ConfigurationError, match=r"run 1 before, .* was fitted to validation"):
            doubts_about_start(wanted)


def test_a_model_that_saw_the_validation_images_is_refused_as_a_start(published, config):
    reopen_model(published, config)
    text = config.read_text().replace(
        "validation_fraction = 0.25", "validation_fraction = 0.25\nsplit_seed = 1"
    )
    with pytest.raises(ConfigurationError, match=r"reopened\.pt was fitted to validation images"):
        prepare_run(text, source="run.toml")


def test_another_network_is_refused(published, config):
    config.write_text(config.read_text().replace("[network]", '[network]\nencoder = "resnet34"'))
    with pytest.raises(ConfigurationError, match="encoder = 'resnet34', wanted 'resnet18'"):
        reopen_model(published, config)

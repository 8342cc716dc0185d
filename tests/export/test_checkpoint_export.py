from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from export.checkpoint_export import export_checkpoint
from export.judging import accuracy_table, evaluations_of, find_model, measure_model, open_model
from export.onnx_predictor import open_graph
from export.version_folder import publish
from petrography.errors import ConfigurationError, ModelCardError
from petrography.model_card import parse_card, sha256_hex
from petrography.segmentation import segment
from petrography.tiling import Window, read_window
from training.checkpoint import load_checkpoint
from training.lumenstone import find_fields

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def published(published, tmp_path_factory):
    """One of this module's own: its tests add versions."""
    models = tmp_path_factory.mktemp("models")
    return shutil.copytree(published, models / published.parent.name / published.name)


@pytest.fixture(scope="module")
def card(published):
    return parse_card((published / "model.json").read_bytes(), source="model.json")


def test_the_folder_holds_the_graph_that_the_card_names(published, card):
    assert sorted(path.name for path in published.iterdir()) == ["model.json", "model.onnx"]
    assert sha256_hex((published / "model.onnx").read_bytes()) == card.onnx_sha256
    assert published.name == str(card.version) == "1"


def test_parity_is_proven_at_the_traced_size_and_at_another(card):
    sizes = {(one.height_px, one.width_px) for one in card.parity}
    assert (card.tile.size_px, card.tile.size_px) in sizes
    assert len(sizes) == 2
    assert all(one.max_probability_difference < 1e-4 for one in card.parity)


def test_the_card_says_how_well_and_beside_what(card):
    assert [one.association for one in card.evaluations] == ["S1", "S2", "S1+S2, each given", None]
    for one in card.evaluations:
        total = np.array(one.confusion).sum()
        assert one.pixel_accuracy == pytest.approx(np.trace(np.array(one.confusion)) / total)
        # The painted minerals differ in grey alone, so the baseline solves most of them.
        assert one.baseline_pixel_accuracy > 0.9
    assert card.calibration.temperature > 0
    assert card.training.train_images + card.training.validation_images == 8
    assert card.weight_terms == "none"


def test_the_card_tells_the_commit_of_the_training(card, checkpoint):
    assert card.training.git_commit == load_checkpoint(checkpoint).git_commit


@pytest.mark.parametrize("version", [0, -1])
def test_a_number_that_is_no_version_is_refused_before_the_work(checkpoint, tmp_path, version):
    with pytest.raises(ConfigurationError, match=f"version is {version}; wanted 1 or more"):
        export_checkpoint(checkpoint, tmp_path / "models", version=version)
    assert not (tmp_path / "models").exists()


def test_the_card_names_no_folder_of_this_machine(published, painted_folder):
    assert str(painted_folder) not in (published / "model.json").read_text()


def test_images_of_the_validation_were_not_trained_on(card, checkpoint):
    from training.splitting import split_paths

    train, _ = split_paths(load_checkpoint(checkpoint).config.data)
    judged = set(card.evaluations[-1].images)
    assert judged
    assert not judged & {path.name for path in train}


def test_a_version_is_never_overwritten(published, checkpoint, card):
    with pytest.raises(ConfigurationError, match="never overwritten"):
        publish(published, b"", card)
    with pytest.raises(ConfigurationError, match="never overwritten"):
        export_checkpoint(checkpoint, published.parent.parent, version=1)


def test_a_tile_that_does_not_fit_the_network_is_refused(checkpoint, tmp_path):
    with pytest.raises(ConfigurationError, match="tile_px 100 does not fit the network"):
        export_checkpoint(checkpoint, tmp_path / "models", tile_px=100)


def test_an_empty_folder_in_the_way_is_not_replaced(card, tmp_path):
    (tmp_path / "painted" / "1").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="exists"):
        publish(tmp_path / "painted" / "1", b"graph", card)


def test_other_training_data_are_refused(checkpoint, tmp_path):
    from tests.training.lumenstone_folder import S1_CODES, paint_field, paint_folder

    other = paint_folder(tmp_path / "other")
    paint_field(other, "S1v1", "a02", S1_CODES, seed=77)
    paint_field(other, "S1v1", "a03", S1_CODES, seed=78)
    with pytest.raises(ConfigurationError, match="not those that the checkpoint was fitted to"):
        export_checkpoint(checkpoint, tmp_path / "models", data_root=other)
    assert not (tmp_path / "models").exists()


def test_a_masked_class_never_occurs(published, card):
    graph = open_graph((published / "model.onnx").read_bytes(), classes=card.classes)
    tiles = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)
    allowed = card.classes[:3]
    predictor = graph.predictor_for(allowed)
    labels, confidence = predictor.labels(tiles)
    probabilities = predictor.probabilities(tiles)
    assert set(np.unique(labels)) <= {0, 1, 2}
    assert probabilities[:, 3:].max() == 0.0
    assert np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert np.abs(confidence - probabilities.max(axis=1) * 255).max() <= 0.51


# A network with global pooling has no exact halo.
@pytest.mark.parametrize("checkpoint", ["resunet"], indirect=True)
def test_tiled_equals_whole_for_the_resunet(published, card):
    assert card.tile.mode == "halo"
    graph = open_graph((published / "model.onnx").read_bytes(), classes=card.classes)
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (23, 29, 3), dtype=np.uint8)
    image = np.kron(coarse, np.ones((31, 31, 1), dtype=np.uint8))[:700, :890]
    halo = card.tile.halo_px
    # One run over the image, continued by reflection to sides that are multiples of the stride.
    whole = read_window(image, Window(-halo, -halo, 928, 1120))
    expected = graph.probabilities(whole[None])[0, :, halo : halo + 700, halo : halo + 890]

    small = card.tile.model_copy(update={"size_px": 400})
    tiled = segment(image, graph, geometry=small, codes=card.classes)
    codes = np.array(card.classes, dtype=np.uint8)
    # Two classes may tie within rounding; nowhere else may a label differ.
    ordered = np.sort(expected, axis=0)
    decided = ordered[-1] - ordered[-2] > 1e-4
    assert decided.mean() > 0.9
    assert np.array_equal(tiled.labels[decided], codes[expected.argmax(axis=0)][decided])
    assert np.abs(tiled.confidence - expected.max(axis=0) * 255).max() <= 0.53


def test_a_published_model_is_judged_at_the_pixel_of_the_images(published, card, painted_folder):
    folder = find_model(published.parent.parent, "painted:1")
    paths = find_fields(painted_folder, {"S2v1": "S2"}, split="train")
    judged = evaluations_of(measure_model(open_model(folder), paths), data="painted")
    assert [one.association for one in judged] == ["S2", None]
    assert all(np.array(one.confusion).sum() == 4 * 80 * 112 for one in judged)
    table = accuracy_table(judged)
    assert "| **mean IoU** |" in table
    assert f"{judged[0].pixel_accuracy:.3f}" in table


def test_an_altered_graph_is_not_judged(published, tmp_path):
    folder = tmp_path / "painted" / "1"
    folder.mkdir(parents=True)
    (folder / "model.json").write_bytes((published / "model.json").read_bytes())
    (folder / "model.onnx").write_bytes((published / "model.onnx").read_bytes() + b"\0")
    with pytest.raises(ModelCardError, match="another SHA-256"):
        open_model(folder)


@pytest.mark.parametrize("name", ["painted:7", "absent", "painted:x"])
def test_a_model_that_is_not_there_is_named(published, name):
    with pytest.raises(ConfigurationError, match="holds no model"):
        find_model(published.parent.parent, name)


def test_the_card_survives_a_round_trip(published, card):
    assert json.loads(card.model_dump_json()) == json.loads((published / "model.json").read_text())


def test_the_card_tells_of_the_runs_before(painted_folder, tmp_path):
    from tests.training.lumenstone_folder import config_toml
    from training.loop import train

    checkpoint = None
    for number in range(3):
        text = config_toml(painted_folder, tmp_path / f"runs{number}", epochs=1)
        text = text.replace("seed = 3", f"seed = {number}").replace(
            "steps_per_epoch = 4", "steps_per_epoch = 1"
        )
        if checkpoint is not None:
            text = text.replace(
                "filters = 4", f"filters = 4\ninitial_weights = {str(checkpoint)!r}"
            )
        config = tmp_path / f"{number}.toml"
        config.write_text(text.replace('"resunet"\nfilters', '"pspnet"\nfilters'))
        checkpoint = train(config, progress=False)
    folder = export_checkpoint(checkpoint, tmp_path / "models")
    told = parse_card((folder / "model.json").read_bytes(), source="card").training.started_from
    assert told.count("averaged weights after epoch 1") == 2
    assert told.index("seed = 1") < told.index("seed = 0")
    assert str(tmp_path) not in told


def test_the_card_tells_that_fusion_began_with_colours(tmp_path):
    from tests.training.series_config import series_toml
    from training.loop import train

    first, then = tmp_path / "first.toml", tmp_path / "then.toml"
    first.write_text(series_toml(tmp_path / "first", architecture="resunet"))
    colours = train(first, progress=False)
    then.write_text(series_toml(tmp_path / "then", colours=colours))
    folder = export_checkpoint(train(then, progress=False), tmp_path / "models")
    told = parse_card((folder / "model.json").read_bytes(), source="card").training.started_from
    assert told.startswith("weights for colours after epoch 1 of the run\n")
    assert 'architecture = "resunet"' in told
    assert str(tmp_path) not in told

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from petrography.errors import (
    ConfigurationError,
    InvalidParameterError,
    ModelCardError,
    ModelNotFoundError,
)
from petrography.model_card import ModelCard
from service.repository import Repository, open_repository, read_cards
from service.settings import Settings
from tests.tiny_model import CODES, TILE_PX, assemble, nearest_colour_model, write_model


def settings_for(folder: Path, **changes: Any) -> Settings:
    return Settings.model_validate(
        {"models_folder": folder, "provider": "cpu", "threads": 1, **changes}
    )


def opened(folder: Path, **changes: Any) -> Repository:
    return open_repository(settings_for(folder, **changes))


def test_names_and_versions(tmp_path: Path) -> None:
    for name, version in (("tiny", 2), ("tiny", 10), ("other", 1)):
        write_model(tmp_path, name=name, version=version)
    (tmp_path / "README.md").write_text("beside the models")
    shutil.copytree(tmp_path / "tiny" / "2", tmp_path / "tiny" / ".half-written-3")

    repository = opened(tmp_path, default_model="tiny:2")

    served = [(model.card.name, model.card.version) for model in repository]
    assert served == [("other", 1), ("tiny", 2), ("tiny", 10)]
    assert repository.get("tiny").card.version == 10
    assert repository.get("tiny:2").card.version == 2
    assert repository.get(None).card.version == 2
    assert [repository.is_default(model) for model in repository] == [False, True, False]


def test_without_a_default_the_first_name_is_it(tmp_path: Path) -> None:
    for name in ("zinc", "antimony"):
        write_model(tmp_path, name=name)

    assert opened(tmp_path).get(None).card.name == "antimony"


@pytest.mark.parametrize("wanted", ["gold", "tiny:2", "tiny:01", "tiny:", ":1", "", "tiny:1:1"])
def test_what_is_not_served_is_told_with_what_is(model_folder: Path, wanted: str) -> None:
    with pytest.raises(ModelNotFoundError, match="served are tiny:1"):
        opened(model_folder).get(wanted)


def test_a_default_that_is_not_served_stops_the_start(model_folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"default_model.*'gold'.*tiny:1"):
        opened(model_folder, default_model="gold")


@pytest.mark.parametrize("exists", [True, False])
def test_nothing_to_serve_stops_the_start(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "empty"
    if exists:
        folder.mkdir()
    with pytest.raises(ConfigurationError):
        opened(folder)


@pytest.mark.parametrize("missing", ["model.onnx", "model.json"])
def test_an_incomplete_folder_stops_the_start(tmp_path: Path, missing: str) -> None:
    (write_model(tmp_path) / missing).unlink()

    with pytest.raises(ModelCardError, match=f"has no {missing}"):
        opened(tmp_path)


def test_an_altered_file_stops_the_start(tmp_path: Path) -> None:
    file = write_model(tmp_path) / "model.onnx"
    file.write_bytes(file.read_bytes() + b"\x00")

    with pytest.raises(ModelCardError, match="altered"):
        opened(tmp_path)


def test_a_card_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (write_model(tmp_path) / "model.json").write_text("{}")

    with pytest.raises(ModelCardError, match=r"model\.json is no valid model card.*name"):
        read_cards(tmp_path)


@pytest.mark.parametrize(("name", "version"), [("tiny", "2"), ("other", "1"), ("tiny", "v1")])
def test_a_card_in_another_folder_stops_the_start(tmp_path: Path, name: str, version: str) -> None:
    target = tmp_path / "models" / name / version
    target.parent.mkdir(parents=True)
    write_model(tmp_path / "elsewhere").rename(target)

    with pytest.raises(ModelCardError, match="wanted the folder tiny/1"):
        read_cards(tmp_path / "models")


def changed_graph(change: str) -> onnx.ModelProto:
    model = nearest_colour_model()
    if change == "fewer classes":
        return nearest_colour_model(classes=3)
    if change == "input renamed":
        for node in model.graph.node:
            node.input[:] = ["picture" if name == "image" else name for name in node.input]
        model.graph.input[0].name = "picture"
    elif change == "output missing":
        del model.graph.output[1]
    elif change == "fixed size":
        for dimension in model.graph.input[0].type.tensor_type.shape.dim:
            dimension.dim_value = dimension.dim_value or 64
    elif change == "float image":
        model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    return model


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("fewer classes", "input allowed"),
        ("input renamed", "inputs are"),
        ("output missing", "outputs are"),
        ("fixed size", "input image"),
        ("float image", "input image"),
    ],
)
def test_a_graph_that_does_not_fit_its_card_stops_the_start(
    tmp_path: Path, change: str, reason: str
) -> None:
    write_model(tmp_path, changed_graph(change))

    with pytest.raises(ModelCardError, match=f"tiny:1 does not keep its card: {reason}"):
        opened(tmp_path)


def test_a_card_of_other_channels_stops_the_start(tmp_path: Path) -> None:
    write_model(tmp_path, channels=["R", "G"], mean=[0, 0], std=[1, 1])

    with pytest.raises(ModelCardError, match="input image"):
        opened(tmp_path)


def bright_or_white(*, softmax: bool) -> onnx.ModelProto:
    """A graph of the right form and the wrong sense: labels are brightness."""
    k = len(CODES)
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "weight"], ["raw"]),
        helper.make_node("Unsqueeze", ["allowed", "spatial"], ["open"]),
        helper.make_node("Mul", ["raw", "open"], ["logits"]),
        helper.make_node("Softmax" if softmax else "Relu", ["logits"], ["probabilities"]),
        helper.make_node("ArgMax", ["logits"], ["best"], axis=1, keepdims=0),
        helper.make_node("Cast", ["best"], ["labels"], to=TensorProto.UINT8),
        helper.make_node("Identity", ["labels"], ["confidence"]),
    ]
    if softmax:
        nodes[5].attribute.append(helper.make_attribute("axis", 1))
    constants = {
        "weight": np.full((k, 3, 1, 1), -1.0 if softmax else 1.0, dtype=np.float32),
        "spatial": np.array([2, 3], dtype=np.int64),
    }
    return assemble(nodes, constants)


@pytest.mark.parametrize(
    ("softmax", "reason"), [(True, "masked or unknown class"), (False, "do not sum to 1")]
)
def test_warming_up_finds_a_graph_that_breaks_its_promise(
    tmp_path: Path, softmax: bool, reason: str
) -> None:
    write_model(tmp_path, bright_or_white(softmax=softmax))
    (model,) = opened(tmp_path)

    with pytest.raises(ModelCardError, match=reason):
        model.warm_up()


def test_warming_up_a_good_model_takes_time(model_folder: Path) -> None:
    (model,) = opened(model_folder)

    assert model.warm_up() > 0.0
    assert model.load_seconds > 0.0


def test_a_predictor_may_be_restricted(model_folder: Path) -> None:
    (model,) = opened(model_folder)
    tiles = np.random.default_rng(1).integers(0, 256, (1, TILE_PX, TILE_PX, 3), dtype=np.uint8)

    labels, _ = model.predictor_for((0, 6)).labels(tiles)

    assert set(np.unique(labels)) == {CODES.index(0), CODES.index(6)}


@pytest.mark.parametrize("codes", [(), (99,), (0, 5)])
def test_a_predictor_of_other_classes_is_refused(
    model_folder: Path, codes: tuple[int, ...]
) -> None:
    (model,) = opened(model_folder)

    with pytest.raises(InvalidParameterError, match=r"wanted some of \[0, 1, 2, 6\]"):
        model.predictor_for(codes)


def test_a_card_is_json_as_written(tmp_path: Path) -> None:
    folder = write_model(tmp_path)

    ((path, card),) = read_cards(tmp_path)

    assert path == folder
    written = json.loads((folder / "model.json").read_text())
    assert card == ModelCard.model_validate_json(json.dumps(written))

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from safetensors.torch import save_file

from petrography.errors import ConfigurationError
from training.foreign.reading import read_foreign_file

pytestmark = pytest.mark.torch

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.zeros(2)}


def saved(tmp_path, content, name="their.pth"):
    path = tmp_path / name
    torch.save(content, path)
    return path


def is_ours(file):
    return file.tensors.keys() == TENSORS.keys() and all(
        torch.equal(file.tensors[name], TENSORS[name]) for name in TENSORS
    )


@pytest.mark.parametrize(
    "content",
    [
        TENSORS,
        {"state_dict": TENSORS, "epoch": 3},
        {
            "model_state": TENSORS,
            "optimizer_state": {"state": {0: {"step": torch.ones(1)}}, "x": 1},
        },
        {"trainer": {"model": TENSORS}, "seed": 1},
    ],
)
def test_the_state_dictionary_is_found(tmp_path, content):
    content = {key: value for key, value in content.items() if key != "optimizer_state"}
    assert is_ours(read_foreign_file(saved(tmp_path, content)))


@pytest.mark.parametrize("optimiser", [torch.optim.Adam, torch.optim.RMSprop])
def test_the_state_of_an_optimiser_beside_it_is_none(tmp_path, optimiser):
    # As petroscope keeps its training: every parameter has a dictionary of tensors there.
    parameter = torch.nn.Parameter(torch.ones(2))
    taken = optimiser([parameter], lr=0.1)
    parameter.sum().backward()
    taken.step()
    content = {"model_state": TENSORS, "epoch": 1, "optimizer_state": taken.state_dict()}
    assert is_ours(read_foreign_file(saved(tmp_path, content)))


def test_safetensors_are_read(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    assert is_ours(read_foreign_file(path))


def test_plain_values_beside_the_tensors_are_kept(tmp_path):
    content = {"model_state": TENSORS, "dilated": True, "backbone": "resnet34", "epoch": 7}
    said = read_foreign_file(saved(tmp_path, content)).said
    assert said == {"dilated": True, "backbone": "resnet34", "epoch": 7}


def test_several_state_dictionaries_want_a_choice(tmp_path):
    path = saved(tmp_path, {"model": {"a.weight": torch.ones(1)}, "ema": {"net": TENSORS}})
    with pytest.raises(
        ConfigurationError, match=r"several state dictionaries, \['ema.net', 'model'\]"
    ):
        read_foreign_file(path)
    assert is_ours(read_foreign_file(path, tensors="ema.net"))
    with pytest.raises(ConfigurationError, match="holds no state dictionary 'net'; there are"):
        read_foreign_file(path, tensors="net")


class Harmful:
    """What a pickle may hold: a call that is made when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_file_is_never_run(tmp_path):
    victim = tmp_path / "written"
    path = saved(tmp_path, {"state_dict": TENSORS, "hyper_parameters": Harmful(victim)})
    with pytest.raises(ConfigurationError, match=r"their.pth .*save the state dictionary alone"):
        read_foreign_file(path)
    assert not victim.exists()


@pytest.mark.parametrize("kept", [0, 3, 200, -20])
def test_a_truncated_file_is_named(tmp_path, kept):
    path = saved(tmp_path, TENSORS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ConfigurationError, match=r"their\.pth (is damaged|cannot be read)"):
        read_foreign_file(path)


def test_truncated_safetensors_are_named(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ConfigurationError, match=r"model\.safetensors cannot be read"):
        read_foreign_file(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.pth is no file"):
        read_foreign_file(tmp_path / "absent.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [([1, 2], "holds a list; wanted a dictionary"), ({"epoch": 1}, "holds no state dictionary")],
)
def test_a_file_without_weights_is_named(tmp_path, content, message):
    with pytest.raises(ConfigurationError, match=message):
        read_foreign_file(saved(tmp_path, content))

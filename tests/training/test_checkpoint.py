from __future__ import annotations

import errno
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from tests.training.tiny_networks import tiny
from training.checkpoint import Checkpoint, load_checkpoint, load_weights, save_checkpoint
from training.networks.build import build_network
from training.sampler import SamplerState

pytestmark = pytest.mark.torch


@pytest.fixture
def path(tmp_path):
    network = build_network(tiny("resunet"), classes=3)
    weights = network.state_dict()
    checkpoint = Checkpoint(
        config_toml="",
        epoch=2,
        network=weights,
        average=weights,
        optimiser={},
        scheduler={},
        scaler={},
        sampler=SamplerState(8, (1, 2, 3)),
        torch_random=torch.get_rng_state(),
        history=[],
        best_score=0.5,
        git_commit="unknown",
        data_sha256="0" * 64,
    )
    path = tmp_path / "last.pt"
    save_checkpoint(checkpoint, path)
    return path


def test_it_comes_back_as_it_was(path):
    saved = load_checkpoint(path)
    assert (saved.epoch, saved.sampler, saved.origin) == (2, SamplerState(8, (1, 2, 3)), None)


def test_an_older_one_without_later_fields_loads(path):
    content = torch.load(path, weights_only=True)
    del content["origin"], content["cuda_random"]
    torch.save(content, path)
    saved = load_checkpoint(path)
    assert (saved.origin, saved.cuda_random) == (None, [])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_generators_of_cuda_devices_come_back(path):
    states = torch.cuda.get_rng_state_all()
    save_checkpoint(replace(load_checkpoint(path), cuda_random=states), path)
    again = load_checkpoint(path).cuda_random
    assert all(torch.equal(*pair) for pair in zip(states, again, strict=True))


@pytest.mark.parametrize("kept_share", [0.0, 0.3, 0.99])
def test_one_that_was_cut_off_is_named(path, kept_share):
    content = path.read_bytes()
    path.write_bytes(content[: int(kept_share * len(content))])
    with pytest.raises(ConfigurationError, match=r"last\.pt cannot be read as a checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("field", ["sampler", "average", "history"])
def test_one_with_a_part_missing_is_named(path, field):
    content = torch.load(path, weights_only=True)
    del content[field]
    torch.save(content, path)
    with pytest.raises(
        ConfigurationError, match=rf"last\.pt is an incomplete checkpoint: .*{field}"
    ):
        load_checkpoint(path)


def test_weights_of_others_are_sent_to_the_import(tmp_path):
    path = tmp_path / "their.pth"
    torch.save({"state_dict": {"a": torch.ones(1)}}, path)
    with pytest.raises(
        ConfigurationError, match=r"their\.pth is no checkpoint .*petroserve import"
    ):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("name", "channels", "told"),
    [("unet", 3, "segmentation_head"), ("resunet", 16, "size mismatch for mean")],
)
def test_weights_of_another_network_are_refused(path, name, channels, told):
    network = build_network(tiny(name), classes=3, channels=channels)
    with pytest.raises(
        ConfigurationError, match=rf"(?s)last\.pt holds weights of another .*{told}"
    ):
        load_weights(network, load_checkpoint(path).average, source=path)


def test_a_message_of_another_network_is_one_short_line(path):
    network = build_network(tiny("unet"), classes=3)
    with pytest.raises(ConfigurationError) as refused:
        load_weights(network, load_checkpoint(path).average, source=path)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_what_is_no_checkpoint_is_told_without_the_advice_to_load_what_may_run_code(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('name = "ore"')
    with pytest.raises(
        ConfigurationError, match=r"run\.toml cannot be read .*petroserve train"
    ) as it:
        load_checkpoint(path)
    assert "weights_only" not in str(it.value)


class FullDisk:
    """Takes a number of bytes and then no more, as a disk does."""

    def __init__(self, file, room):
        self._file, self._room = file, room

    def write(self, content):
        self._room -= len(content)
        if self._room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._file.write(content)

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.parametrize("room", [0, 5000])
def test_a_disk_that_is_full_is_told_and_what_was_there_stays(path, monkeypatch, room):
    saved, before, write = load_checkpoint(path), path.read_bytes(), torch.save
    monkeypatch.setattr(
        "training.checkpoint.torch.save", lambda one, file: write(one, FullDisk(file, room))
    )
    with pytest.raises(
        ConfigurationError, match=r"last\.pt cannot be written: No space left on device$"
    ):
        save_checkpoint(saved, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from tests.training.lumenstone_folder import config_toml, paint_folder
from training.checkpoint import load_checkpoint
from training.loop import train
from training.run import choose_device, prepare_run, restore_run

# Checkpoints and TensorBoard logs are written for real.
pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:.*tensorboard.*:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return paint_folder(tmp_path_factory.mktemp("lumenstone"))


def run_file(tmp_path, folder, name="run.toml", **changes):
    path = tmp_path / name
    path.write_text(config_toml(folder, tmp_path / "runs", **changes))
    return path


def weights(path):
    return load_checkpoint(path).network


def test_learns_flat_minerals_and_keeps_a_record(tmp_path, folder):
    config = run_file(tmp_path, folder, epochs=6)
    config.write_text(
        config.read_text().replace(
            "steps_per_epoch = 4", "steps_per_epoch = 8\nlearning_rate = 1e-2\naverage = 0.5"
        )
    )
    saved = load_checkpoint(train(config, progress=False))
    losses = [entry["loss"] for entry in saved.history]
    assert [entry["epoch"] for entry in saved.history] == [1, 2, 3, 4, 5, 6]
    # A guess among ten classes costs ln 10 = 2.3.
    assert losses[0] < 2.3
    assert losses[-1] < 0.85 * losses[0]
    assert saved.history[-1]["pixel_accuracy"] > 0.3
    assert (tmp_path / "runs" / "painted" / "best.pt").exists()
    assert list((tmp_path / "runs" / "painted" / "tensorboard").iterdir())


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_an_interrupted_run_ends_bit_for_bit_as_an_uninterrupted_one(tmp_path, folder, schedule):
    text = config_toml(folder, tmp_path / "whole", epochs=3) + f'schedule = "{schedule}"\n'
    whole, halves = tmp_path / "whole.toml", tmp_path / "halves.toml"
    whole.write_text(text)
    halves.write_text(text.replace(str(tmp_path / "whole"), str(tmp_path / "halves")))
    expected = weights(train(whole, progress=False))

    with pytest.raises(KeyboardInterrupt):
        train(halves, progress=False, after_epoch=interrupt_after_first)
    resumed = weights(train(halves, progress=False))

    assert expected.keys() == resumed.keys()
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)


def interrupt_after_first(_epoch):
    raise KeyboardInterrupt


def test_the_number_of_workers_changes_nothing(tmp_path, folder):
    alone = run_file(tmp_path, folder, "alone.toml", epochs=1)
    helped = tmp_path / "helped.toml"
    helped.write_text(
        alone.read_text()
        .replace("grid_px = 4", "grid_px = 4\nworkers = 1")
        .replace(str(tmp_path / "runs"), str(tmp_path / "other"))
    )
    one, two = weights(train(alone, progress=False)), weights(train(helped, progress=False))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path, folder):
    config = run_file(tmp_path, folder, epochs=1)
    checkpoint = train(config, progress=False)
    other = prepare_run(config.read_text().replace("batch = 4", "batch = 2"), source="other")
    with pytest.raises(ConfigurationError, match="written with another configuration"):
        restore_run(other, checkpoint)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "last.pt"
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ConfigurationError, match="cannot be read as a checkpoint"):
        load_checkpoint(path)


def test_a_foreign_checkpoint_is_refused(tmp_path):
    path = tmp_path / "foreign.pt"
    torch.save({"state_dict": {}}, path)
    with pytest.raises(ConfigurationError, match="no checkpoint of format 1"):
        load_checkpoint(path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_a_demanded_gpu_that_is_not_there_is_refused():
    with pytest.raises(ConfigurationError, match="torch sees no CUDA device"):
        choose_device("cuda")


def test_a_pspnet_trains_too(tmp_path, folder):
    saved = load_checkpoint(
        train(run_file(tmp_path, folder, epochs=1, architecture="pspnet"), progress=False)
    )
    assert saved.epoch == 1
    assert saved.history[0]["mean_iou"] >= 0.0


def test_a_run_can_start_from_the_weights_of_another(tmp_path, folder):
    first = train(run_file(tmp_path, folder, epochs=1), progress=False)
    text = config_toml(folder, tmp_path / "second").replace(
        "filters = 4", f"filters = 4\ninitial_weights = {str(first)!r}"
    )
    second = prepare_run(text, source="second.toml")
    average = load_checkpoint(first).average
    assert all(
        torch.equal(value, average[name]) for name, value in second.network.state_dict().items()
    )


def test_initial_weights_of_another_network_are_refused(tmp_path, folder):
    first = train(run_file(tmp_path, folder, epochs=1), progress=False)
    text = config_toml(folder, tmp_path / "second").replace(
        "filters = 4", f"filters = 8\ninitial_weights = {str(first)!r}"
    )
    with pytest.raises(ConfigurationError, match="weights of another network"):
        prepare_run(text, source="second.toml")

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from petrography.image_codec import decode_image, encode_png
from petrography.model_card import parse_card
from tests.image_files import tiff_file
from tests.training.lumenstone_folder import config_toml, paint_field, paint_folder
from training.checkpoint import load_checkpoint, save_checkpoint
from training.loop import _save, _train_epoch, _validate, train
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
    record = tmp_path / "runs" / "painted"
    assert list((record / "tensorboard").iterdir())
    rows = list(csv.DictReader((record / "history.csv").read_text().splitlines()))
    assert [float(row["loss"]) for row in rows] == losses
    assert all(0.0 <= float(row["waiting_fraction"]) < 1.0 for row in rows)
    assert all(float(row["mean_dice"]) >= float(row["mean_iou"]) for row in rows)
    assert decode_image((record / "curves.png").read_bytes()).pixels.std() > 5


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


def test_oblong_patches_train_and_are_exported(tmp_path, folder, run):
    config = run_file(tmp_path, folder, epochs=1, architecture="pspnet")
    config.write_text(config.read_text().replace("patch_px = 64", "patch_px = [48, 64]"))
    checkpoint = train(config, progress=False)
    status, printed, complaint = run("export", checkpoint, tmp_path / "models")
    assert status == 0, complaint
    card = parse_card((Path(printed.strip()) / "model.json").read_bytes(), source="model.json")
    assert card.tile.size_px == 64


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


class Greedy(torch.nn.Module):
    """Asks for a million gigabytes."""

    def forward(self, image):
        return torch.empty(2**50).to(image)


def test_a_batch_that_does_not_fit_into_memory_is_explained(tmp_path, folder):
    run = prepare_run(config_toml(folder, tmp_path), source="greedy.toml")
    run.network = Greedy()
    with pytest.raises(ConfigurationError, match=r"a batch of 4 patches of 64 px does not fit"):
        _train_epoch(run, progress=False)


class Starved(torch.optim.SGD):
    """Finds no memory for its step."""

    def step(self, _closure=None):
        torch.empty(2**50)


def test_memory_that_ends_in_the_step_of_the_optimiser_is_explained(tmp_path, folder):
    run = prepare_run(config_toml(folder, tmp_path), source="starved.toml")
    run.optimiser = Starved(run.network.parameters(), lr=1.0)
    with pytest.raises(ConfigurationError, match=r"a batch of 4 patches of 64 px does not fit"):
        _train_epoch(run, progress=False)


def test_memory_that_ends_in_the_validation_is_explained(tmp_path, folder):
    run = prepare_run(config_toml(folder, tmp_path), source="greedy.toml")
    run.average = Greedy()
    with pytest.raises(
        ConfigurationError, match=r"the validation, in tiles of \d+ px, does not fit"
    ):
        _validate(run)


def test_a_run_that_ends_between_its_checkpoints_keeps_the_best(tmp_path, folder, monkeypatch):
    run = prepare_run(config_toml(folder, tmp_path), source="run.toml")
    run.history = [{"epoch": 1, "mean_iou": 0.5}]

    def killed_after_one(checkpoint, path):
        if list(tmp_path.iterdir()):
            raise KeyboardInterrupt
        save_checkpoint(checkpoint, path)

    monkeypatch.setattr("training.loop.save_checkpoint", killed_after_one)
    with pytest.raises(KeyboardInterrupt):
        _save(run, tmp_path)
    # Without it the next start would believe that the best one is on disk.
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


def test_another_commit_is_told_when_a_run_goes_on(tmp_path, folder, caplog):
    run = prepare_run(config_toml(folder, tmp_path), source="run.toml")
    save_checkpoint(replace(run.checkpoint(), git_commit="abc"), tmp_path / "last.pt")
    restore_run(run, tmp_path / "last.pt")
    assert "last.pt was written at commit abc, this is" in caplog.text


def test_classes_without_validation_images_are_told_before_the_first_step(tmp_path, folder, caplog):
    text = config_toml(folder, tmp_path)
    truth = folder / "S2v1" / "masks" / "train"
    kept = {path: path.read_bytes() for path in truth.iterdir()}
    try:
        validation = prepare_run(text, source="run.toml").validation
        for one in validation:
            if one.name.startswith("S2v1"):
                mask = one.truth.copy()
                mask[mask == 3] = 0
                (truth / f"{one.name.split('/')[1]}.png").write_bytes(encode_png(mask))
        caplog.clear()
        prepare_run(text, source="run.toml")
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
    assert "classes Mag occur in no validation image" in caplog.text


@pytest.mark.parametrize("fold", [0, 1])
def test_a_fold_is_kept_for_validation(tmp_path, folder, fold):
    text = config_toml(folder, tmp_path).replace(
        "validation_fraction = 0.25", f"folds = 2\nfold = {fold}"
    )
    run = prepare_run(text, source="fold.toml")
    assert len(run.fields) == len(run.validation) == 4
    assert not {one.name for one in run.fields} & {one.name for one in run.validation}


def test_borders_are_ignored_in_training_and_judged_in_validation(tmp_path, folder):
    text = config_toml(folder, tmp_path).replace(
        "validation_fraction", "ignored_border_px = 2\nvalidation_fraction"
    )
    run = prepare_run(text, source="border.toml")
    # Blocks of 16 px lose two rows and columns on every inner side.
    assert 0.3 < (run.fields[0].truth == 255).mean() < 0.5
    assert not (run.validation[0].truth == 255).any()


def test_phantoms_are_painted_and_shown(tmp_path, folder):
    text = (
        config_toml(folder, tmp_path)
        + """
[phantoms]
fraction = 0.5
recipes = ["S2"]
fields = 2
height_px = 96
width_px = 96
"""
    )
    run = prepare_run(text, source="phantoms.toml")
    painted = [one for one in run.fields if one.phantom]
    assert [one.name for one in painted] == ["phantom S2/10000", "phantom S2/10001"]
    assert all(one.annotated == tuple(run.config.data.classes) for one in painted)
    shown = [run.fields[patch.field].phantom for patch in run.sampler.draw(200)]
    # 4 sigma of a binomial.
    assert abs(sum(shown) - 100) < 30


def test_phantoms_of_foreign_minerals_are_refused(tmp_path, folder):
    text = (
        config_toml(folder, tmp_path)
        + """
[phantoms]
fraction = 0.5
recipes = ["quartz"]
fields = 1
height_px = 96
width_px = 96
"""
    )
    with pytest.raises(ConfigurationError, match=r"recipe quartz hold codes .* no classes"):
        prepare_run(text, source="phantoms.toml")


def with_encoder(folder, tmp_path, line):
    return config_toml(folder, tmp_path, architecture="pspnet").replace(
        "filters = 4", f"filters = 4\n{line}"
    )


def test_a_run_can_start_from_the_encoder_of_another_with_other_classes(tmp_path, folder):
    first = train(run_file(tmp_path, folder, epochs=1, architecture="pspnet"), progress=False)
    text = with_encoder(folder, tmp_path / "second", f"initial_encoder = {str(first)!r}").replace(
        "classes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 11]", "classes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]"
    )
    paint_field(folder, "S3", "one", (0, 9), seed=5)
    text = text.replace('S2v1 = "S2" }', 'S2v1 = "S2", S3 = "0,9" }')
    second = prepare_run(text, source="second.toml")
    average = load_checkpoint(first).average
    taken = [name for name in average if name.startswith("network.encoder.")]
    assert len(taken) > 100
    weights_now = second.network.state_dict()
    assert all(torch.equal(weights_now[name], average[name]) for name in taken)


def test_an_encoder_is_trained_at_a_rate_of_its_own(tmp_path, folder):
    text = config_toml(folder, tmp_path, architecture="pspnet").replace(
        "[schedule]", "[schedule]\nencoder_learning_rate_factor = 0.25"
    )
    run = prepare_run(text, source="slow.toml")
    named, rate = dict(run.network.named_parameters()), run.config.schedule.learning_rate
    first_weights = named["network.encoder.conv1.weight"].clone()
    _train_epoch(run, progress=False)
    rest, encoder = run.optimiser.param_groups
    assert (rest["initial_lr"], encoder["initial_lr"]) == (rate, 0.25 * rate)
    assert encoder["lr"] == 0.25 * rest["lr"]
    of_encoder = {id(one) for name, one in named.items() if name.startswith("network.encoder.")}
    assert {id(one) for one in encoder["params"]} == of_encoder
    assert len(rest["params"]) == len(named) - len(of_encoder)
    assert not torch.equal(named["network.encoder.conv1.weight"], first_weights)


def test_an_encoder_of_another_network_is_refused(tmp_path, folder):
    first = train(run_file(tmp_path, folder, epochs=1), progress=False)
    text = with_encoder(folder, tmp_path / "second", f"initial_encoder = {str(first)!r}")
    with pytest.raises(ConfigurationError, match="holds another encoder"):
        prepare_run(text, source="second.toml")


def killed(*_):
    raise KeyboardInterrupt


def test_a_run_that_was_killed_before_it_was_drawn_is_drawn_when_called_again(
    tmp_path, folder, monkeypatch
):
    config = run_file(tmp_path, folder, epochs=1)
    with monkeypatch.context() as patched:
        patched.setattr("training.loop.draw_curves", killed)
        with pytest.raises(KeyboardInterrupt):
            train(config, progress=False)
    record = train(config, progress=False).parent
    assert (record / "history.csv").read_text().splitlines()[1].startswith("1,")
    assert (record / "curves.png").exists()


def test_an_epoch_that_is_done_again_is_one_point_of_the_curves(tmp_path, folder, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = run_file(tmp_path, folder, epochs=2)
    with monkeypatch.context() as patched:
        patched.setattr("training.loop.save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            train(config, progress=False)
    log = EventAccumulator(str(train(config, progress=False).parent / "tensorboard"))
    log.Reload()
    assert [one.step for one in log.Scalars("loss")] == [1, 2]


def test_a_disk_without_room_for_the_checkpoints_is_told_before_the_first_step(
    tmp_path, folder, monkeypatch
):
    monkeypatch.setattr("training.room.shutil.disk_usage", lambda _: Free(1 << 20))
    monkeypatch.setattr("training.loop._train_epoch", killed)
    with pytest.raises(ConfigurationError, match=r"painted has 1 MiB free; .* want \d+ MiB"):
        train(run_file(tmp_path, folder), progress=False)


class Free(NamedTuple):
    free: int


def test_a_folder_that_cannot_be_is_told_before_an_image_is_read(tmp_path, folder, monkeypatch):
    monkeypatch.setattr("training.loop.prepare_run", killed)
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ConfigurationError, match=r"runs is no folder, so nothing .*painted"):
        train(run_file(tmp_path, folder), progress=False)


def test_what_was_assumed_of_images_is_told_once_for_each_kind(tmp_path, caplog):
    root = paint_folder(tmp_path / "deep")
    for path in (root / "S1v1" / "imgs" / "train").iterdir():
        pixels = decode_image(path.read_bytes()).pixels
        path.with_suffix(".tif").write_bytes(tiff_file(pixels[..., 0].copy()))
        path.unlink()
    prepare_run(config_toml(root, tmp_path), source="run.toml")
    grey = [one for one in caplog.messages if "the image is grey" in one]
    assert len(grey) == 1
    assert grey[0].endswith("(so 3 images more)")


def test_a_run_without_a_terminal_tells_of_every_epoch(tmp_path, folder, capsys):
    train(run_file(tmp_path, folder, epochs=2), progress=False)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("validation mean IoU 0." in line and "s a step" in line for line in lines)

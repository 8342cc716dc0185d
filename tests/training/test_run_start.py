"""What is known before any image is read is said before any image is read."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from tests.training.lumenstone_folder import config_toml, paint_folder
from training.checkpoint import save_checkpoint
from training.config import config_text, read_config
from training.earlier_runs import doubts_about_start, doubts_about_told_runs
from training.loop import LAST_CHECKPOINT, train
from training.run import prepare_run
from training.splitting import split_paths

pytestmark = pytest.mark.torch

NOWHERE = "/no/such/folder"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return paint_folder(tmp_path_factory.mktemp("lumenstone"))


def toml(folder, output, *, start=None, seed=0, on_all=False, kind="initial_weights"):
    text = config_toml(folder, output).replace(
        "validation_fraction = 0.25",
        f"validation_fraction = 0.25\nsplit_seed = {seed}\ntrain_on_all = {str(on_all).lower()}",
    )
    if start is None:
        return text
    return text.replace("filters = 4", f"filters = 4\n{kind} = {str(start)!r}")


def begun(folder, path, **changes):
    """A checkpoint of a run that was begun, which is enough to start from."""
    run = prepare_run(toml(folder, path.parent / "runs", **changes), source="earlier.toml")
    save_checkpoint(run.checkpoint(), path)
    return path


def doubts(folder, tmp_path, **changes):
    return doubts_about_start(
        read_config(toml(folder, tmp_path / "now", **changes), source="run.toml")
    )


@pytest.fixture(scope="module")
def same_split(folder, tmp_path_factory):
    return begun(folder, tmp_path_factory.mktemp("same") / "last.pt")


@pytest.fixture(scope="module")
def other_split(folder, tmp_path_factory):
    return begun(folder, tmp_path_factory.mktemp("other") / "last.pt", seed=1)


@pytest.fixture(scope="module")
def all_images(folder, tmp_path_factory):
    return begun(folder, tmp_path_factory.mktemp("all") / "last.pt", on_all=True)


def test_a_start_from_the_same_split_is_no_leak(folder, same_split, tmp_path):
    assert doubts(folder, tmp_path, start=same_split) == ()


@pytest.mark.parametrize("kind", ["initial_weights", "initial_encoder"])
@pytest.mark.parametrize("earlier", ["other_split", "all_images"])
def test_a_start_from_what_saw_validation_images_is_refused(
    folder, tmp_path, request, earlier, kind
):
    start = request.getfixturevalue(earlier)
    with pytest.raises(
        ConfigurationError, match=r"last\.pt was fitted to validation images .*S\dv1/"
    ):
        doubts(folder, tmp_path, start=start, kind=kind)
    assert doubts(folder, tmp_path, start=start, kind=kind, on_all=True) == ()


def test_it_is_refused_before_images_are_loaded(folder, other_split, tmp_path):
    with pytest.raises(ConfigurationError, match="was fitted to validation images"):
        prepare_run(toml(folder, tmp_path, start=other_split), source="run.toml")


def test_runs_before_the_run_before_count_too(folder, all_images, tmp_path):
    between = tmp_path / "between.pt"
    run = prepare_run(toml(folder, tmp_path / "runs"), source="between.toml")
    # As a version wrote it that did not look.
    run.config_toml = toml(folder, tmp_path / "runs", start=all_images)
    save_checkpoint(run.checkpoint(), between)
    with pytest.raises(ConfigurationError, match=r"all0.last\.pt was fitted to validation images"):
        doubts(folder, tmp_path, start=between)


def test_a_copy_of_the_data_under_other_names_hides_nothing(folder, all_images, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for ours, theirs in (("A", "S1v1"), ("B", "S2v1")):
        (copy / ours).symlink_to(folder / theirs)
    text = toml(copy, tmp_path / "now", start=all_images).replace("S1v1", "A").replace("S2v1", "B")
    with pytest.raises(ConfigurationError, match="was fitted to validation images of this run: A/"):
        doubts_about_start(read_config(text, source="run.toml"))


def test_images_that_moved_with_this_run_are_still_compared(tmp_path):
    first = paint_folder(tmp_path / "first")
    start = begun(first, tmp_path / "last.pt", on_all=True)
    moved = first.rename(tmp_path / "moved")
    with pytest.raises(ConfigurationError, match="was fitted to validation images"):
        doubts(moved, tmp_path, start=start)


def test_images_that_are_gone_are_a_doubt_in_the_log(folder, tmp_path, caplog):
    other = tmp_path / "gone"
    paint_folder(other, per_subset=5)
    (other / "S1v1").rename(other / "X")
    (other / "S2v1").rename(other / "Y")
    text = toml(other, tmp_path / "runs").replace("S1v1", "X").replace("S2v1", "Y")
    save_checkpoint(prepare_run(text, source="e.toml").checkpoint(), tmp_path / "last.pt")
    other.rename(tmp_path / "elsewhere")
    text = toml(folder, tmp_path / "now", start=tmp_path / "last.pt")
    prepare_run(text, source="run.toml")
    assert "the images that last.pt was fitted to are not where they were" in caplog.text


def test_runs_that_a_card_tells_of_are_followed_too(folder, tmp_path):
    _, validation = split_paths(read_config(toml(folder, tmp_path), source="a").data)
    clean = "averaged weights after epoch 6 of the run\n" + toml(folder, tmp_path)
    leak = "encoder after epoch 2 of the run\n" + toml(folder, tmp_path, on_all=True)
    assert doubts_about_told_runs(None, folder, validation) == ()
    assert doubts_about_told_runs(clean, folder, validation) == ()
    told = f"{clean}\nwhich started from weights of X"
    (doubt,) = doubts_about_told_runs(told, folder, validation)
    assert "run 2 before" in doubt
    assert "it is no run: weights of X" in doubt
    for told in (f"{leak}\nwhich started from weights of X", f"{clean}\nwhich started from {leak}"):
        with pytest.raises(ConfigurationError, match=r"run \d before, .* was fitted to validation"):
            doubts_about_told_runs(told, folder, validation)
    known = "Whether these saw validation images is not known: the images were changed."
    assert doubts_about_told_runs(f"{clean}\n{known}", folder, validation) == (known,)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_the_device_is_missed_before_the_images(tmp_path):
    text = config_toml(NOWHERE, tmp_path).replace('"cpu"', '"cuda"')
    with pytest.raises(ConfigurationError, match="torch sees no CUDA device"):
        prepare_run(text, source="run.toml")


def test_weights_to_start_from_are_missed_before_the_images(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.pt cannot be read"):
        prepare_run(toml(NOWHERE, tmp_path, start=tmp_path / "absent.pt"), source="run.toml")


def test_a_checkpoint_of_another_configuration_is_seen_before_the_images(folder, tmp_path):
    run = prepare_run(toml(folder, tmp_path / "runs"), source="run.toml")
    save_checkpoint(run.checkpoint(), tmp_path / "runs" / "painted" / LAST_CHECKPOINT)
    config = tmp_path / "run.toml"
    config.write_text(toml(NOWHERE, tmp_path / "runs"))
    with pytest.raises(ConfigurationError, match="written with another configuration"):
        train(config, progress=False)


def normalised_by(std, text):
    stated = f"[input]\nmean = [102.0, 102.0, 102.0]\nstd = [{std}, {std}, {std}]\n\n[network]"
    return text.replace("[network]", stated)


def test_the_normalisation_of_the_weights_may_be_stated(folder, same_split, tmp_path):
    text = normalised_by(57.0, toml(folder, tmp_path, start=same_split))
    assert prepare_run(text, source="run.toml").network.std.flatten().tolist() == [57.0] * 3


def test_a_normalisation_that_the_weights_do_not_have_is_refused(folder, same_split, tmp_path):
    text = normalised_by(50.0, toml(folder, tmp_path, start=same_split))
    with pytest.raises(ConfigurationError, match=r"input\.std is \(50.*were trained with \(57"):
        prepare_run(text, source="run.toml")


PHANTOMS = '\n[phantoms]\nfraction = 0.5\nrecipes = ["S2"]\n'


@pytest.mark.parametrize(
    ("stated", "phantoms", "share"), [(None, PHANTOMS, 0.5), (None, "", 0.0), (0.5, PHANTOMS, 0.5)]
)
def test_the_share_of_phantoms_is_known_without_being_stated(stated, phantoms, share):
    card = "[card]" if stated is None else f"[card]\nphantom_fraction = {stated}"
    text = config_toml(NOWHERE, "runs").replace("[card]", card) + phantoms
    assert read_config(text, source="run.toml").phantom_fraction == share


@pytest.mark.parametrize(("stated", "phantoms"), [(0.0, PHANTOMS), (1.0, "")])
def test_another_share_of_phantoms_cannot_be_stated(tmp_path, stated, phantoms):
    text = config_toml(NOWHERE, tmp_path) + phantoms
    text = text.replace("[card]", f"[card]\nphantom_fraction = {stated}")
    with pytest.raises(ConfigurationError, match="of the patches are phantoms; leave the stat"):
        prepare_run(text, source="run.toml")


def test_a_file_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes("# µm".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"run\.toml is not UTF-8.* at byte 2"):
        config_text(path)

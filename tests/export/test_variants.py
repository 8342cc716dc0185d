from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from export.judging import find_model
from export.variant_table import variant_table
from export.variants import VariantOptions, _keeps_bounds, _load_data, export_variant
from petrography.errors import ConfigurationError, ModelCardError
from petrography.minisign import new_secret_key, verify
from petrography.model_card import ModelCard, VariantScore, parse_card, sha256_hex
from service.repository import open_repository
from service.settings import Settings
from tests.command_runs import Run
from training.config import read_config
from training.lumenstone import data_sha256
from training.splitting import split_paths

pytestmark = pytest.mark.torch

# Shows what is the same for every network, with the one that is quick to convert.
QUICK = pytest.mark.parametrize("checkpoint", ["pspnet"], indirect=True)
# Either network and either precision once: what a variant says does not hang on the pair.
EACH = pytest.mark.parametrize(
    ("checkpoint", "variant"), [("resunet", "float16"), ("pspnet", "int8")], indirect=True
)
# Networks of a few steps decide by a hair: any bound is for the tests of the bound.
LENIENT = VariantOptions(least_agreement=0.2, largest_iou_loss=1.0, calibration_tiles=4)


def card_of(folder: Path) -> ModelCard:
    return parse_card((folder / "model.json").read_bytes(), source=str(folder))


@pytest.fixture(scope="module")
def published(published, tmp_path_factory):
    """One of this module's own: its tests add versions."""
    models = tmp_path_factory.mktemp("models")
    return shutil.copytree(published, models / published.parent.name / published.name)


@pytest.fixture(scope="module")
def variant(request, published, painted_folder):
    return export_variant(published, request.param, data_root=painted_folder, options=LENIENT)


def test_the_export_proves_tiles_and_takes_the_time(published):
    card = card_of(published)
    assert card.precision == "float32"
    assert {one.provider for one in card.timings} >= {"cpu"}
    assert all(one.tile_px == card.tile.size_px for one in card.timings)
    assert all(one.lower_quartile_ms <= one.median_ms for one in card.timings)
    if card.tile.mode == "halo":
        assert card.tiling_proof.max_probability_difference <= 1e-4
        assert card.tiling_proof.max_change_from_outside <= 1e-4
    else:
        assert 0.0 < card.tiling_proof.agreement <= 1.0


@EACH
def test_a_variant_says_what_it_is(variant, published):
    card, base = card_of(variant), card_of(published)
    assert variant.parent == published.parent
    assert card.derived_from.version == base.version == card.weights_version
    assert card.derived_from.onnx_sha256 == base.onnx_sha256
    assert card.onnx_sha256 == sha256_hex((variant / "model.onnx").read_bytes())
    assert card.derived_from.onnx_bytes == (variant / "model.onnx").stat().st_size
    assert card.derived_from.float32_onnx_bytes == (published / "model.onnx").stat().st_size
    assert card.precision in card.derived_from.method
    assert (card.classes, card.tile, card.training) == (base.classes, base.tile, base.training)


@EACH
def test_a_variant_carries_its_own_figures(variant, published):
    card, base = card_of(variant), card_of(published)
    given, opened = card.derived_from.scores
    assert (given.classes_given, opened.classes_given) == (True, False)
    of_all = {one.association: one for one in card.evaluations}
    assert opened.mean_iou == pytest.approx(of_all[None].mean_iou)
    assert opened.float32_mean_iou == pytest.approx(base.evaluations[-1].mean_iou)
    assert opened.float32_pixel_accuracy == pytest.approx(base.evaluations[-1].pixel_accuracy)
    assert len({(one.height_px, one.width_px) for one in card.parity}) == 2
    assert [one.runs for one in card.timings] == [
        one.runs for one in card.derived_from.float32_timings
    ]
    if card.precision == "float16":
        assert given.label_agreement > 0.99
        assert card.derived_from.onnx_bytes < 0.7 * card.derived_from.float32_onnx_bytes


@EACH
def test_the_service_opens_a_variant_and_prefers_float32(variant, published):
    settings = Settings(models_folder=published.parent.parent, provider="cpu", threads=1)
    repository = open_repository(settings)
    name = published.parent.name
    assert repository.get(name).card.version == int(published.name)
    assert repository.get(f"{name}:{variant.name}").warm_up() > 0.0
    assert find_model(published.parent.parent, name) == published


@EACH
def test_a_variant_of_a_variant_is_refused(variant, painted_folder):
    with pytest.raises(ConfigurationError, match=r"is a \w+ variant itself; wanted .*painted:1"):
        export_variant(variant, "float16", data_root=painted_folder)


@QUICK
def test_one_that_agrees_too_seldom_is_not_published(published, painted_folder):
    versions = sorted(path.name for path in published.parent.iterdir())
    strict = VariantOptions(least_agreement=1.0, calibration_tiles=4)
    with pytest.raises(ConfigurationError, match=r"variant is too far from .* not published"):
        export_variant(published, "int8", data_root=painted_folder, options=strict)
    assert sorted(path.name for path in published.parent.iterdir()) == versions


@QUICK
@pytest.mark.parametrize(("version", "said"), [(0, "wanted 1 or more"), (1, "exists")])
def test_a_version_that_cannot_be_published_is_refused_first(published, version, said):
    # Without the images of the training: they are not looked for.
    with pytest.raises(ConfigurationError, match=said):
        export_variant(
            published, "float16", data_root=None, options=VariantOptions(version=version)
        )
    assert not (published.parent / "0").exists()


@QUICK
@pytest.mark.parametrize("head", ["[data]", "[data] # where they lie", "  [ data ]"])
def test_data_of_all_images_are_told_as_such(published, painted_folder, head):
    card = card_of(published)
    text = card.training.config_toml.replace("[data]", head)
    text = text.replace("validation_fraction", "train_on_all = true\nvalidation_fraction")
    text += '\n[phantoms]\nfraction = 0.5\nrecipes = ["S2"]\nfields = 1\n'
    paths, _ = split_paths(
        read_config(text, source="card").data.model_copy(update={"root": painted_folder})
    )
    record = card.training.model_copy(
        update={"config_toml": text, "data_sha256": data_sha256(paths)}
    )
    data = _load_data(card.model_copy(update={"training": record}), painted_folder)
    assert data.about == "3 validation images of painted blocks, which the training saw too"
    assert not any(one.phantom for one in data.training)


def test_the_loss_of_mean_iou_has_a_bound_of_its_own():
    options = VariantOptions(least_agreement=0.5, largest_iou_loss=0.01)
    same = {"classes_given": True, "pixel_accuracy": 0.9, "float32_pixel_accuracy": 0.9}
    scored = [
        VariantScore(label_agreement=0.6, mean_iou=iou, float32_mean_iou=0.7, **same)
        for iou in (0.695, 0.685)
    ]
    assert _keeps_bounds(scored[:1], options)
    assert not _keeps_bounds(scored, options)


@QUICK
def test_one_that_is_published_anyway_says_so_and_may_be_signed(published, painted_folder):
    key = new_secret_key()
    options = VariantOptions(
        version=77, publish_anyway=True, key=key, least_agreement=1.0, calibration_tiles=4
    )
    folder = export_variant(published, "int8", data_root=painted_folder, options=options)
    card = card_of(folder)
    assert card.derived_from.accepted_below_bound
    assert card.derived_from.least_agreement == 1.0
    for name in ("model.onnx", "model.json"):
        signature = (folder / f"{name}.minisig").read_text()
        assert verify((folder / name).read_bytes(), signature, key.public, source=name)


@QUICK
def test_other_images_than_those_of_the_training_are_refused(published, tmp_path):
    from tests.training.lumenstone_folder import paint_folder

    other = paint_folder(tmp_path / "other", per_subset=3)
    with pytest.raises(ConfigurationError, match="are not those that painted:1 was fitted to"):
        export_variant(published, "float16", data_root=other)


@QUICK
def test_an_altered_model_is_not_converted(published, painted_folder, tmp_path):
    folder = tmp_path / "painted" / "1"
    folder.mkdir(parents=True)
    (folder / "model.json").write_bytes((published / "model.json").read_bytes())
    (folder / "model.onnx").write_bytes((published / "model.onnx").read_bytes() + b"\0")
    with pytest.raises(ModelCardError, match="another SHA-256"):
        export_variant(folder, "float16", data_root=painted_folder)


@QUICK
def test_the_command_publishes_a_variant(run: Run, published, painted_folder):
    words = ("painted:1", "--precision", "float16", "--data", painted_folder, "--publish-anyway")
    status, printed, _ = run("export-variant", *words, "--models", published.parent.parent)
    assert status == 0
    path, *table = printed.splitlines()
    folder = Path(path)
    assert table[0] == f"| painted | float32, version 1 | float16, version {folder.name} |"
    assert any(line.startswith("| labels agree, all classes open | 1.0000 | ") for line in table)
    assert any(line.startswith("| ms a tile of ") for line in table)
    assert card_of(folder).precision == "float16"
    status, printed, _ = run("models", "list", "--models", published.parent.parent)
    assert f"painted:{folder.name}\tfloat16 of version 1\t" in printed


@QUICK
def test_float32_has_no_table_of_a_variant(published):
    with pytest.raises(ConfigurationError, match="painted:1 is float32"):
        variant_table(card_of(published))


@QUICK
def test_the_time_is_that_of_the_graph(published):
    from export.timing import time_graphs

    card = card_of(published)
    graph = (published / "model.onnx").read_bytes()
    small, large = (
        time_graphs(
            [graph],
            card.tile.model_copy(update={"size_px": size}),
            classes=len(card.classes),
            channels=3,
            runs=3,
        )[0][0]
        for size in (256, 512)
    )
    assert (small.tile_px, large.tile_px, small.runs) == (256, 512, 3)
    assert small.threads == 1
    # Four times the pixels; twice leaves room for a busy machine.
    assert large.median_ms > 1.5 * small.median_ms
    assert np.isfinite(large.upper_quartile_ms)

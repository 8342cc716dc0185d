from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from petrography.errors import ConfigurationError
from petrography.fusion import FUSED_CHANNELS
from tests.training.series_config import series_toml
from training.checkpoint import save_checkpoint
from training.config import StageSeriesConfig, read_config
from training.painted_sections import kept_section, paint_section
from training.run import prepare_run
from training.stage_series import VALIDATION_SEED_OFFSET, fields_sha256, paint_series

pytestmark = pytest.mark.torch

SMALL = StageSeriesConfig(
    recipe="S3", fields=2, validation_fields=2, size_px=48, views=4, variants=3
)


@pytest.fixture(scope="module")
def painted():
    return paint_series(SMALL, fused=True)


def test_every_field_is_shown_with_several_sets_of_its_views(painted):
    train, validation = painted
    assert len(train) == len(validation) == 2 * 3
    assert {field.image.shape for field in train} == {(48, 48, len(FUSED_CHANNELS))}
    assert [field.name.split()[0] for field in train] == ["S3/0"] * 3 + ["S3/1"] * 3
    assert validation[0].name.startswith(f"S3/{VALIDATION_SEED_OFFSET} ")
    for one in range(3):
        assert np.array_equal(train[one].image[..., :3], train[0].image[..., :3])
        assert np.array_equal(train[one].truth, train[0].truth)


def test_the_views_of_all_variants_run_from_none_to_all():
    many = SMALL.model_copy(update={"fields": 1, "variants": 24, "size_px": 32})
    train, _ = paint_series(many, fused=True)
    counts = {int(field.name.split(", ")[1].split()[0]) for field in train}
    assert counts == {0, 1, 2, 3, 4}
    for field in train:
        views = int(field.name.split(", ")[1].split()[0])
        assert field.image[..., -1].any() == (views > 0)


def test_without_fusion_the_same_fields_are_photographs(painted):
    train, validation = paint_series(SMALL, fused=False)
    assert len(train) == len(validation) == 2
    assert np.array_equal(train[1].image, painted[0][3].image[..., :3])
    assert np.array_equal(train[1].truth, painted[0][3].truth)


def test_painting_side_by_side_changes_nothing(painted):
    train, _ = paint_series(SMALL.model_copy(update={"workers": 1}), fused=True)
    assert fields_sha256(train) == fields_sha256(painted[0])


def test_variants_can_be_bare():
    bare = SMALL.model_copy(update={"bare_variants": 2})
    train, _ = paint_series(bare, fused=True)
    assert [field.image[..., -1].any() for field in train[:2]] == [False, False]
    assert (
        train[2].image[..., -1].any() == paint_series(SMALL, fused=True)[0][2].image[..., -1].any()
    )


def test_sections_are_kept_and_what_is_broken_is_painted_anew(tmp_path):
    first = kept_section(tmp_path, "S3", 7, 48, views=2)
    (path,) = tmp_path.iterdir()
    painted_at = path.stat().st_mtime_ns
    again = kept_section(tmp_path, "S3", 7, 48, views=2)
    # One with its views serves where none are asked for.
    plain = kept_section(tmp_path, "S3", 7, 48, views=2, crossed=False)
    assert path.stat().st_mtime_ns == painted_at
    assert list(tmp_path.iterdir()) == [path]
    for section in (again, plain):
        assert np.array_equal(section.ppl, first.ppl)
        assert np.array_equal(section.truth, first.truth)
    assert all(np.array_equal(*pair) for pair in zip(again.xpl, first.xpl, strict=True))
    assert all(np.array_equal(*pair) for pair in zip(again.valid, first.valid, strict=True))
    assert again.turns_deg == first.turns_deg == (0.0, 15.0)

    path.write_bytes(path.read_bytes()[:-500])
    assert np.array_equal(kept_section(tmp_path, "S3", 7, 48, views=2).xpl[1], first.xpl[1])
    assert path.stat().st_size > 500


def test_a_section_painted_without_views_does_not_serve_where_they_are_asked_for(tmp_path):
    assert kept_section(tmp_path, "S3", 7, 48, views=2, crossed=False).xpl == ()
    assert len(kept_section(tmp_path, "S3", 7, 48, views=2).xpl) == 2


def test_views_lie_over_the_photograph():
    section = paint_section("S3", 7, 96, views=3)
    assert section.turns_deg == (0.0, 15.0, 30.0)
    assert all(valid.mean() > 0.8 for valid in section.valid)
    # A hole is dark in every light, at the same place.
    brightness = [view.mean(axis=2)[section.valid[2]] for view in section.xpl]
    assert np.corrcoef(brightness[0], brightness[2])[0, 1] > 0.5


def saved(tmp_path, text):
    path = tmp_path / "colours.pt"
    run = prepare_run(text, source="colours.toml")
    save_checkpoint(run.checkpoint(), path)
    return run, path


@pytest.mark.parametrize("filters", [2, 3])
def test_fusion_that_starts_from_colours_begins_with_what_these_say(tmp_path, filters):
    text = series_toml(tmp_path, architecture="resunet", filters=filters)
    colours, path = saved(tmp_path, text)
    text = series_toml(tmp_path, colours=path, filters=filters)
    fusion = prepare_run(text, source="run.toml")
    fields = torch.rand(2, len(FUSED_CHANNELS), 32, 32) * 255
    with torch.no_grad():
        ours, theirs = (
            run.network.eval()(given) for run, given in ((fusion, fields), (colours, fields[:, :3]))
        )
    # Some processors sum more channels in another order, and bytes differ by it.
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert 20.0 < fusion.network.mean.flatten()[-1] < 200.0
    # Views are not shut out: what weighs them learns.
    fusion.network.train()(fields).square().mean().backward()
    first = fusion.network.network.encoder[0].branch[0].weight
    assert not first[:, 3:].any()
    assert first.grad[:, 3:].abs().amax(dim=(0, 2, 3)).min() > 0


@pytest.mark.parametrize(
    ("architecture", "filters", "said"),
    [
        ("xpl-fusion", 2, r"has mean \[102.0, 102.0, 102.0, .* for its channels"),
        ("resunet", 4, "holds weights of another network"),
    ],
)
def test_fusion_starts_from_the_same_network_over_colours_alone(
    tmp_path, architecture, filters, said
):
    text = series_toml(tmp_path, architecture=architecture, filters=filters)
    _, path = saved(tmp_path, text)
    with pytest.raises(ConfigurationError, match=said):
        prepare_run(series_toml(tmp_path, colours=path), source="run.toml")


def test_a_run_is_prepared_and_normalises_by_what_it_measured(tmp_path):
    run = prepare_run(series_toml(tmp_path), source="run.toml")
    mean = run.network.mean.flatten().tolist()
    assert mean[:3] == [102.0] * 3
    assert len(mean) == len(FUSED_CHANNELS)
    assert 20.0 < mean[-1] < 200.0
    assert run.data_sha256 == fields_sha256(run.fields)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[stage_series]", "[stage_series]\nfirst = 3"), "first: Extra inputs"),
        (('recipe = "S1"', 'recipe = "S9"'), "recipe is 'S9'; wanted one of"),
        (("views = 3", "views = 13"), "views: Input should be less than or equal to 12"),
        (("[data]", '[data]\nsubsets = { S1v1 = "S1" }'), "wanted either data.subsets"),
        (
            ("filters = 2", 'filters = 2\ninitial_colours = "a"\ninitial_weights = "b"'),
            "initial_weights and initial_colours name all weights",
        ),
        (
            ('architecture = "xpl-fusion"', 'architecture = "resunet"\ninitial_colours = "a"'),
            "initial_colours means nothing to resunet",
        ),
        (("[network]", '[input]\nchannels = ["a"]\n[network]'), "input is fixed for xpl-fusion"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(tmp_path, change, said):
    with pytest.raises(ConfigurationError, match=said):
        read_config(series_toml(tmp_path).replace(*change), source="run.toml")


def test_minerals_that_are_no_classes_are_refused_before_anything_is_painted(tmp_path):
    with pytest.raises(ConfigurationError, match=r"recipe S1 holds Tnt/Ttr.*which are no classes"):
        read_config(series_toml(tmp_path, classes=[0, 1, 2, 4, 6, 8]), source="run.toml")


def test_fusion_needs_series_or_views(tmp_path):
    text = series_toml(tmp_path)
    begin, end = text.index("[stage_series]"), text.index("[network]")
    text = text[:begin].replace("[data]", '[data]\nsubsets = { S1v1 = "S1" }') + text[end:]
    with pytest.raises(ConfigurationError, match=r"wanted xpl-fusion with data\.views"):
        read_config(text, source="run.toml")

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import petroserve
from petrography.errors import ConfigurationError
from petrography.fusion import FUSED_CHANNELS, KNOWN_CHANNEL
from petrography.image_codec import decode_image
from petrography.phantoms.recipes import THIN_SECTIONS
from tests.training.views_folder import RECIPE, paint_views, views_toml
from training.checkpoint import load_checkpoint
from training.config import read_config
from training.crossed_views import parsed_view, without_views
from training.field_checks import require_different_images
from training.loop import train
from training.lumenstone import Layout, data_sha256, find_fields, load_field
from training.run import load_data

CODES = ",".join(map(str, sorted(THIN_SECTIONS[RECIPE].area_fractions)))
LAYOUT = Layout("ppl", "masks", views={"XPL:0": "xpl"})
KNOWN = FUSED_CHANNELS.index(KNOWN_CHANNEL)


@pytest.fixture(scope="module")
def sections(tmp_path_factory):
    return paint_views(tmp_path_factory.mktemp("sections"))


def pixels(path):
    return decode_image(path.read_bytes(), name=str(path)).pixels


def field_of(sections, layout=LAYOUT):
    path = find_fields(sections, {"sections": CODES}, layout=layout)[1]
    return load_field(path, channels=FUSED_CHANNELS)


def test_a_field_holds_its_photograph_and_what_crossed_polars_show_of_it(sections):
    field = field_of(sections)
    assert np.array_equal(field.image[..., :3], pixels(sections / "ppl/1.png"))
    # One view is its own mean, and tells one of five parameters: 51 levels.
    assert np.array_equal(field.image[..., 3:6], pixels(sections / "xpl/1.png"))
    assert np.all(field.image[..., KNOWN] == 51)
    assert any(one.startswith("views: no view between crossed polars") for one in field.warnings)


def test_a_field_without_its_views_is_the_photograph_alone(sections):
    alone = field_of(sections, Layout("ppl", "masks"))
    assert np.all(alone.image[..., 3:] == 0)
    bare = without_views(field_of(sections))
    assert np.array_equal(bare.image, alone.image)
    assert bare.name == "sections/1 without views"
    assert bare.warnings == ()


def test_views_are_part_of_the_digest_of_the_data(sections):
    digests = {
        data_sha256(find_fields(sections, {"sections": CODES}, layout=layout))
        for layout in (
            LAYOUT,
            Layout("ppl", "masks"),
            Layout("ppl", "masks", views={"XPL:0": "ppl"}),
        )
    }
    assert len(digests) == 3


def test_a_view_that_is_missing_or_damaged_is_named(tmp_path):
    folder = paint_views(tmp_path, fields=2)
    (folder / "xpl/1.png").write_bytes(b"no image")
    with pytest.raises(
        ConfigurationError, match=r"ppl/1\.png and .*masks/1\.png cannot be used.*xpl/1\.png"
    ):
        field_of(folder)
    (folder / "xpl/1.png").unlink()
    with pytest.raises(ConfigurationError, match=r"ppl/1\.png has no view XPL:0; wanted .*xpl/1$"):
        field_of(folder)


def test_views_are_found_as_photographs_are(tmp_path):
    folder = paint_views(tmp_path, fields=2)
    (folder / "xpl/1.png").rename(folder / "xpl/1.PNG")
    (folder / "xpl/1.npy").write_bytes(b"no photograph")
    assert np.all(field_of(folder).image[..., KNOWN] == 51)
    (folder / "xpl/1.jpg").write_bytes(b"which of the two?")
    with pytest.raises(ConfigurationError, match=r"xpl/1\.PNG and .*xpl/1\.jpg have one name"):
        field_of(folder)
    nowhere = Layout("ppl", "masks", views={"XPL:30": "xpl30"})
    with pytest.raises(ConfigurationError, match=r"xpl30 is no folder; wanted .* views XPL:30"):
        field_of(folder, nowhere)


def test_what_is_assumed_of_a_view_is_told_with_how_it_was_taken(tmp_path):
    folder = paint_views(tmp_path, fields=2)
    shown = pixels(folder / "xpl/1.png")
    opaque = np.dstack([shown, np.full(shown.shape[:2], 255, dtype=np.uint8)])
    Image.fromarray(opaque).save(folder / "xpl/1.png")
    warnings = field_of(folder).warnings
    assert any(one.startswith("views: XPL:0: ") and "alpha" in one for one in warnings)
    assert not any(str(folder) in one for one in warnings)


def test_a_photograph_with_other_views_is_no_other_image(sections):
    one = field_of(sections)
    other = replace(one, name="sections/again", image=without_views(one).image)
    require_different_images([one], [other])
    with pytest.raises(
        ConfigurationError, match=r"sections/1, .* and sections/again, .* one image"
    ):
        require_different_images([one], [other], channels=3)


@pytest.mark.parametrize(
    "text", ["XPL", "XPL:", "xpl:0", "XPL:0.5.1", "XPL:nan", "SEM:0", "XPL:0\n", "XPL:3600.1"]
)
def test_how_a_view_was_taken_has_one_spelling(text):
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parsed_view(text)


def test_a_view_is_read_with_its_angle():
    assert parsed_view("PPL:-22.5") == ("PPL", -22.5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('views = { "XPL:0" = "xpl" }\n', ""), r"wanted xpl-fusion with data\.views"),
        (('"xpl-fusion"', '"resunet"'), r"architecture is resunet, and data\.views are"),
        (('"XPL:0"', '"crossed"'), "view 'crossed' is not taken in any way that is known"),
        (('"XPL:0"', '"PPL:30"'), "wanted one between crossed polars"),
        (('"XPL:0" =', '"XPL:0.0" = "xpl", "XPL:0" ='), "wanted each light and stage angle once"),
        (
            (
                '"XPL:0" =',
                "".join(f'"XPL:{turn}" = "xpl", ' for turn in range(1, 13)) + '"XPL:0" =',
            ),
            "13 views are given; wanted at most 12",
        ),
    ],
)
def test_views_that_do_not_fit_the_network_are_refused(sections, tmp_path, change, said):
    text = views_toml(sections, tmp_path)
    assert change[0] in text
    with pytest.raises(ConfigurationError, match=said):
        read_config(text.replace(*change), source="run.toml")


def test_training_shows_every_field_with_its_views_and_without(sections, tmp_path):
    text = views_toml(sections, tmp_path)
    data = load_data(read_config(text, source="run.toml"))
    assert [one.name.endswith("without views") for one in data.train] == [False] * 2 + [True] * 2
    assert all(one.image[..., KNOWN].any() for one in data.validation)


def test_a_run_on_photographs_with_views_is_exported_and_judged_with_them(
    sections, tmp_path, capsys
):
    config = tmp_path / "run.toml"
    config.write_text(views_toml(sections, tmp_path / "runs"))
    checkpoint = train(config, progress=False)
    assert load_checkpoint(checkpoint).epoch == 1
    models = str(tmp_path / "models")
    assert petroserve.main(["export", str(checkpoint), models]) == 0
    words = ["test-model", "sections", "--models", models, "--data", str(sections)]
    words += ["--subset", "sections=0,35", "--images", "ppl", "--masks", "masks"]
    words += ["--mask-codes", "0=0,32=35,33=35,34=35,35=35"]
    capsys.readouterr()
    assert petroserve.main([*words, "--view", "XPL:0=xpl"]) == 0
    with_views = capsys.readouterr()
    assert petroserve.main(words) == 0
    alone = capsys.readouterr()
    assert with_views.out != alone.out
    assert "with views XPL:0" in with_views.out
    assert "views" not in alone.out
    assert "plane-polarised light alone" in alone.err
    assert "plane-polarised light alone" not in with_views.err


@pytest.mark.parametrize(
    ("views", "said"),
    [
        (["PPL:30=ppl"], "wanted one between crossed polars"),
        (["XPL:0=xpl", "XPL:0=ppl"], "wanted each light and stage angle once"),
    ],
)
def test_views_that_tell_nothing_or_twice_are_refused(sections, capsys, views, said):
    words = ["test-model", "phantom-xpl-fusion", "--data", str(sections)]
    words += [word for one in views for word in ("--view", one)]
    assert petroserve.main(words) != 0
    assert said in capsys.readouterr().err


def test_views_for_a_model_that_sees_none_are_refused(sections, capsys):
    words = ["test-model", "quartz-pspnet", "--data", str(sections), "--view", "XPL:0=xpl"]
    words += ["--subset", "sections=0,32", "--images", "ppl", "--masks", "masks"]
    assert petroserve.main(words) != 0
    assert "quartz-pspnet:2 sees photographs in plane-polarised light; leave --view out" in (
        capsys.readouterr().err
    )

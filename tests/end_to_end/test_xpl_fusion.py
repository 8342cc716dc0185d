"""XPL fusion the whole way: paint and train, export, analyse with views, on both ways in."""

from __future__ import annotations

import json

import pytest

import petroserve
from petrography.fusion import FUSED_CHANNELS
from petrography.image_codec import decode_labels
from petrography.model_card import parse_card
from tests.http_service import running_service, settings_for
from tests.training.test_stage_series import series_toml

pytest.importorskip("torch", reason="needs the train extra")

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("clean_environment")]
ANGLES_DEG = (0, 30, 60, 90, 120, 150)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A folder with a published model and the photographs of one stage series."""
    folder = tmp_path_factory.mktemp("fusion")
    config = folder / "run.toml"
    config.write_text(series_toml(folder / "runs"))
    assert petroserve.main(["train", str(config)]) == 0
    checkpoint = folder / "runs" / "series" / "last.pt"
    words = ["export", str(checkpoint), str(folder / "models"), "--tile-px", "320"]
    assert petroserve.main(words) == 0
    words = ["phantom", "--recipe", "S1", "--seed", "77", "--size", "240x300"]
    # Twelve turns of 15 degrees; every other one is sent.
    assert petroserve.main([*words, "--views", "12", "--out", str(folder / "series")]) == 0
    return folder


def views_of(workshop):
    """Photographs by light and angle; the analysed one is its own partner."""
    named = [("PPL", angle) for angle in ANGLES_DEG[1:]] + [("XPL", angle) for angle in ANGLES_DEG]
    return {
        (light, angle): workshop / f"series/views/{light.lower()}_{angle:03d}.png"
        for light, angle in named
    }


def test_the_card_says_what_it_sees_and_that_it_never_saw_ore(workshop):
    path = workshop / "models/series/1/model.json"
    card = parse_card(path.read_bytes(), source=str(path))
    assert card.channels == FUSED_CHANNELS
    assert card.architecture.startswith("XPL fusion: ResUNet, 2 filters")
    assert card.training.phantom_fraction == 1.0
    assert [one.association for one in card.evaluations] == ["S1", None]
    # The baseline knows the colours in plane-polarised light.
    assert {len(colour) for colour in card.training_colours_rgb.values()} == {3}
    assert not card.training_bands


@pytest.mark.anyio
async def test_command_line_and_service_see_the_same_views(workshop, tmp_path):
    image, views = workshop / "series/image.png", views_of(workshop)
    words = ["analyse", str(image), "--out", str(tmp_path / "with")]
    for (light, angle), path in views.items():
        words += ["--view", f"{light}:{angle}={path}"]
    models = ["--models", str(workshop / "models")]
    assert petroserve.main([*words, *models]) == 0
    alone = ["analyse", str(image), "--out", str(tmp_path / "alone")]
    assert petroserve.main([*alone, *models]) == 0

    described = [
        {"part": path.name, "light": light, "stage_angle_deg": angle}
        for (light, angle), path in views.items()
    ]
    settings = settings_for(workshop / "models", tmp_path / "artefacts")
    async with running_service(settings) as (client, _):
        files = [("image", ("image.png", image.read_bytes()))]
        files += [(path.name, (path.name, path.read_bytes())) for path in views.values()]
        request = json.dumps({"views": described})
        answer = await client.post("/v1/analyses", files=files, data={"request": request})
        assert answer.status_code == 201, answer.text
        labels = await client.get(f"/v1/analyses/{answer.json()['id']}/labels.png")
        # A part of another size or kind is refused before the network sees anything.
        wrong = [("image", ("image.png", image.read_bytes())), ("x.npy", ("x.npy", b"\x93NUMPY"))]
        one = json.dumps({"views": [{"part": "x.npy", "light": "XPL"}]})
        refused = await client.post("/v1/analyses", files=wrong, data={"request": one})
        assert refused.status_code == 415, refused.text

    assert labels.content == (tmp_path / "with/labels.png").read_bytes()
    seen = decode_labels(labels.content)
    assert seen.shape == (240, 300)
    assert (seen != decode_labels((tmp_path / "alone/labels.png").read_bytes())).any()
    results = {
        name: json.loads((tmp_path / name / "result.json").read_text())
        for name in ("with", "alone")
    }
    assert results["with"]["provenance"]["parameters"]["crossed_views"] == 6
    lacking = "no view between crossed polars was sent"
    assert any(lacking in one for one in results["alone"]["degradations"])
    assert not any(lacking in one for one in results["with"]["degradations"])
    for result in results.values():
        assert any("trained on phantoms only" in one for one in result["degradations"])

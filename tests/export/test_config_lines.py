"""Lines of a configuration: a guided filter at the export, and folders that a card leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import petroserve
from export.config_lines import with_guided_filter, without_folders
from petrography.errors import ConfigurationError
from petrography.model_card import parse_card
from tests.training.lumenstone_folder import config_toml
from training.config import read_config

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("checkpoint", ["resunet"], indirect=True)
def test_a_network_that_can_have_none_is_not_exported_with_one(checkpoint, tmp_path, capsys):
    words = ["export", str(checkpoint), str(tmp_path / "models"), "--guided-filter"]
    assert petroserve.main(words) != 0
    assert "guided_filter means nothing to resunet" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("checkpoint", ["pspnet"], indirect=True)
def test_it_is_exported_and_the_card_says_so(checkpoint, tmp_path):
    words = ["export", str(checkpoint), str(tmp_path / "models"), "--guided-filter"]
    assert petroserve.main(words) == 0
    text = next((tmp_path / "models").glob("*/1/model.json")).read_bytes()
    card = parse_card(text, source="model.json")
    assert "guided filter" in card.architecture
    assert "trained without" in card.training.config_toml
    assert read_config(card.training.config_toml, source="card").network.guided_filter


SECTION = '[network]\narchitecture = "pspnet"\n'
PLAIN = config_toml(Path("data"), Path("runs"), architecture="pspnet")


@pytest.mark.parametrize("line", ["", "guided_filter = false\n", "guided_filter=false # not yet\n"])
def test_one_line_of_the_configuration_changes(line):
    given = PLAIN.replace(SECTION, f"{SECTION}{line}")
    changed = with_guided_filter(given)
    assert read_config(changed, source="changed").network.guided_filter
    added = [one for one in changed.splitlines() if one not in PLAIN.splitlines()]
    assert len(added) == 1
    assert with_guided_filter(changed) == changed


def test_a_configuration_without_the_section_is_refused():
    inline = PLAIN.replace(f"{SECTION}filters = 4\n", "")
    inline = inline.replace("[data]\n", 'network = { architecture = "pspnet" }\n[data]\n')
    with pytest.raises(ConfigurationError, match=r"has no line \[network\]"):
        with_guided_filter(inline)


def test_no_folder_of_the_machine_is_left():
    lines = (
        'output = "out"\n[data]\n', '  root = "photographs"\n', "names = [0, 1]\n[network]\n",
        '\tinitial_weights="best.pt"  # of the other run\n', 'root_of = "x"\n', 'root = "x"',
    )  # fmt: skip
    assert without_folders("".join(lines)) == '[data]\nnames = [0, 1]\n[network]\nroot_of = "x"\n'

from __future__ import annotations

from pathlib import Path

import pytest

from petrography.errors import ConfigurationError
from tests.training.lumenstone_folder import config_toml
from training.config import read_config

GOOD = config_toml(Path("data"), Path("runs"))
EXAMPLES = Path(__file__).parents[2] / "examples"
SHIPPED = sorted((*EXAMPLES.glob("training/*.toml"), *EXAMPLES.glob("foreign/*.toml")))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_shipped_configurations_are_valid(path):
    config = read_config(path.read_text(), source=path.name)
    assert config.name == path.stem


def test_there_are_shipped_configurations():
    assert {path.stem for path in SHIPPED} >= {"lumenstone-pspnet", "lumenstone-resunet"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "seed = = 3", "run.toml is no TOML"),
        ("batch = 4", "batch = 0", "sampler.batch: Input should be greater than or equal to 1"),
        ("batch = 4", "batsch = 4", "sampler.batsch: Extra inputs are not permitted"),
        ("batch = 4", "batsch = 4", r"batsch is no field of \[sampler\], wanted batch$"),
        ("[schedule]", "[shedule]", "shedule is no field, wanted schedule$"),
        (
            "batch = 4",
            "q = 4",
            r"q is no field of \[sampler\], wanted batch or grid_px or .* or workers$",
        ),
        (
            "seed = 3",
            f"seed = {2**63}",
            "seed: Input should be less than or equal to 9223372036854775807",
        ),
        ("epochs = 2", f"epochs = {10**20}", "schedule.epochs: .* less than or equal to 1000000"),
        ("classes", "resampling_factor = inf\nclasses", "data.resampling_factor: .* finite"),
        ("classes", "resampling_factor = 1000\nclasses", "data.resampling_factor: .* equal to 8"),
        ("classes", "resampling_factor = 0.01\nclasses", "data.resampling_factor: .* 0.03125"),
        ("epochs = 2", "learning_rate = inf\nepochs = 2", "schedule.learning_rate: .* finite"),
        ('architecture = "resunet"', 'architecture = "vnet"', "network.architecture"),
        ("[network]", "[networks]", "network: Field required"),
        ("classes = [0, ", "classes = [0, 99, ", r"hold codes \[99\]"),
        ("classes = [0, 1, ", "classes = [1, ", r"data\.classes are \[1, .* wanted 0 among them"),
        ("classes = [0, ", "classes = [0, 0, ", "wanted different codes without 255"),
        ("classes = [0, ", "classes = [0, 255, ", "wanted different codes without 255"),
        ("classes", "mask_codes = { 300 = 0 }\nclasses", r"codes \[300\]; wanted 0 to 254"),
        ("classes", "mask_codes = { -1 = 0 }\nclasses", r"codes \[-1\]; wanted 0 to 254"),
        ("classes", "mask_codes = { 255 = 0 }\nclasses", r"codes \[255\]; wanted 0 to 254"),
    ],
)
def test_every_mistake_is_named(old, new, message):
    assert old in GOOD
    with pytest.raises(ConfigurationError, match=message):
        read_config(GOOD.replace(old, new), source="run.toml")


def test_a_gradient_need_not_be_clipped():
    text = GOOD.replace("epochs = 2", "gradient_clip = inf\nepochs = 2")
    assert read_config(text, source="run.toml").schedule.gradient_clip == float("inf")

"""A recipe on every fold: trained, judged, told beside the nearest colour, and not done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from benchmarks.bench_folds import distinct_sets, fold_text, judged_recipe, report, spread
from petrography.errors import ConfigurationError
from tests.training.lumenstone_folder import config_toml, paint_folder
from training.config import read_config

RECIPES = sorted(Path(__file__).parents[2].glob("examples/training/folds/*.toml"))

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:.*tensorboard.*:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds")
    text = config_toml(paint_folder(folder / "data"), folder / "runs", epochs=1)
    path = folder / "recipe.toml"
    path.write_text(text.replace("[data]\n", "[data]\nfolds = 2\nfold = 0\n", 1))
    return path


def test_every_fold_is_judged_on_images_of_its_own_and_only_once(recipe: Path) -> None:
    judged = judged_recipe(recipe)

    first, second = (fold[-1] for fold in judged.folds)
    assert not set(first.images) & set(second.images)
    weights = sorted(recipe.parent.glob("runs/*/last.pt"))
    assert [path.parent.name for path in weights] == [f"{judged.name}-fold{n}" for n in (0, 1)]
    written = [path.stat().st_mtime_ns for path in weights]
    assert judged_recipe(recipe).folds == judged.folds
    assert [path.stat().st_mtime_ns for path in weights] == written

    text = report([judged], None)
    floors = [fold.baseline.mean_iou for fold in (first, second) if fold.baseline]
    assert spread([first.mean_iou, second.mean_iou]) in text
    assert f"({sum(floors) / 2:.3f})" in text
    assert text.count(f"\n| {judged.name} |") == len(judged.folds[0])
    # Where all classes are annotated a set stands twice among the figures of a fold.
    assert list(distinct_sets([(first, first), (second, second)])) == [(first, second)]


def test_a_mineral_is_told_by_every_figure_of_the_paper(recipe: Path) -> None:
    judged = judged_recipe(recipe)

    text = report([judged], judged.config.data.classes[-1])

    for figure in ("balanced accuracy", "roc auc", "nearest colour iou"):
        assert figure in text


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_that_are_here_have_folds(path: Path) -> None:
    config = read_config(fold_text(path.read_text(encoding="utf-8"), 1), source=path.name)

    assert config.data.fold == 1
    assert config.name == f"folds-{path.stem}-fold1"


def test_a_recipe_without_folds_is_refused(recipe: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.toml"
    whole.write_text(recipe.read_text().replace("folds = 2\nfold = 0\n", ""))

    with pytest.raises(ConfigurationError, match="has no folds"):
        judged_recipe(whole)


def test_mean_and_deviation_of_known_numbers() -> None:
    assert spread([0.5, 0.7]) == "0.600 ± 0.141"
    assert spread([0.5]) == "0.500"

"""Recipes trained and judged on every fold: mean and spread of their figures, side by side.

::

    python benchmarks/bench_folds.py examples/training/folds/quartz-{fpn,linknet,pspnet,unet}.toml --mineral 32
    python benchmarks/bench_folds.py examples/training/folds/lumenstone*.toml

A recipe is a run's TOML with the lines ``folds = K`` and ``fold = 0``. Each of its folds is trained
as a run of its own, called NAME-foldK, whose averaged weights are judged on the images that were
kept from it. A run that is there goes on from its checkpoint, and one that was judged is not judged
again. The nearest colour, fitted on the training images of each fold, stands beside every figure.
Deviations are those of the folds (n - 1): folds share most of their training images, so they tell
how much the figure of one fold is worth, and are no standard error of the mean.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell
from export.assessment.folds import fold_figure
from petrography.accuracy import ClassMetrics, SetMetrics, fit_nearest_colour
from petrography.channels import colours_or_bands
from petrography.errors import ConfigurationError
from petrography.minerals import mineral
from petrography.report.evaluation.score_tables import markdown_table
from training.config import TrainingConfig, config_text, read_config
from training.evaluation import measure_fields
from training.loop import LAST_CHECKPOINT, averaged_model, train
from training.run import prepare_run, restore_run, run_folder
from training.starting import resumed_checkpoint

JUDGED = "held_out.json"
# Those of Kulekci et al. 2025 (doi:10.1007/s12613-024-3048-8), under their right names.
MINERAL_FIGURES = (
    "accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "iou",
    "balanced_accuracy",
    "roc_auc",
    "baseline_iou",
)

Sets = tuple[SetMetrics, ...]
_SETS = TypeAdapter(Sets)


@dataclass(frozen=True)
class Recipe:
    """A recipe, and what each of its folds was found to do."""

    config: TrainingConfig
    folds: tuple[Sets, ...]

    @property
    def name(self) -> str:
        """Name of its run."""
        return self.config.name


def main() -> None:
    """Train, judge, and print the tables."""
    parser = recorded_options(__doc__)
    parser.add_argument("configs", type=Path, nargs="+", metavar="CONFIG.toml")
    parser.add_argument("--mineral", type=int, help="code of one whose every figure is told")
    arguments = parser.parse_args()
    recipes = [judged_recipe(path) for path in arguments.configs]
    text = report(recipes, arguments.mineral)
    tell(text, arguments)


def judged_recipe(path: Path) -> Recipe:
    """Train and judge all folds of a recipe."""
    text = config_text(path)
    config = read_config(text, source=str(path))
    if config.data.folds is None:
        msg = f"{path} has no folds; wanted the lines 'folds = K' and 'fold = 0' under [data]"
        raise ConfigurationError(msg)
    folds = [fold_text(text, number) for number in range(config.data.folds)]
    return Recipe(config, tuple(judged_fold(one, source=str(path)) for one in folds))


def fold_text(text: str, fold: int) -> str:
    """Write the TOML of one fold of a recipe."""
    of_fold, found = re.subn(r"^fold = 0\b", f"fold = {fold}", text, flags=re.MULTILINE)
    of_fold, named = re.subn(
        r'^name = "([^"]+)"', rf'name = "\1-fold{fold}"', of_fold, count=1, flags=re.MULTILINE
    )
    if (found, named) != (1, 1):
        msg = "a recipe needs the line 'fold = 0' once, and a line 'name = \"...\"'"
        raise ConfigurationError(msg)
    return of_fold


def judged_fold(text: str, *, source: str) -> Sets:
    """Train a fold to its end and judge it, unless both was done before."""
    config = read_config(text, source=source)
    folder = run_folder(config)
    last, kept = folder / LAST_CHECKPOINT, folder / JUDGED
    # Only a run at its end is judged; one of another configuration is refused.
    resumed = resumed_checkpoint(config, last)
    if resumed and kept.is_file() and kept.stat().st_mtime >= last.stat().st_mtime:
        return _SETS.validate_json(kept.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.toml").write_text(text, encoding="utf-8")
    train(folder / "run.toml")
    run = prepare_run(text, source=source, resumed=resumed_checkpoint(config, last))
    restore_run(run, last)
    examples = ((colours_or_bands(one.image, config.channels), one.truth) for one in run.fields)
    baseline = fit_nearest_colour(examples, config.data.classes)
    sets = measure_fields(averaged_model(run), baseline, run.validation)
    kept.write_bytes(_SETS.dump_json(sets))
    return sets


def report(recipes: Sequence[Recipe], code: int | None) -> str:
    """Write the tables as Markdown."""
    first = recipes[0].config
    about = (
        f"{machine()}. {len(recipes[0].folds)} folds by image, "
        f"{first.schedule.epochs * first.schedule.steps_per_epoch} steps of {first.sampler.batch} "
        f"patches; mean over the folds ± deviation of the folds; the nearest colour in brackets. "
        f"`python benchmarks/bench_folds.py` with the recipes below `examples/training/folds`."
    )
    title = f"### Folds of {', '.join(one.name.removeprefix('folds-') for one in recipes)}"
    minerals = mineral_table(recipes, code) if code is not None else class_table(recipes)
    return "\n\n".join(["", title, about, set_table(recipes), minerals, ""])


def set_table(recipes: Sequence[Recipe]) -> str:
    """Mean IoU and pixel accuracy of every recipe on every set."""
    header = ("recipe", "set", "images", "mean IoU", "pixel accuracy")
    rows = [
        [
            one.name,
            sets[0].name,
            str(sum(len(fold.images) for fold in sets)),
            beside_floor(sets, "mean_iou"),
            beside_floor(sets, "pixel_accuracy"),
        ]
        for one in recipes
        for sets in distinct_sets(one.folds)
    ]
    return markdown_table(header, rows, text_columns=2)


def distinct_sets(folds: Sequence[Sets]) -> Iterator[Sets]:
    """Give every set over the folds; where all classes are annotated, "given" and "open" are one."""
    before: Sets = ()
    for sets in zip(*folds, strict=True):
        if [one.confusion for one in sets] != [one.confusion for one in before]:
            yield sets
        before = sets


def beside_floor(folds: Sequence[SetMetrics], figure: str) -> str:
    """A figure over the folds, with that of the nearest colour."""
    floors = [getattr(fold.baseline, figure) for fold in folds if fold.baseline]
    return f"{spread([getattr(fold, figure) for fold in folds])} ({mean(floors)})"


def class_table(recipes: Sequence[Recipe]) -> str:
    """IoU of every class where the association is given; a fold that lacks a class has no part."""
    codes = recipes[0].config.data.classes
    header = ("IoU, association given", *(one.name for one in recipes))
    rows = [
        [mineral(code).symbol, *(class_cell(given_classes(one, code)) for one in recipes)]
        for code in codes
    ]
    return markdown_table(header, rows, text_columns=1)


def given_classes(recipe: Recipe, code: int) -> list[ClassMetrics]:
    """A class in every fold that shows it, in the largest set whose association was given."""
    return [
        one
        for fold in recipe.folds
        for one in [each for each in fold if each.association is not None][-1].classes
        if one.code == code and one.truth_px
    ]


def class_cell(found: Sequence[ClassMetrics]) -> str:
    """IoU over the folds, with that of the nearest colour."""
    if not found:
        return "–"
    floors = [one.baseline_iou for one in found if one.baseline_iou is not None]
    return f"{spread([one.iou for one in found])} ({mean(floors)})"


def mineral_table(recipes: Sequence[Recipe], code: int) -> str:
    """Write every figure of one mineral."""
    names = [
        figure.replace("_", " ").replace("baseline", "nearest colour") for figure in MINERAL_FIGURES
    ]
    rows = []
    for one in recipes:
        found = given_classes(one, code)
        figures = [[getattr(each, figure) for each in found] for figure in MINERAL_FIGURES]
        rows.append(
            [one.name, *(spread([v for v in values if v is not None]) for values in figures)]
        )
    return markdown_table((mineral(code).symbol, *names), rows, text_columns=1)


def mean(values: Sequence[float]) -> str:
    """Mean; a dash of none."""
    return f"{fold_figure(values).mean:.3f}" if values else "–"


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation, or what there is of them."""
    deviation = fold_figure(values).standard_deviation if values else None
    return mean(values) if deviation is None else f"{mean(values)} ± {deviation:.3f}"


if __name__ == "__main__":
    main()

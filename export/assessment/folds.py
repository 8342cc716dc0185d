"""Mean and spread over the evaluations of several folds.

Every fold is a model of its own, judged on images that it was not fitted to. The standard
deviation is that of the folds (n - 1); it tells how much one figure of one fold is worth. The
folds share most of their training images, so it is no standard error of the mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from petrography.accuracy import parse_metrics
from petrography.errors import ConfigurationError, PetroserveError
from petrography.minerals import mineral
from petrography.model_card import Evaluation, ModelCard, parse_card
from petrography.report.evaluation.score_tables import markdown_table
from petrography.stored_documents import Document
from training.evaluation import evaluation_of

__all__ = [
    "FoldFigure",
    "FoldSet",
    "FoldsSummary",
    "fold_figure",
    "folds_markdown",
    "merge_folds",
    "read_fold",
]

Key = TypeVar("Key")

_FIGURES = (
    ("mean IoU", "mean_iou"),
    ("nearest colour, mean IoU", "baseline_mean_iou"),
    ("pixel accuracy", "pixel_accuracy"),
    ("nearest colour, pixel accuracy", "baseline_pixel_accuracy"),
    ("mean IoU without borders", "void_border_mean_iou"),
    ("ECE", "ece"),
    ("modal error, pp", "mean_modal_error_pp"),
)


class FoldFigure(Document):
    """One figure over folds; `folds` are those that have it, in the order given."""

    mean: float
    standard_deviation: float | None
    lowest: float
    highest: float
    folds: tuple[float, ...]


class FoldSet(Document):
    """One set of images (an association given, or all classes open) over all folds."""

    association: str | None
    images: int
    figures: dict[str, FoldFigure]
    iou: dict[int, FoldFigure]
    baseline_iou: dict[int, FoldFigure]


class FoldsSummary(Document):
    """All sets over all folds."""

    folds: tuple[str, ...]
    sets: tuple[FoldSet, ...]


class Fold(Document):
    """The evaluations of one fold and where they were read."""

    source: str
    evaluations: tuple[Evaluation, ...]


def read_fold(path: Path) -> Fold:
    """Read the evaluations of a fold.

    Parameters
    ----------
    path : Path
        ``metrics.json`` of `petroserve test-model` with one model, the folder that holds it, or
        a model card ``model.json`` or its folder.

    Raises
    ------
    ConfigurationError
        If it is none of these; the message names it.
    """
    file = _file_of(path)
    try:
        if file.name == "model.json":
            return Fold(source=str(path), evaluations=_card(file).evaluations)
        models = parse_metrics(file.read_bytes(), source=str(file)).models
    except (PetroserveError, OSError) as error:
        msg = f"{path} cannot be used as a fold: {error}"
        raise ConfigurationError(msg) from error
    if len(models) != 1:
        msg = f"{file} holds {len(models)} models; wanted the report of one model, which is a fold"
        raise ConfigurationError(msg)
    (model,) = models
    return Fold(
        source=str(path),
        evaluations=tuple(
            evaluation_of(one, data=str(path), resampling_factor=model.resampling_factor)
            for one in model.sets
        ),
    )


def _file_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = [path / name for name in ("metrics.json", "model.json") if (path / name).is_file()]
    if not found:
        msg = f"{path} holds neither metrics.json nor model.json; wanted a report or a model"
        raise ConfigurationError(msg)
    return found[0]


def _card(file: Path) -> ModelCard:
    return parse_card(file.read_bytes(), source=str(file))


def merge_folds(folds: Sequence[Fold]) -> FoldsSummary:
    """Merge the evaluations of folds, set by set and class by class.

    Parameters
    ----------
    folds : sequence of Fold
        Two or more. A class that a fold has no true pixel of has no figure in that fold.

    Raises
    ------
    ConfigurationError
        If there are fewer than two folds, an image is in two of them, or a fold lacks a set.
    """
    if len(folds) < 2:
        msg = f"given {len(folds)} fold; wanted two or more reports to merge"
        raise ConfigurationError(msg)
    _require_disjoint(folds)
    names = [[one.association for one in fold.evaluations] for fold in folds]
    for fold, theirs in zip(folds, names, strict=True):
        if set(theirs) != set(names[0]):
            msg = (
                f"{fold.source} judges sets {theirs}; wanted those of {folds[0].source}: {names[0]}"
            )
            raise ConfigurationError(msg)
    sets = [
        _merged([one for fold in folds for one in fold.evaluations if one.association == name])
        for name in names[0]
    ]
    return FoldsSummary(folds=tuple(fold.source for fold in folds), sets=tuple(sets))


def _require_disjoint(folds: Sequence[Fold]) -> None:
    seen = Counter(
        image
        for fold in folds
        for image in {name for one in fold.evaluations for name in one.images}
    )
    twice = sorted(image for image, times in seen.items() if times > 1)
    if twice:
        msg = f"images {twice[:5]} are judged in more than one fold; wanted each in one"
        raise ConfigurationError(msg)


def _merged(evaluations: Sequence[Evaluation]) -> FoldSet:
    figures = {name: [getattr(one, name) for one in evaluations] for _, name in _FIGURES}
    return FoldSet(
        association=evaluations[0].association,
        images=sum(len(one.images) for one in evaluations),
        figures=_summaries(figures),
        iou=_by_class([one.iou for one in evaluations]),
        baseline_iou=_by_class([one.baseline_iou for one in evaluations]),
    )


def _by_class(figures: Sequence[Mapping[int, float]]) -> dict[int, FoldFigure]:
    codes = sorted({code for one in figures for code in one})
    return _summaries({code: [one.get(code) for one in figures] for code in codes})


def _summaries(figures: Mapping[Key, Sequence[float | None]]) -> dict[Key, FoldFigure]:
    known = {key: [v for v in values if v is not None] for key, values in figures.items()}
    return {key: fold_figure(values) for key, values in known.items() if values}


def fold_figure(values: Sequence[float]) -> FoldFigure:
    """Summarise one figure over the folds that have it, one or more."""
    return FoldFigure(
        mean=float(np.mean(values)),
        standard_deviation=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        lowest=min(values),
        highest=max(values),
        folds=tuple(values),
    )


def folds_markdown(summary: FoldsSummary) -> str:
    """Write a summary as Markdown, the nearest colour beside every class."""
    parts = [f"{len(summary.folds)} folds: {', '.join(summary.folds)}"]
    for one in summary.sets:
        rows = [_row(title, one.figures[name]) for title, name in _FIGURES if name in one.figures]
        for code, figure in one.iou.items():
            symbol = mineral(code).symbol
            rows.append(_row(f"IoU {symbol}", figure))
            if code in one.baseline_iou:
                rows.append(_row(f"nearest colour, IoU {symbol}", one.baseline_iou[code]))
        header = ("figure", "mean", "standard deviation", "lowest", "highest", "folds")
        parts.append(f"{one.association or 'all classes open'}, {one.images} images")
        parts.append(markdown_table(header, rows, text_columns=1))
    return "\n\n".join(parts)


def _row(title: str, figure: FoldFigure) -> list[str]:
    deviation = figure.standard_deviation
    return [
        title,
        f"{figure.mean:.3f}",
        "–" if deviation is None else f"{deviation:.3f}",
        f"{figure.lowest:.3f}",
        f"{figure.highest:.3f}",
        str(len(figure.folds)),
    ]

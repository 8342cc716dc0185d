"""Score a label image."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.files import DONE, AddCommand, json_bytes, read_image, read_labels, write_files

if TYPE_CHECKING:
    from petrography.accuracy import Confusion, Scores
    from petrography.images import Labels

__all__ = ["add_commands", "evaluate"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    _describe_evaluate(add_command("evaluate", evaluate, "a label image against the truth"))


def _describe_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prediction", type=Path, required=True, metavar="LABELS")
    parser.add_argument(
        "--truth", type=Path, required=True, metavar="LABELS", help="255: not annotated, ignored"
    )
    parser.add_argument(
        "--association", help="classes that count (default: those of truth and prediction)"
    )
    parser.add_argument("--image", type=Path, metavar="FILE", help="the photograph, for the panel")
    parser.add_argument(
        "--border-px", type=int, metavar="PX", default=3, help="for borders (default: 3)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="for metrics.json, tables.md, confusion.csv, error_map.png, and charts (extra train)",
    )


def evaluate(arguments: argparse.Namespace) -> int:
    """Score a label image and say where it is wrong."""
    from petrography.accuracy import classes_to_judge, confusion_with_other, scores, scores_table

    (truth, _), (prediction, _) = map(read_labels, (arguments.truth, arguments.prediction))
    codes = classes_to_judge(truth, prediction, association=arguments.association)
    confusion = confusion_with_other(truth, prediction, codes)
    result = scores(confusion, codes)
    files = {}
    if arguments.out is not None:
        borders = _borders(truth, prediction, codes, arguments.border_px)
        files = _files(arguments, (truth, prediction), confusion, result, borders)
    print(scores_table(result))
    if arguments.out is not None:
        write_files(arguments.out, files)
    return DONE


def _borders(
    truth: Labels, prediction: Labels, codes: Sequence[int], border_px: int
) -> dict[str, object]:
    """Figures about borders, as JSON."""
    from petrography.accuracy import confusion_with_other, count_borders, scores, void_border

    borders = count_borders(truth, prediction, codes, tolerance_px=border_px)
    inner = confusion_with_other(void_border(truth, border_px), prediction, codes)
    without = scores(inner, codes) if inner.any() else None
    return {
        "border_px": border_px,
        "boundary_f1": {str(code): figure for code, figure in borders.f1().items()},
        "boundary_iou": {str(code): figure for code, figure in borders.iou().items()},
        "void_border_mean_iou": None if without is None else without.mean_iou,
        "void_border_pixel_accuracy": None if without is None else without.pixel_accuracy,
        "void_border_iou": {}
        if without is None
        else {str(code): figure for code, figure in without.iou.items()},
    }


def _files(
    arguments: argparse.Namespace,
    labels: tuple[Labels, Labels],
    confusion: Confusion,
    result: Scores,
    borders: dict[str, object],
) -> dict[str, bytes]:
    from export.assessment.tables import scores_markdown
    from petrography.accuracy import confusion_csv, error_map
    from petrography.image_codec import encode_png

    metrics = {"association": arguments.association, **result.as_json(), **borders}
    return {
        "metrics.json": json_bytes(metrics),
        "tables.md": scores_markdown(result).encode(),
        "confusion.csv": confusion_csv(confusion, result.codes).encode(),
        "error_map.png": encode_png(error_map(*labels)),
        **_charts(arguments.image, labels, confusion, result.codes),
    }


def _charts(
    photograph: Path | None,
    labels: tuple[Labels, Labels],
    confusion: Confusion,
    codes: Sequence[int],
) -> dict[str, bytes]:
    """Confusion and panel, where Matplotlib is installed; else say what is left out."""
    if importlib.util.find_spec("matplotlib") is None:
        print(
            "petroserve: confusion.png and panel.png are left out: matplotlib is not installed; "
            "pip install 'petroserve[train]'",
            file=sys.stderr,
        )
        return {}
    from export.assessment.charts import confusion_chart, png_of
    from export.assessment.panels import panel

    image = None if photograph is None else read_image(photograph).pixels
    drawn = panel(image, *labels, title="prediction against truth")
    return {
        "confusion.png": png_of(confusion_chart(confusion, codes, title="confusion")),
        "panel.png": png_of(drawn),
    }

"""Score a label image."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE
from command_line.files import AddCommand, json_bytes, read_image, read_labels, write_files

if TYPE_CHECKING:
    from petrography.accuracy import JudgedLabels
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
        help="for metrics.json, tables.md, confusion.csv, confusion.png, error_map.png, panel.png",
    )


def evaluate(arguments: argparse.Namespace) -> int:
    """Score a label image and say where it is wrong."""
    from petrography.accuracy import judged_labels, scores_table, tally_labels

    (truth, _), (prediction, _) = map(read_labels, (arguments.truth, arguments.prediction))
    association, border_px = arguments.association, arguments.border_px
    tally = tally_labels(truth, prediction, border_px=border_px, association=association)
    judged = judged_labels([tally], border_px=border_px, association=association)
    files = {}
    if arguments.out is not None:
        files = _files(arguments.image, (truth, prediction), judged)
    print(scores_table(judged.scores))
    if judged.metrics.unmapped_px:
        print(f"{judged.metrics.unmapped_px} annotated px are 255 in the prediction: not judged")
    if arguments.out is not None:
        write_files(arguments.out, files)
    return DONE


def _files(
    photograph: Path | None, labels: tuple[Labels, Labels], judged: JudgedLabels
) -> dict[str, bytes]:
    from petrography.report.evaluation import judgement_files, pair_files

    image = None if photograph is None else read_image(photograph).pixels
    return {
        "metrics.json": json_bytes(judged.metrics.model_dump(mode="json")),
        **judgement_files(judged),
        **pair_files(*labels, image),
    }

"""Score a label image."""

from __future__ import annotations

import argparse
from pathlib import Path

from command_line.files import DONE, AddCommand, json_bytes, read_labels, write_files

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
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="for metrics.json, confusion.csv, error_map.png"
    )


def evaluate(arguments: argparse.Namespace) -> int:
    """Score a label image and say where it is wrong."""
    from petrography.accuracy import (
        classes_to_judge,
        confusion_csv,
        confusion_with_other,
        error_map,
        scores,
        scores_table,
    )
    from petrography.image_codec import encode_png

    (truth, _), (prediction, _) = map(read_labels, (arguments.truth, arguments.prediction))
    codes = classes_to_judge(truth, prediction, association=arguments.association)
    confusion = confusion_with_other(truth, prediction, codes)
    result = scores(confusion, codes)
    print(scores_table(result))
    if arguments.out is not None:
        metrics = {"association": arguments.association, **result.as_json()}
        files = {
            "metrics.json": json_bytes(metrics),
            "confusion.csv": confusion_csv(confusion, codes).encode(),
            "error_map.png": encode_png(error_map(truth, prediction)),
        }
        write_files(arguments.out, files)
    return DONE

"""Measure a label image."""

from __future__ import annotations

import argparse
from pathlib import Path

from command_line.files import DONE, AddCommand, add_out, read_labels, write_files
from command_line.outputs import add_outputs, chosen_outputs

__all__ = ["add_commands", "measure"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    _describe_measure(add_command("measure", measure, "composition and grains of a label image"))


def _describe_measure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labels", type=Path, metavar="LABELS", help="PNG or TIFF of mineral codes")
    parser.add_argument("--um-per-px", type=float, help="pixel size; lengths are in px without it")
    parser.add_argument(
        "--touching-grains",
        action="store_true",
        help="tell touching grains of one mineral apart as well, which takes seconds",
    )
    add_out(parser, "folder for result.json, tables, outlines and plots")
    add_outputs(parser)


def measure(arguments: argparse.Namespace) -> int:
    """Measure a label image."""
    from petrography.images import require_possible_scale
    from petrography.pipeline import measure as measure_labels
    from petrography.report import (
        EXPORTS,
        EXPORTS_ON_REQUEST,
        grain_size_table,
        label_image_files,
        label_image_result,
        modal_table,
    )

    outputs = chosen_outputs(arguments.outputs, EXPORTS, EXPORTS_ON_REQUEST)
    if arguments.um_per_px is not None:
        require_possible_scale(arguments.um_per_px)
    labels, digest = read_labels(arguments.labels)
    measured = measure_labels(labels, touching_grains=arguments.touching_grains)
    result = label_image_result(
        measured.composition,
        measured.grains,
        identity=digest,
        um_per_px=arguments.um_per_px,
        particles=measured.particles,
    )
    write_files(arguments.out, label_image_files(result, measured.grains, outputs))
    print(modal_table(result))
    if result.grains:
        print(f"\n{grain_size_table(result)}")
    return DONE

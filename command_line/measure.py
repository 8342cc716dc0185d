"""Measure label images."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE
from command_line.files import AddCommand, add_out, read_labels, result_folders, write_files
from command_line.modal_options import add_modal_options, modal_options
from command_line.outputs import add_outputs, chosen_outputs
from command_line.several_fields import add_sections, sections_of, write_fields

if TYPE_CHECKING:
    from petrography.pipeline import Measured, ModalOptions
    from petrography.report import Result

__all__ = ["add_commands", "measure"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    _describe_measure(add_command("measure", measure, "composition and grains of label images"))


def _describe_measure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "labels", nargs="+", type=Path, metavar="LABELS", help="PNG or TIFF of mineral codes"
    )
    parser.add_argument("--um-per-px", type=float, help="pixel size; lengths are in px without it")
    parser.add_argument(
        "--cells",
        choices=("squares", "voronoi"),
        default="squares",
        help="what intact ore is broken into for its liberation potential",
    )
    parser.add_argument(
        "--association",
        metavar="S1|S2|S3|CODE,...",
        help="what was looked for; what of it is not found gets a detection limit",
    )
    add_modal_options(parser)
    add_sections(parser)
    parser.add_argument(
        "--touching-grains",
        action="store_true",
        help="tell touching grains of one mineral apart as well, which takes seconds",
    )
    add_out(
        parser,
        "folder for result.json, tables, outlines and plots; with several label images one "
        "sub-folder each, and fields.json and fields.csv over all",
    )
    add_outputs(parser)


def measure(arguments: argparse.Namespace) -> int:
    """Measure label images."""
    from petrography.images import require_possible_scale
    from petrography.minerals import association_codes
    from petrography.report import (
        EXPORTS,
        EXPORTS_ON_REQUEST,
        NamedResult,
        label_image_files,
    )

    outputs = chosen_outputs(arguments.outputs, EXPORTS, EXPORTS_ON_REQUEST)
    if arguments.um_per_px is not None:
        require_possible_scale(arguments.um_per_px)
    options = modal_options(arguments)
    told = arguments.association
    looked_for = () if told is None else association_codes(told)
    sections = sections_of(arguments.sections, arguments.labels)
    named = []
    for (path, folder), section in zip(
        result_folders(arguments.labels, arguments.out).items(), sections, strict=True
    ):
        result, measured = _measured(path, arguments, options, looked_for)
        files = label_image_files(
            result, measured.grains, measured.textures, outputs, file_name=path.name
        )
        write_files(folder, files)
        named.append(NamedResult(str(path), section, result))
        print(_tables(result) if len(sections) == 1 else f"{path}\n{_tables(result)}\n")
    if len(named) > 1:
        print(write_fields(arguments.out, named))
    return DONE


def _measured(
    path: Path, arguments: argparse.Namespace, options: ModalOptions, looked_for: Sequence[int]
) -> tuple[Result, Measured]:
    """Measure one label image."""
    from petrography.pipeline import MeasuringOptions
    from petrography.pipeline import measure as measure_labels
    from petrography.report import label_image_result

    labels, digest = read_labels(path)
    measured = measure_labels(
        labels,
        MeasuringOptions(
            touching_grains=arguments.touching_grains,
            cells=arguments.cells,
            not_analysed=options.not_analysed,
            looked_for=looked_for,
        ),
    )
    result = label_image_result(
        measured.composition,
        measured.grains,
        measured.contacts,
        measured.textures,
        identity=digest,
        um_per_px=arguments.um_per_px,
        particles=measured.particles,
        other_percent=options.other_uncertainty_percent,
        wanted_error_percent=options.wanted_error_percent,
    )
    return result, measured


def _tables(result: Result) -> str:
    from petrography.report import grain_size_table, modal_table

    sizes = f"\n\n{grain_size_table(result)}" if result.grains else ""
    return f"{modal_table(result)}{sizes}"

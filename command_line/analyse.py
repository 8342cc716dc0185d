"""Analyse photographs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from command_line.dry_run import add_dry_run, tell
from command_line.exit_status import DONE, complain
from command_line.files import AddCommand, add_out, display_names, result_folders
from command_line.one_analysis import add_analysis_options, prepare_analysis
from command_line.optics_files import add_optics, read_flat_field, read_lens
from command_line.stage_views import ViewFile, add_views
from petrography.errors import InputError, InvalidParameterError

__all__ = ["add_commands", "analyse"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    _describe_analyse(add_command("analyse", analyse, "photographs to mineral maps and tables"))


def _describe_analyse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    what = "folder of the results; with several images one sub-folder each"
    add_out(parser, what, required=False)
    add_views(parser, "another view of the one image")
    parser.add_argument(
        "--region",
        type=Path,
        metavar="FILE",
        help="a mask of the size of the one image: 0 is not analysed (a scale bar, a scratch)",
    )
    add_analysis_options(parser)
    add_dry_run(parser)
    parser.add_argument("--sample-id", help="as the laboratory names what the one image shows")
    parser.add_argument("--barcode-raw", help="the text of its label, exactly as it was scanned")
    add_optics(parser)


def analyse(arguments: argparse.Namespace) -> int:
    """Analyse photographs with one model."""
    _require_files(arguments.images)
    folders = {} if arguments.dry_run else _result_folders(arguments.images, arguments.out)
    prepared = prepare_analysis(
        arguments,
        views=_views(arguments),
        region=_region(arguments),
        flat_field=read_flat_field(arguments.flat_field),
        lens=read_lens(arguments.lens),
    )
    if (arguments.sample_id, arguments.barcode_raw) != (None, None):
        _require_one_image(arguments)
        prepared = prepared.of_sample(arguments.sample_id, arguments.barcode_raw)
    if arguments.dry_run:
        return tell(prepared, arguments.images)
    status = DONE
    for image, folder in folders.items():
        try:
            table = prepared.run(image, folder)
        except InputError as error:
            # The other images are worth analysing all the same.
            status = complain(f"{image}: {error}")
        else:
            print(f"{image}\n{table}\n")
    return status


def _require_files(images: Sequence[Path]) -> None:
    for image in images:
        if not image.is_file():
            msg = f"{image} is no file; wanted a PNG, JPEG or TIFF image"
            raise InvalidParameterError(msg)


def _result_folders(images: Sequence[Path], out: Path | None) -> dict[Path, Path]:
    """Where the results of each image go; checked before anything is written."""
    if out is None:
        msg = "--out DIR is missing; only --dry-run, which writes nothing, goes without"
        raise InvalidParameterError(msg)
    return result_folders(images, out)


def _require_one_image(arguments: argparse.Namespace) -> None:
    if len(arguments.images) > 1:
        option = "--barcode-raw" if arguments.sample_id is None else "--sample-id"
        raise InvalidParameterError(_of_one_image(option, arguments))


def _views(arguments: argparse.Namespace) -> dict[str, ViewFile]:
    """Give the other views of the image, by name."""
    given: list[ViewFile] = arguments.view
    if given and len(arguments.images) > 1:
        raise InvalidParameterError(_of_one_image("--view", arguments))
    return dict(zip(display_names([view.path for view in given]), given, strict=True))


def _region(arguments: argparse.Namespace) -> Path | None:
    if arguments.region is not None and len(arguments.images) > 1:
        raise InvalidParameterError(_of_one_image("--region", arguments))
    region: Path | None = arguments.region
    return region


def _of_one_image(option: str, arguments: argparse.Namespace) -> str:
    given = len(arguments.images)
    return f"{option} belongs to one image, {given} are given; analyse them singly"

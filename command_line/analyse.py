"""Analyse photographs."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.files import DONE, AddCommand, add_out, write_files
from command_line.settings import add_models_folder, complain, settings_of
from command_line.stage_views import ViewFile, add_views
from petrography.errors import InputError, InvalidParameterError

if TYPE_CHECKING:
    from petrography.calibration import ColourCalibration
    from petrography.pipeline import AnalysisRequest
    from service.repository import LoadedModel
    from service.settings import Settings

__all__ = ["add_commands", "analyse"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    _describe_analyse(add_command("analyse", analyse, "photographs to mineral maps and tables"))


def _describe_analyse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    add_out(parser, "folder of the results; with several images one sub-folder each")
    parser.add_argument("--um-per-px", type=float, help="size of an image pixel in micrometres")
    parser.add_argument(
        "--resampling-factor", type=float, help="model pixels per image pixel, instead of a scale"
    )
    parser.add_argument("--model", metavar="NAME[:VERSION]", help="default: the setting")
    parser.add_argument(
        "--association",
        metavar="S1|S2|S3|CODE,...",
        help="what the deposit is known to hold: only these classes may occur",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="colour calibration of `petroserve calibrate fit`, applied before anything is seen",
    )
    add_views(parser, "another view of the one image")
    add_models_folder(parser)


def analyse(arguments: argparse.Namespace) -> int:
    """Analyse photographs with one model."""
    from service.repository import open_repository

    folders = _result_folders(arguments.images, arguments.out)
    calibration, views = _calibration(arguments.calibration), _views(arguments)
    request = _analysis_request(arguments, calibration, views)
    settings = settings_of(arguments)
    model = open_repository(settings).get(request.model)
    status = DONE
    for image, folder in folders.items():
        try:
            table = _analyse_image(image, folder, request, model, settings, calibration, views)
        except InputError as error:
            # The other images are worth analysing all the same.
            status = complain(f"{image}: {error}")
        else:
            print(f"{image}\n{table}\n")
    return status


def _result_folders(images: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Where the results of each image go; checked before anything is written."""
    by_folder: dict[Path, Path] = {}
    for image in images:
        if not image.is_file():
            msg = f"{image} is no file; wanted a PNG, JPEG or TIFF image"
            raise InvalidParameterError(msg)
        folder = out if len(images) == 1 else out / image.stem
        if folder in by_folder:
            msg = (
                f"{by_folder[folder]} and {image} would both be written to {folder}; rename one, "
                "or analyse them one at a time"
            )
            raise InvalidParameterError(msg)
        by_folder[folder] = image
    return {image: folder for folder, image in by_folder.items()}


def _calibration(path: Path | None) -> ColourCalibration | None:
    from petrography.calibration import parse_calibration

    return None if path is None else parse_calibration(path.read_bytes(), source=str(path))


def _views(arguments: argparse.Namespace) -> dict[str, ViewFile]:
    """Give the other views of the image, by name."""
    given: list[ViewFile] = arguments.view
    if given and len(arguments.images) > 1:
        msg = f"--view belongs to one image, {len(arguments.images)} are given; analyse them singly"
        raise InvalidParameterError(msg)
    # Files of several folders may have equal names; they are told apart by their paths then.
    short = len({view.path.name for view in given}) == len(given)
    return {view.path.name if short else str(view.path): view for view in given}


def _analysis_request(
    arguments: argparse.Namespace,
    calibration: ColourCalibration | None,
    views: Mapping[str, ViewFile],
) -> AnalysisRequest:
    from pydantic import ValidationError

    from petrography.pipeline import AnalysisRequest

    names = ("model", "um_per_px", "resampling_factor", "association")
    stated = {name: getattr(arguments, name) for name in names}
    stated["calibration"] = None if calibration is None else calibration.id
    stated["views"] = tuple(
        {"part": name, "light": view.light, "stage_angle_deg": view.stage_angle_deg}
        for name, view in views.items()
    )
    try:
        return AnalysisRequest.model_validate(stated)
    except ValidationError as error:
        problems = "; ".join(
            f"--{str(problem['loc'][0]).replace('_', '-')}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise InvalidParameterError(problems) from None


def _analyse_image(
    image: Path,
    folder: Path,
    request: AnalysisRequest,
    model: LoadedModel,
    settings: Settings,
    calibration: ColourCalibration | None,
    views: Mapping[str, ViewFile],
) -> str:
    """Analyse one photograph, write its files and return its modal table."""
    from tqdm import tqdm

    from petrography.report import modal_table
    from service.engine import analyse_image

    # A bar appears on a terminal only.
    with tqdm(desc=image.name, unit="tile", disable=None, leave=False) as bar:

        def on_progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        analysis = analyse_image(
            image.read_bytes(),
            request,
            model,
            settings=settings,
            analysis_id=str(uuid.uuid4()),
            calibration=calibration,
            views={name: view.path.read_bytes for name, view in views.items()},
            on_progress=on_progress,
        )
    write_files(folder, analysis.artefacts)
    return modal_table(analysis.result)

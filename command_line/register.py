"""Lay photographs of one place over each other."""

from __future__ import annotations

import argparse
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line.exit_status import DONE
from command_line.files import (
    AddCommand,
    add_out,
    display_names,
    json_bytes,
    read_image,
    write_files,
)
from command_line.stage_views import add_views
from petrography.errors import InvalidParameterError

if TYPE_CHECKING:
    from petrography.images import Image
    from petrography.registration import Overlay, RegistrationReport, StageView

__all__ = ["add_commands", "register"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    parser = add_command("register", register, "photographs of one place, laid over each other")
    parser.add_argument("reference", type=Path, metavar="REFERENCE", help="at stage angle 0")
    parser.add_argument(
        "moving",
        type=Path,
        nargs="*",
        metavar="MOVING",
        help="plane-polarised views at unknown stage angles",
    )
    add_views(parser, "a view")
    parser.add_argument(
        "--reference-light", choices=("PPL", "XPL"), default="PPL", help="default: PPL"
    )
    add_out(
        parser,
        "folder for registered-NAME.png of every view and, with 3 or more XPL views, harmonics.npz "
        "and anisotropy.png",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.json",
        help="default: registration.json in the folder",
    )


def register(arguments: argparse.Namespace) -> int:
    """Register, write the views, the report and what crossed polars show, and print a table."""
    from petrography.image_codec import encode_png
    from petrography.registration import overlay_views, register_views

    out: Path = arguments.out
    reference, views = _stage_views(arguments)
    names = _registered_names(views)
    registration = register_views(reference, views)

    def write(name: str, pixels: Image) -> None:
        write_files(out, {names[name]: encode_png(pixels)})

    overlay = overlay_views(reference, views, registration, on_registered=write)
    write_files(out, _drawings(overlay))
    report: Path = arguments.report or out / "registration.json"
    content = overlay.report.model_dump(mode="json")
    write_files(report.parent, {report.name: json_bytes(content)})
    print(_table(overlay.report))
    return DONE


def _stage_views(arguments: argparse.Namespace) -> tuple[StageView, list[StageView]]:
    from petrography.registration import StageView

    known = {"PPL": "PPL", "XPL": "XPL"}
    given: list[tuple[Any, float | None, Path]] = [
        (arguments.reference_light, 0.0, arguments.reference),
        *(("PPL", None, path) for path in arguments.moving),
        *((known[view.light], view.stage_angle_deg, view.path) for view in arguments.view),
    ]
    names = display_names([path for _, _, path in given])
    reference, *views = (
        StageView(name, partial(_pixels, path), light, angle_deg)
        for name, (light, angle_deg, path) in zip(names, given, strict=True)
    )
    return reference, views


def _pixels(path: Path) -> Image:
    return read_image(path, whole=True).pixels


def _registered_names(views: list[StageView]) -> dict[str, str]:
    """From the name of a view to that of its registered file."""
    names = {view.name: f"registered-{Path(view.name).stem}.png" for view in views}
    if len(set(names.values())) < len(views):
        msg = (
            "some views would be written to one file, for their names differ only in folder or "
            "suffix; rename all but one of them"
        )
        raise InvalidParameterError(msg)
    return names


def _drawings(overlay: Overlay) -> dict[str, bytes]:
    """Encode what crossed polars show, if there are enough such views."""
    import numpy as np

    from petrography.image_codec import encode_png
    from petrography.registration import CHANNELS, anisotropy_picture

    if overlay.harmonics is None or overlay.anisotropy is None:
        return {}
    channels = BytesIO()
    planes = dict(zip(CHANNELS, np.moveaxis(overlay.harmonics.channels(), -1, 0), strict=True))
    np.savez_compressed(
        channels,
        allow_pickle=False,
        **planes,
        valid=overlay.harmonics.valid,
        noise_floor=overlay.anisotropy.noise_floor,
        anisotropic=overlay.anisotropy.anisotropic,
    )
    return {
        "harmonics.npz": channels.getvalue(),
        "anisotropy.png": encode_png(anisotropy_picture(overlay.anisotropy)),
    }


def _table(report: RegistrationReport) -> str:
    lines = [f"{'view':<24}{'turn deg':>10}{'RMSE px':>9}{'inliers':>9}{'overlap':>9}  how"]
    lines += [
        f"{view.name[-23:]:<24}{view.rotation_deg:>10.2f}{view.rmse_px:>9.2f}{view.inliers:>9}"
        f"{view.overlap_fraction:>9.0%}  {view.carried_by or view.method}"
        for view in report.views
    ]
    if report.xpl is not None:
        lines.append(_anisotropic(report))
        lines += [f"warning: {warning}" for warning in report.xpl.warnings]
    return "\n".join([*lines, *(f"warning: {warning}" for warning in report.warnings)])


def _anisotropic(report: RegistrationReport) -> str:
    summary = report.xpl
    if summary is None or summary.anisotropic_percent is None:
        return "the noise of the XPL views cannot be measured: no anisotropy test"
    return (
        f"{summary.anisotropic_percent:.1f} % of the pixels are anisotropic (noise floor "
        f"{summary.noise_floor:.2g} of white)"
    )

"""Paint phantoms: one photograph, a series on a rotating stage, or the fields of a panorama."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from command_line.exit_status import DONE
from command_line.files import AddCommand, add_out, json_bytes, write_files

if TYPE_CHECKING:
    from petrography.phantoms import View

__all__ = ["add_commands", "phantom"]

_OVERLAP_FRACTION = 0.25


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    _describe_phantom(add_command("phantom", phantom, "paint a section of ore with exact masks"))


def _describe_phantom(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", required=True, help="what it is made of: S1, S2, S3 or quartz")
    parser.add_argument("--seed", type=int, default=0, help="the same seed paints the same section")
    parser.add_argument(
        "--size", type=_height_and_width, required=True, metavar="HxW", help="of a photograph, px"
    )
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument(
        "--views",
        type=int,
        metavar="N",
        help="turns of the stage, in plane-polarised light and between crossed polars: views/",
    )
    parts.add_argument(
        "--fields",
        type=_rows_and_columns,
        metavar="RxC",
        help="grid of overlapping photographs of one section: fields/, poses.json, blank.png; "
        "labels.png is then that of the section",
    )
    parser.add_argument(
        "--overlap",
        type=float,
        default=_OVERLAP_FRACTION,
        metavar="SHARE",
        help=f"of neighbouring fields, of their side (default: {_OVERLAP_FRACTION})",
    )
    add_out(parser, "folder for image.png, labels.png and truth.json")


def _height_and_width(text: str) -> tuple[int, int]:
    return _two_numbers(text, "size", "HEIGHTxWIDTH in px, such as 960x1280")


def _rows_and_columns(text: str) -> tuple[int, int]:
    return _two_numbers(text, "grid", "ROWSxCOLUMNS, such as 3x4")


def _two_numbers(text: str, what: str, wanted: str) -> tuple[int, int]:
    try:
        first, second = (int(side) for side in text.lower().split("x"))
    except ValueError:
        msg = f"{what} is {text[:40]!r}; wanted {wanted}"
        raise argparse.ArgumentTypeError(msg) from None
    return first, second


def phantom(arguments: argparse.Namespace) -> int:
    """Paint a section; write photographs, masks and truth."""
    if arguments.views is not None:
        return _write_views(arguments)
    if arguments.fields is not None:
        return _write_fields(arguments)
    return _write_photograph(arguments)


def _write_photograph(arguments: argparse.Namespace) -> int:
    from petrography.image_codec import encode_png
    from petrography.phantoms import phantom as paint

    painted = paint(arguments.recipe, arguments.seed, *arguments.size)
    files = {
        "image.png": encode_png(painted.image),
        "labels.png": encode_png(painted.labels),
        "truth.json": json_bytes(painted.truth),
    }
    write_files(arguments.out, files)
    print(f"{arguments.out}: {', '.join(files)}")
    return DONE


def _write_views(arguments: argparse.Namespace) -> int:
    from petrography.image_codec import encode_png
    from petrography.phantoms import stage_series

    height_px, width_px = arguments.size
    series = stage_series(
        arguments.recipe, arguments.seed, height_px, width_px, views=arguments.views
    )
    views = {
        _view_name(light, view): encode_png(view.image)
        for light, of_light in (("ppl", series.ppl), ("xpl", series.xpl))
        for view in of_light
    }
    write_files(arguments.out / "views", views)
    files = {
        "image.png": encode_png(series.ppl[0].image),
        "labels.png": encode_png(series.labels),
        "truth.json": json_bytes(series.truth),
    }
    write_files(arguments.out, files)
    print(f"{arguments.out}: {', '.join(files)}, {len(views)} images in views")
    return DONE


def _view_name(light: str, view: View) -> str:
    """Name by light and angle: ``ppl_030.png``, or ``ppl_007.500.png`` between whole degrees."""
    whole = view.stage_angle_deg.is_integer()
    angle = f"{view.stage_angle_deg:03.0f}" if whole else f"{view.stage_angle_deg:07.3f}"
    return f"{light}_{angle}.png"


def _write_fields(arguments: argparse.Namespace) -> int:
    from petrography.image_codec import encode_png
    from petrography.phantoms import section_fields

    height_px, width_px = arguments.size
    section = section_fields(
        arguments.recipe,
        arguments.seed,
        *arguments.fields,
        height_px=height_px,
        width_px=width_px,
        overlap=arguments.overlap,
    )
    # One at a time: a large section has more fields than fit in memory.
    for field in section.photographs():
        write_files(arguments.out / "fields", {f"{field.name}.png": encode_png(field.image)})
    files = {
        "labels.png": encode_png(section.panorama_labels),
        "blank.png": encode_png(section.blank()),
        "poses.json": json_bytes(section.truth),
    }
    write_files(arguments.out, files)
    print(f"{arguments.out}: {', '.join(files)}, {len(section.poses)} images in fields")
    return DONE

"""Calibrate photographs: colour, shading and lens."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE
from command_line.files import (
    AddCommand,
    adding_to,
    json_bytes,
    read_image,
    read_labels,
    write_files,
)
from command_line.progress import step_bar
from petrography.errors import (
    InvalidParameterError,
    LabelImageError,
    MissingPartError,
    RegistrationError,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from petrography.calibration import Colour, ColourCalibration, ColourReference, LensModel
    from petrography.image_codec import DecodedImage
    from petrography.images import Image, Labels

__all__ = ["add_commands"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the commands below ``calibrate``."""
    _describe_fit(add_command("fit", fit, "a colour calibration from labels or a white"))
    applied = add_command("apply", apply, "a stored colour calibration to a photograph")
    applied.add_argument("--calibration", type=Path, required=True, metavar="CAL.json")
    _add_image_and_out(applied)
    _describe_reference(
        add_command("reference", reference, "mean colours of phases over annotated images")
    )
    # The functions named here give way to those of fit and apply, of which one must be said.
    _describe_flat_field(add_command("flatfield", fit_flat, "even out the lamp: fit or apply"))
    _describe_lens(add_command("lens", fit_lens, "straighten the picture: fit or apply"))


def _describe_fit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--image", type=Path, action="append", required=True, metavar="IMAGE",
        help="repeat it, with --labels, for one calibration of a whole series",
    )  # fmt: skip
    parser.add_argument(
        "--labels", type=Path, action="append", default=[], metavar="LABELS",
        help="codes of known phases in the photograph, 255 elsewhere; one for each image",
    )  # fmt: skip
    parser.add_argument(
        "--white", type=_colour, metavar="R,G,B", help="colour of a neutral white, without labels"
    )
    parser.add_argument(
        "--reference", type=Path, metavar="REF.json", help="default: the shipped LumenStone colours"
    )
    _add_out_file(parser, "CAL.json")


def _describe_reference(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--images", type=Path, action="append", required=True, metavar="DIR", help="repeatable"
    )
    parser.add_argument(
        "--masks", type=Path, action="append", required=True, metavar="DIR",
        help="of codes, 255 where nothing is labelled; same stems, one folder for each --images",
    )  # fmt: skip
    parser.add_argument("--name", help="default: the name of the first folder of images")
    parser.add_argument("--source", default="", help="where the images come from, for the record")
    parser.add_argument(
        "--white", type=_colour, default=(255.0, 255.0, 255.0), metavar="R,G,B",
        help="colour of a neutral mirror in that camera (default: 255,255,255)",
    )  # fmt: skip
    _add_out_file(parser, "REF.json")


def _describe_flat_field(parser: argparse.ArgumentParser) -> None:
    add = _adder(parser)
    fitted = add("fit", fit_flat, "the shading, from photographs of a blank or a mirror")
    fitted.add_argument("images", type=Path, nargs="+", metavar="FLAT")
    fitted.add_argument("--dark", type=Path, metavar="IMAGE", help="same exposure, light shut off")
    _add_out_file(fitted, "FLAT.json")
    applied = add("apply", apply_flat, "even out a photograph")
    applied.add_argument("--flat-field", type=Path, required=True, metavar="FLAT.json")
    _add_image_and_out(applied)


def _describe_lens(parser: argparse.ArgumentParser) -> None:
    add = _adder(parser)
    fitted = add("fit", fit_lens, "the distortion, from a photograph of a dot grid or chessboard")
    fitted.add_argument(
        "images", type=Path, nargs="+", metavar="TARGET", help="one target, or overlapping fields"
    )
    fitted.add_argument(
        "--fields",
        action="store_true",
        help="the photographs are overlapping fields of a section, of which no target is needed",
    )
    fitted.add_argument("--target", choices=("dots", "chessboard"), default="dots")
    fitted.add_argument("--rows", type=int, help="dots or inner corners; a chessboard wants it")
    fitted.add_argument("--columns", type=int, help="dots or inner corners; a chessboard wants it")
    fitted.add_argument("--tangential", action="store_true", help="fit p1 and p2 too")
    _add_out_file(fitted, "LENS.json")
    applied = add("apply", apply_lens, "straighten a photograph")
    applied.add_argument("--lens", type=Path, required=True, metavar="LENS.json")
    _add_image_and_out(applied)


def _adder(parser: argparse.ArgumentParser) -> AddCommand:
    return adding_to(parser.add_subparsers(required=True, metavar="fit|apply"))


def _add_out_file(parser: argparse.ArgumentParser, metavar: str) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar=metavar)


def _add_image_and_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="PNG, or JPEG by its suffix"
    )


def _colour(text: str) -> Colour:
    try:
        red, green, blue = (float(level) for level in text.split(","))
    except ValueError:
        msg = f"colour is {text[:40]!r}; wanted R,G,B of 0-255, such as 231,228,220"
        raise argparse.ArgumentTypeError(msg) from None
    return red, green, blue


def fit(arguments: argparse.Namespace) -> int:
    """Fit a colour calibration to one photograph or to a series."""
    from petrography.calibration import fit_calibration, fit_series_calibration

    images, masks = arguments.image, arguments.labels
    if masks and len(masks) != len(images):
        msg = f"{len(images)} images and {len(masks)} label images are given; wanted one for each"
        raise MissingPartError(msg)
    if len(images) > 1 and (not masks or arguments.white is not None):
        msg = f"{len(images)} images are given; a series wants labels for each and no white"
        raise InvalidParameterError(msg)
    wanted = _reference(arguments.reference)
    if len(images) > 1:
        calibration = fit_series_calibration(_pairs(images, masks), wanted)
    else:
        labels = read_labels(masks[0])[0] if masks else None
        pixels = read_image(images[0]).pixels
        calibration = fit_calibration(pixels, labels, wanted, white_rgb=arguments.white)
    made_utc = datetime.now(UTC).isoformat(timespec="seconds")
    _write_json(arguments.out, calibration.model_copy(update={"made_utc": made_utc}))
    print(_table(calibration))
    return DONE


def _reference(path: Path | None) -> ColourReference:
    from petrography.calibration import lumenstone_reference, parse_reference

    if path is None:
        return lumenstone_reference()
    return parse_reference(path.read_bytes(), source=str(path))


def _pairs(images: Sequence[Path], masks: Sequence[Path]) -> Iterator[tuple[Image, Labels]]:
    for image, mask in zip(images, masks, strict=True):
        yield read_image(image).pixels, read_labels(mask)[0]


def _table(calibration: ColourCalibration) -> str:
    from petrography.minerals import mineral

    lines = [f"{calibration.model} ({calibration.mode}), id {calibration.id[:16]}"]
    if calibration.anchors:
        lines.append(f"{'phase':<10}{'area px':>10}{'dE before':>12}{'dE after':>10}")
    lines += [
        f"{mineral(one.code).symbol:<10}{one.area_px:>10}{one.distance_before:>12.2f}"
        f"{one.distance_after:>10.2f}"
        for one in calibration.anchors
    ]
    return "\n".join([*lines, *(f"warning: {one}" for one in calibration.warnings)])


def apply(arguments: argparse.Namespace) -> int:
    """Apply a stored colour calibration."""
    from petrography.calibration import apply_calibration, parse_calibration

    path = arguments.calibration
    calibration = parse_calibration(path.read_bytes(), source=str(path))
    read = read_image(arguments.image)
    _write_image(arguments.out, apply_calibration(read.pixels, calibration), read)
    return DONE


def reference(arguments: argparse.Namespace) -> int:
    """Build a colour reference from annotated images."""
    from petrography.calibration import build_reference
    from petrography.minerals import mineral

    if len(arguments.images) != len(arguments.masks):
        msg = f"{len(arguments.images)} --images and {len(arguments.masks)} --masks; wanted pairs"
        raise MissingPartError(msg)
    folders = zip(arguments.images, arguments.masks, strict=True)
    found = [pair for images, masks in folders for pair in _files(images, masks)]
    built = build_reference(
        _pairs([image for image, _ in found], [mask for _, mask in found]),
        arguments.name or arguments.images[0].resolve().name,
        arguments.source,
        white_rgb=arguments.white,
    )
    _write_json(arguments.out, built)
    print(f"{'phase':<10}{'images':>8}{'spread dE':>11}   colour")
    for one in built.colours:
        levels = ", ".join(f"{level:.0f}" for level in one.colour_rgb)
        print(f"{mineral(one.code).symbol:<10}{one.images:>8}{one.spread:>11.2f}   {levels}")
    return DONE


def _files(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Images of a folder and their masks, in the order of their names."""
    by_stem = {path.stem: path for path in sorted(masks.iterdir()) if _is_image(path)}
    found = sorted(path for path in images.iterdir() if _is_image(path))
    missing = [path.name for path in found if path.stem not in by_stem]
    if missing or not found:
        what = (
            f"{len(missing)} images have no mask, such as {missing[0]}" if missing else "no image"
        )
        msg = f"{images}: {what}; wanted images, and masks of the same stems in {masks}"
        raise LabelImageError(msg)
    return [(path, by_stem[path.stem]) for path in found]


def _is_image(path: Path) -> bool:
    from petrography.image_codec import IMAGE_SUFFIXES

    return path.suffix.lower() in IMAGE_SUFFIXES


def fit_flat(arguments: argparse.Namespace) -> int:
    """Measure the shading of a microscope."""
    from petrography.calibration import fit_flat_field

    dark = None if arguments.dark is None else read_image(arguments.dark, whole=True).pixels
    flat = fit_flat_field([read_image(path, whole=True).pixels for path in arguments.images], dark)
    _write_json(arguments.out, flat)
    print(
        f"darkest place {flat.least_light:.0%} of the mean light, "
        f"{flat.foreign_fraction:.1%} of the cells bridged"
    )
    return DONE


def apply_flat(arguments: argparse.Namespace) -> int:
    """Even out a photograph."""
    from petrography.calibration import apply_flat_field, parse_flat_field

    path = arguments.flat_field
    flat = parse_flat_field(path.read_bytes(), source=str(path))
    read = read_image(arguments.image, whole=True)
    _write_image(arguments.out, apply_flat_field(read.pixels, flat), read)
    return DONE


def fit_lens(arguments: argparse.Namespace) -> int:
    """Measure the distortion of a lens."""
    lens = _lens_of_fields(arguments) if arguments.fields else _lens_of_target(arguments)
    _write_json(arguments.out, lens)
    print(
        f"{lens.points} points, {lens.rmse_px:.3f} px left over; a corner is moved by "
        f"{lens.largest_shift_px:.1f} px"
    )
    for warning in lens.warnings:
        print(f"warning: {warning}")
    return DONE


def _lens_of_target(arguments: argparse.Namespace) -> LensModel:
    from petrography.calibration import fit_lens_from_grid

    if len(arguments.images) != 1:
        msg = f"{len(arguments.images)} targets are given; wanted one, or fields with --fields"
        raise InvalidParameterError(msg)
    return fit_lens_from_grid(
        read_image(arguments.images[0], whole=True).pixels,
        arguments.rows,
        arguments.columns,
        target=arguments.target,
        tangential=arguments.tangential,
    )


def _lens_of_fields(arguments: argparse.Namespace) -> LensModel:
    from petrography.stitching import PanoramaField, stitch

    def field(path: Path) -> PanoramaField:
        return PanoramaField(str(path), lambda: read_image(path).pixels)

    with step_bar() as on_progress:
        fields = [field(path) for path in arguments.images]
        report = stitch(fields, flat_field=None, lens="estimate", on_progress=on_progress).report
    if report.lens is None:
        msg = (
            f"the overlaps of {len(fields)} fields fit no better with a lens than without: there "
            "is no distortion to correct, or too little overlap to see it"
        )
        raise RegistrationError(msg)
    points = sum(edge.inliers for edge in report.edges)
    return report.lens.model.model_copy(update={"rmse_px": report.rmse_px, "points": points})


def apply_lens(arguments: argparse.Namespace) -> int:
    """Straighten a photograph."""
    from petrography.calibration import parse_lens, undistort

    lens = parse_lens(arguments.lens.read_bytes(), source=str(arguments.lens))
    read = read_image(arguments.image, whole=True)
    _write_image(arguments.out, undistort(read.pixels, lens), read)
    return DONE


def _write_json(out: Path, content: BaseModel) -> None:
    write_files(out.parent, {out.name: json_bytes(content.model_dump(mode="json"))})


def _write_image(out: Path, pixels: Image, read: DecodedImage) -> None:
    """Write a corrected photograph, and say what of the one that was read is not in it."""
    from petrography.image_codec import encode_jpeg, encode_png

    suffix = out.suffix.lower()
    if suffix not in {".png", ".jpg", ".jpeg"}:
        msg = f"{out} has the suffix {suffix!r}; wanted .png, .jpg or .jpeg"
        raise InvalidParameterError(msg)
    data = encode_png(pixels) if suffix == ".png" else encode_jpeg(pixels, quality=95)
    write_files(out.parent, {out.name: data})
    for warning in read.warnings:
        print(f"warning: {warning}")
    if read.um_per_px is not None:
        print(
            f"{out} states no pixel size; that of the photograph is {read.um_per_px:g} um "
            f"({read.scale_source}): wanted --um-per-px {read.um_per_px:g} where it is analysed"
        )

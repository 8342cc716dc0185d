"""Stitch overlapping photographs to a panorama."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from command_line.exit_status import DONE
from command_line.files import (
    AddCommand,
    display_names,
    json_bytes,
    read_image,
    write_files,
    written_folder,
)
from command_line.one_analysis import PreparedAnalysis, add_analysis_options, prepare_analysis
from command_line.optics_files import read_flat_field, read_lens
from command_line.progress import step_bar
from petrography.errors import InvalidParameterError

if TYPE_CHECKING:
    from petrography.images import Image
    from petrography.stitching import (
        GridLayout,
        Matcher,
        PanoramaField,
        Progress,
        Stitching,
        StitchReport,
    )
    from petrography.stitching.panorama import Estimate
    from service.engine import JoinedFields

__all__ = ["add_commands", "stitch"]

OpticsT = TypeVar("OpticsT")


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    parser = add_command("stitch", stitch, "overlapping photographs to one panorama")
    _describe_stitch(parser)
    _describe_analysis(parser)


def _describe_stitch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tiles", type=Path, nargs="+", metavar="TILE", help="photographs")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.tif",
        help="pyramidal OME-TIFF; a small FILE.preview.jpg is written beside it",
    )
    parser.add_argument("--report", type=Path, required=True, metavar="FILE.json")
    parser.add_argument(
        "--grid", metavar="RxC", help="rows and columns; without it the tiles find their places"
    )
    parser.add_argument(
        "--order",
        choices=("row", "snake", "columns", "columns-snake"),
        default="row",
        help="how the tiles run through the grid (default: row)",
    )
    parser.add_argument("--overlap", type=float, metavar="F", help="nominal, over the side")
    parser.add_argument(
        "--model", choices=("auto", "translation", "similarity", "affine"), default="auto"
    )
    for name, what in (("--flat-field", "shading"), ("--lens", "distortion")):
        parser.add_argument(
            name,
            default="estimate",
            metavar="FILE|estimate|none",
            help=f"{what} to correct (default: estimate, used only where it helps)",
        )
    parser.add_argument(
        "--matcher",
        type=Path,
        metavar="FILE.onnx",
        help="finds the overlaps instead of SIFT features, such as LoFTR",
    )
    parser.add_argument(
        "--compression", choices=("jpeg", "deflate"), default="jpeg", help="deflate: without loss"
    )
    parser.add_argument("--seam-lines", action="store_true", help="draw the seams on the preview")


def _describe_analysis(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--analyse",
        type=Path,
        metavar="DIR",
        help="analyse the panorama as well, with the options of `petroserve analyse`",
    )
    parser.add_argument(
        "--segment",
        choices=("fields", "panorama"),
        default="fields",
        help="what the analysis segments: each field, with the maps joined along the seams "
        "(default), or the panorama",
    )
    add_analysis_options(parser, model="--analysis-model")


def stitch(arguments: argparse.Namespace) -> int:
    """Stitch, write the panorama, its preview and its report, and print what matters."""
    from petrography.image_codec import encode_jpeg
    from petrography.images import require_possible_scale
    from petrography.stitching import stitch as stitch_fields

    _require_tiff(arguments.out)
    if arguments.um_per_px is not None:
        require_possible_scale(arguments.um_per_px)
    prepared = _prepared(arguments)
    with step_bar() as on_progress:
        stitching = stitch_fields(
            _fields(arguments.tiles),
            grid=_grid(arguments),
            model=arguments.model,
            flat_field=_optics(arguments.flat_field, read_flat_field),
            lens=_optics(arguments.lens, read_lens),
            matcher=_matcher(arguments.matcher),
            on_progress=on_progress,
        )
    out: Path = arguments.out
    preview = encode_jpeg(stitching.preview(seam_lines=arguments.seam_lines))
    write_files(out.parent, {f"{out.stem}.preview.jpg": preview})
    _write_panorama(out, stitching, arguments.um_per_px, arguments.compression)
    report: Path = arguments.report
    content = stitching.report.model_dump(mode="json")
    write_files(report.parent, {report.name: json_bytes(content)})
    print(_summary(stitching.report))
    if prepared is not None:
        joined = _joined(stitching, by_field=arguments.segment == "fields")
        print(prepared.run(out, arguments.analyse, joined=joined))
    return DONE


def _require_tiff(out: Path) -> None:
    if out.suffix.lower() not in {".tif", ".tiff"}:
        msg = f"{out} has the suffix {out.suffix!r}; a panorama is an OME-TIFF: .tif or .tiff"
        raise InvalidParameterError(msg)


def _prepared(arguments: argparse.Namespace) -> PreparedAnalysis | None:
    """Prepare the analysis that is asked for, before there is a panorama."""
    if arguments.analyse is not None:
        return prepare_analysis(arguments)
    for name in ("association", "calibration", "resampling_factor", "analysis_model"):
        if getattr(arguments, name) is not None:
            msg = f"--{name.replace('_', '-')} belongs to an analysis; add --analyse DIR"
            raise InvalidParameterError(msg)
    return None


def _joined(stitching: Stitching, *, by_field: bool) -> JoinedFields:
    from service.engine import JoinedFields, covered_by_fields, segment_fields

    in_parts = partial(segment_fields, stitching) if by_field else None
    return JoinedFields(len(stitching.placed), in_parts, partial(covered_by_fields, stitching))


def _fields(paths: Sequence[Path]) -> list[PanoramaField]:
    from petrography.stitching import PanoramaField

    return [
        PanoramaField(name, partial(_pixels, path))
        for name, path in zip(display_names(paths), paths, strict=True)
    ]


def _pixels(path: Path) -> Image:
    return read_image(path).pixels


def _grid(arguments: argparse.Namespace) -> GridLayout | None:
    from pydantic import ValidationError

    from petrography.errors import field_problems
    from petrography.stitching import GridLayout

    if arguments.grid is None:
        if arguments.overlap is not None:
            msg = "--overlap belongs to a grid; give --grid RxC too, or leave it out"
            raise InvalidParameterError(msg)
        return None
    rows, _, cols = str(arguments.grid).lower().partition("x")
    try:
        return GridLayout.model_validate(
            {
                "rows": rows,
                "cols": cols,
                "order": arguments.order,
                "overlap_fraction": arguments.overlap,
            }
        )
    except ValidationError as error:
        msg = f"--grid {arguments.grid} (wanted rows x columns, as 4x5): {field_problems(error)}"
        raise InvalidParameterError(msg) from None


def _optics(given: str, read: Callable[[Path | None], OpticsT]) -> OpticsT | Estimate:
    return "estimate" if given == "estimate" else read(None if given == "none" else Path(given))


def _matcher(path: Path | None) -> Matcher | None:
    if path is None:
        return None
    from service.runtime import open_matcher
    from service.settings import read_settings

    return open_matcher(path, read_settings())


def _write_panorama(
    out: Path, stitching: Stitching, um_per_px: float | None, compression: str
) -> None:
    """Write the panorama, so that it is whole or not there."""
    from petrography.image_codec import write_pyramid

    with (
        written_folder(out.parent) as folder,
        folder.create(out.name) as file,
        step_bar() as on_progress,
    ):
        write_pyramid(
            file,
            _drawn(stitching, on_progress),
            *stitching.shape,
            um_per_px=um_per_px,
            compression="deflate" if compression == "deflate" else "jpeg",
        )


def _drawn(stitching: Stitching, on_progress: Progress) -> Iterator[Image]:
    rows_px = 0
    for strip in stitching.rows():
        yield strip
        rows_px += len(strip)
        on_progress("draw", rows_px, stitching.shape[0])


def _summary(report: StitchReport) -> str:
    drawn = [tile for tile in report.tiles if tile.component == 0]
    loops = "no loop" if report.loop_closure_px is None else f"{report.loop_closure_px:.2f} px"
    size = f"{report.width_px} x {report.height_px} px"
    lines = [
        f"{size} from {len(drawn)} fields, {len(report.edges)} overlaps ({report.model})",
        f"RMSE {report.rmse_px:.2f} px, largest miss of a loop: {loops}",
    ]
    lines += [f"left out: {field.name}: {field.reason}" for field in report.unplaced]
    lines += [f"not believed: {edge.a}, {edge.b}: {edge.reason}" for edge in report.rejected]
    return "\n".join([*lines, *report.warnings])

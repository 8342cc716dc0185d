"""Write a result for people, as PDF."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE
from command_line.files import AddCommand, read_image, read_stored_result, write_files

if TYPE_CHECKING:
    from petrography.report import Result

__all__ = ["add_commands", "report", "report_of"]

# Of the longer side of the picture: 230 px to the inch of a page.
_MAX_PRINTED_PX = 1600


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    parser = add_command("report", report, "a result, of any version, as pages for people (PDF)")
    parser.add_argument("result", type=Path, metavar="RESULT.json")
    parser.add_argument(
        "--overlay",
        type=Path,
        metavar="FILE",
        help="overlay.jpg of the analysis (default: the one beside the result, if there is one)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.pdf")


def report(arguments: argparse.Namespace) -> int:
    """Write the report of a result, for instance of one that was reviewed since."""
    result = read_stored_result(arguments.result)
    beside = arguments.result.with_name("overlay.jpg")
    overlay: Path | None = arguments.overlay or (beside if beside.is_file() else None)
    out: Path = arguments.out
    write_files(out.parent, {out.name: report_of(result, overlay)})
    print(f"{out}: version {result.version}, {result.status}")
    return DONE


def report_of(result: Result, overlay: Path | None) -> bytes:
    """Write the report of a result as PDF; without a file of its overlay there is no picture."""
    from petrography.report.pages import report_pdf

    return report_pdf(result, None if overlay is None else _printed(overlay, result))


def _printed(overlay: Path, result: Result) -> bytes:
    """Read a picture, without the strip of its legend, at the size of a page."""
    from petrography.image_codec import encode_jpeg
    from petrography.images import resample_image
    from petrography.report.provenance import fact

    pixels = read_image(overlay).pixels
    height_px, width_px = (fact(result, "image", side) for side in ("height_px", "width_px"))
    if isinstance(height_px, int) and isinstance(width_px, int):
        pixels = pixels[: round(pixels.shape[1] * height_px / width_px)]
    factor = min(1.0, _MAX_PRINTED_PX / max(pixels.shape[:2]))
    return encode_jpeg(resample_image(pixels, factor))

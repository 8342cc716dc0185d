"""Paint phantoms."""

from __future__ import annotations

import argparse

from command_line.files import DONE, AddCommand, add_out, json_bytes, write_files

__all__ = ["add_commands", "phantom"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    _describe_phantom(add_command("phantom", phantom, "paint a section of ore with exact masks"))


def _describe_phantom(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", required=True, help="what it is made of, such as S1 or S2")
    parser.add_argument("--seed", type=int, default=0, help="the same seed paints the same section")
    parser.add_argument("--size", type=_height_and_width, required=True, metavar="HxW", help="px")
    add_out(parser, "folder for image.png, labels.png and truth.json")


def _height_and_width(text: str) -> tuple[int, int]:
    try:
        height_px, width_px = (int(side) for side in text.lower().split("x"))
    except ValueError:
        msg = f"size is {text[:40]!r}; wanted HEIGHTxWIDTH in px, such as 960x1280"
        raise argparse.ArgumentTypeError(msg) from None
    return height_px, width_px


def phantom(arguments: argparse.Namespace) -> int:
    """Paint a section; write photograph, mask and truth."""
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

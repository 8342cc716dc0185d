"""Files that tell the shading and the distortion of a microscope."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from petrography.calibration import FlatField, LensModel

__all__ = ["add_optics", "read_flat_field", "read_lens"]


def add_optics(parser: argparse.ArgumentParser) -> None:
    """Describe the options that name such files."""
    optics = (("--flat-field", "shading", "flatfield"), ("--lens", "distortion", "lens"))
    for name, what, task in optics:
        parser.add_argument(
            name,
            type=Path,
            metavar="FILE",
            help=f"{what} of `petroserve calibrate {task} fit`, corrected before anything is seen",
        )


def read_flat_field(path: Path | None) -> FlatField | None:
    """Read a flat field; None without a file.

    Raises
    ------
    InputError
        If the file is no flat field.
    OSError
        If there is no such file.
    """
    from petrography.calibration import parse_flat_field

    return None if path is None else parse_flat_field(path.read_bytes(), source=str(path))


def read_lens(path: Path | None) -> LensModel | None:
    """Read a lens; None without a file.

    Raises
    ------
    InputError
        If the file is no lens.
    OSError
        If there is no such file.
    """
    from petrography.calibration import parse_lens

    return None if path is None else parse_lens(path.read_bytes(), source=str(path))

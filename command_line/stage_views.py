"""The option that names photographs of a rotating stage."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ViewFile", "add_views"]


@dataclass(frozen=True)
class ViewFile:
    """A photograph and how it was taken: light is PPL or XPL, the angle None if unknown."""

    light: str
    stage_angle_deg: float | None
    path: Path


def add_views(parser: argparse.ArgumentParser, what: str) -> None:
    """Describe ``--view``; the parsed arguments have a list of `ViewFile` as ``view``."""
    parser.add_argument(
        "--view",
        type=_view,
        action="append",
        default=[],
        metavar="LIGHT:ANGLE=FILE",
        help=f"{what}, with its light (PPL or XPL) and stage angle in degrees, such as "
        "XPL:30=x30.png; repeatable. Crossed polars lie as the PPL view of the same angle does",
    )


def _view(text: str) -> ViewFile:
    taken, equals, path = text.partition("=")
    light, _, angle = taken.partition(":")
    try:
        angle_deg = float(angle) if angle else None
    except ValueError:
        equals = ""
    if not equals or not path or light not in {"PPL", "XPL"}:
        msg = f"{text[:80]!r} is no view; wanted LIGHT:ANGLE=FILE, such as XPL:30=x30.png"
        raise argparse.ArgumentTypeError(msg)
    return ViewFile(light, angle_deg, Path(path))

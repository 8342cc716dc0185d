"""What analyses would take, told without making them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE, complain
from petrography.errors import InputError

if TYPE_CHECKING:
    from command_line.one_analysis import PreparedAnalysis
    from service.engine import Estimate

__all__ = ["add_dry_run", "tell"]

_MIB = 1024 * 1024


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Describe the option."""
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="tell tiles, time and memory of every image and write nothing",
    )


@dataclass(frozen=True)
class _File:
    """An image file that can be read in part."""

    path: Path

    def read(self) -> bytes:
        return self.path.read_bytes()

    def read_start(self, size_bytes: int) -> bytes:
        with self.path.open("rb") as file:
            return file.read(size_bytes)


def tell(prepared: PreparedAnalysis, images: Iterable[Path]) -> int:
    """Print a line for every image.

    The network is run once for each kind of output, to measure it on this machine.
    """
    from service.engine import OtherRate, estimate, size_of, with_scale_of

    prepared.model.warm_up()
    status, seconds = DONE, 0.0
    for image in images:
        file = _File(image)
        try:
            told = estimate(
                size_of(file),
                with_scale_of(file, prepared.request),
                prepared.model,
                prepared.settings,
                OtherRate(),
            )
        except InputError as error:
            status = complain(f"{image}: {error}")
        else:
            seconds += told.seconds or 0.0
            print(f"{image}: {_in_words(told)}")
    print(f"all: about {seconds:.1f} s, one after the other")
    return status


def _in_words(told: Estimate) -> str:
    return (
        f"{told.width_px} x {told.height_px} px, {told.tiles} tiles of {told.tile_px} px with "
        f"{told.model}; about {told.seconds:.1f} s, {told.network_seconds:.1f} of them in the "
        f"network (measured now), {told.other_seconds:.1f} beside it ({told.other_basis}); about "
        f"{told.peak_memory_bytes / _MIB:.0f} MiB, and {told.scratch_bytes / _MIB:.0f} MiB of "
        "scratch files"
    )

"""How much memory does an analysis take beside the loaded model? End to end, by size of the image.

::

    python benchmarks/bench_memory.py [--model lumenstone-pspnet] [--sides 10000 24495] [--fake]

The images are tiled OME-TIFFs assembled from painted fields that are repeated mirrored. Each is
analysed in a process of its own by what the service and the command line call, from the mapped
file to the written files. Memory is the highest resident set, mapped pages and all, above that of
the idle process with the model loaded and warm; disk is what the scratch files take. With `--fake`
a look-up of colours stands in for the network, so that all other steps are measured in minutes.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.bench_analysis import forget_peak_mib, status_mib
from benchmarks.recording import machine, record_if_asked, recorded_options
from command_line.files import written_folder
from petrography.image_codec import write_pyramid
from petrography.images import Image
from petrography.phantoms import phantom
from petrography.pipeline import AnalysisRequest
from service.engine import ScratchFiles, analyse_image
from service.repository import LoadedModel, open_repository
from service.runtime import OnnxPredictor
from service.settings import Settings

FIELD_PX, FIELDS = 1024, 2
BLUR_PX = 15
ROWS = 512


def main() -> None:
    """Measure every size, print a table, and record it if that is wanted."""
    arguments = parser().parse_args()
    if arguments.image is not None:
        print(json.dumps(measured(arguments)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        lines = head(arguments)
        for side_px in arguments.sides:
            image = Path(folder) / f"{side_px}.ome.tif"
            assemble(image, side_px)
            lines.append(row(side_px, image, in_own_process(arguments, image)))
            print(lines[-1], flush=True)
            image.unlink()
    record_if_asked("\n".join(lines), arguments)


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    options = recorded_options(__doc__)
    options.add_argument("--model", default="lumenstone-pspnet")
    options.add_argument("--models", type=Path, default=ROOT / "models")
    options.add_argument("--sides", type=int, nargs="+", default=[10_000, 24_495])
    options.add_argument("--factor", type=float, help="resampling; default: that of the model")
    options.add_argument("--fake", action="store_true", help="a look-up instead of the network")
    options.add_argument("--folder", type=Path, help="where images and scratch files lie")
    options.add_argument("--image", type=Path, help=argparse.SUPPRESS)
    return options


def head(arguments: argparse.Namespace) -> list[str]:
    """Name the table, its machine and its command."""
    words = [f"--sides {' '.join(map(str, arguments.sides))}"]
    words += ["--fake"] if arguments.fake else []
    network = "a look-up of colours in place of the network" if arguments.fake else "the network"
    lines = [
        f"### Memory by the size of the image, {arguments.model}",
        "",
        (
            f"{machine()}; {network}, "
            f"`python benchmarks/bench_memory.py --model {arguments.model} {' '.join(words)}`."
        ),
        "",
        "| image | pixels, 10^6 | file, MiB | seconds | peak memory above idle, MiB | scratch files, MiB | stages |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    print("\n".join(lines), flush=True)
    return lines


def row(side_px: int, image: Path, found: dict[str, Any]) -> str:
    """Write a line of the table."""
    stages = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in found["stages"].items())
    return (
        f"| {side_px} x {side_px} | {side_px**2 / 1e6:.0f} | {image.stat().st_size >> 20} | "
        f"{found['seconds']:.0f} | {found['peak_mib']:.0f} | {found['scratch_mib']:.0f} | {stages} |"
    )


def assemble(path: Path, side_px: int) -> None:
    """Write a large image of painted fields, laid side by side and mirrored."""
    fields = [phantom("S1", seed, FIELD_PX, FIELD_PX).image for seed in range(FIELDS)]
    period = np.concatenate([np.concatenate([one, one[:, ::-1]], axis=1) for one in fields])
    period = np.concatenate([period, period[::-1]])
    with path.open("w+b") as file:
        write_pyramid(file, repeated(period, side_px), side_px, side_px, um_per_px=0.6)


def repeated(period: Image, side_px: int) -> Iterator[Image]:
    """Repeat a field over a square, some rows at a time."""
    wide = np.tile(period, (1, math.ceil(side_px / period.shape[1]), 1))[:, :side_px]
    for top in range(0, side_px, ROWS):
        rows = np.arange(top, min(top + ROWS, side_px)) % len(wide)
        yield wide[rows]


def in_own_process(arguments: argparse.Namespace, image: Path) -> dict[str, Any]:
    """Analyse in a fresh interpreter and read its figures."""
    words = ["--image", str(image), "--model", arguments.model, "--models", str(arguments.models)]
    words += ["--fake"] if arguments.fake else []
    words += [] if arguments.factor is None else ["--factor", str(arguments.factor)]
    command = [sys.executable, __file__, *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Analyse an image once, after a small one that warms everything up."""
    settings = Settings(models_folder=arguments.models, max_image_bytes=1 << 40)
    model = open_repository(settings).get(arguments.model)
    if arguments.fake:
        model = LookingModel(
            model.card, model.opened, model.load_seconds, model.observe, model.card_sha256
        )
    small = arguments.image.with_name("small.ome.tif")
    assemble(small, 2 * FIELD_PX)
    analysed(arguments, settings, model, small)
    idle_mib = forget_peak_mib()
    began = time.perf_counter()
    stages, scratch_mib = analysed(arguments, settings, model, arguments.image)
    return {
        "seconds": time.perf_counter() - began,
        "peak_mib": status_mib("VmHWM") - idle_mib,
        "scratch_mib": scratch_mib,
        "stages": stages,
    }


def analysed(
    arguments: argparse.Namespace, settings: Settings, model: LoadedModel, image: Path
) -> tuple[dict[str, float], float]:
    """Analyse a file to files; returns the seconds of its stages and the size of its scratch."""
    stages: dict[str, float] = {}
    out = image.with_suffix(".results")
    with Counting(image.parent) as scratch, written_folder(out) as sink:
        analyse_image(
            sink,
            scratch.view(image),
            AnalysisRequest(resampling_factor=arguments.factor, association="S1"),
            model,
            settings=settings,
            workspace=scratch,
            analysis_id="benchmark",
            on_stage=stages.__setitem__,
        )
    return stages, scratch.mapped_bytes / (1 << 20)


class Counting(ScratchFiles):
    """Scratch files that count their bytes."""

    mapped_bytes = 0

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Count what is not held in memory."""
        array = super().empty(shape, dtype)
        self.mapped_bytes += 0 if array.base is None else array.nbytes
        return array


class LookingModel(LoadedModel):
    """A model whose network is not asked."""

    def predictor_for(self, *asked: Any, **how: Any) -> OnnxPredictor:
        """Look colours up; they give classes that may not occur as well."""
        return Looking.instead_of(super().predictor_for(*asked, **how))


class Looking(OnnxPredictor):
    """A predictor that looks colours up: as many classes as the model, in blobs as in the image."""

    @classmethod
    def instead_of(cls, predictor: OnnxPredictor) -> Looking:
        """Take the place of a predictor, with its tiles and its request."""
        return cls(predictor._networks, predictor._allowed, predictor._request)

    @cached_property
    def _class_of(self) -> NDArray[np.uint8]:
        return (np.arange(256) * len(self._allowed) // 256).astype(np.uint8)

    def labels(self, tiles: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Classes by the green around each pixel."""
        return self._classes(tiles), np.ascontiguousarray(255 - tiles[..., 0] // 2)

    def probabilities(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Nine tenths for the class of the pixel, the rest for the others."""
        count = int(self._class_of[-1]) + 1
        planes = np.full((len(tiles), count, *tiles.shape[1:3]), 0.1 / (count - 1), np.float32)
        chosen = self._classes(tiles)[:, None]
        np.put_along_axis(planes, chosen.astype(np.intp), np.float32(0.9), axis=1)
        return planes

    def _classes(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Of the green in the neighbourhood, or every speck of noise would be a grain."""
        smooth = [
            cv2.blur(np.ascontiguousarray(tile[..., 1]), (BLUR_PX, BLUR_PX)) for tile in tiles
        ]
        return self._class_of[np.stack(smooth)]


if __name__ == "__main__":
    main()

"""How should tiles be cut and joined for a network with global pooling? On real ore.

::

    PETROSERVE_LUMENSTONE=<folder> python benchmarks/bench_tiling.py [--model lumenstone-pspnet]

For every side of the tile, overlap and window: the fraction of pixels that keep their label when
the photograph is cropped by some rows and columns, which moves the tiles; the step of the
confidence across borders of tiles over that elsewhere; the mean IoU of the validation images on the
model's card; and the processor seconds of a megapixel. The association of each image is given. Without
the folder of images there is nothing to measure.

A photograph at half resolution holds few tiles, and they overlap by more than is asked for because
they are spread evenly. With ``--mirrored`` each photograph is continued by its reflections to twice its
sides, so that overlap and cost are those of a large image.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import itertools
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, record_if_asked, recorded_options
from export.tiling_proof import seam_gradient_ratio
from petrography.accuracy import confusion_matrix, scores
from petrography.images import Image, Labels
from petrography.model_card import TileGeometry
from petrography.segmentation import Predictor, Segmentation, segment
from training.lumenstone import Field, find_fields, load_fields

if TYPE_CHECKING:
    from service.repository import LoadedModel

SUBSETS = {"S1v1": "S1", "S2v1": "S2"}
# Several, because tiles are spread evenly over an image: the grids of two crops may coincide. What is
# left of an image of 1273 px stays longer than a tile of 960 px, or it would be mirrored to fill it.
SHIFTS_PX = (104, 208, 304)
RIM_PX = 152


def main() -> None:
    """Measure every combination and write a table."""
    arguments = parser().parse_args()
    folder = os.environ.get("PETROSERVE_LUMENSTONE")
    if folder is None:
        sys.exit("PETROSERVE_LUMENSTONE names no folder of real images; nothing is measured")
    model = load(arguments.models, arguments.model, arguments.threads)
    fields = validation_fields(Path(folder), model, arguments.association)[: arguments.images]
    if arguments.mirrored:
        fields = [mirrored(field) for field in fields]
    lines = head(arguments, model, len(fields))
    print("\n".join(lines), flush=True)
    for size_px, overlap in itertools.product(arguments.tiles, arguments.overlaps):
        ways = [geometry(model, size_px, overlap, window) for window in arguments.windows]
        measured = rows(model, ways, fields)
        lines += measured
        print("\n".join(measured), flush=True)
    record_if_asked("\n".join(lines), arguments)


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    options = recorded_options(__doc__)
    options.add_argument("--model", default="lumenstone-pspnet")
    options.add_argument("--models", type=Path, default=ROOT / "models")
    options.add_argument("--association", choices=sorted(SUBSETS.values()), default="S1")
    options.add_argument("--tiles", type=int, nargs="+", default=[768, 960, 1152])
    options.add_argument("--overlaps", type=float, nargs="+", default=[0.125, 0.25, 0.5])
    options.add_argument("--windows", nargs="+", default=["hann", "gaussian"])
    options.add_argument("--images", type=int, help="the first so many; all where it is not given")
    options.add_argument("--mirrored", action="store_true", help="continue images by reflection")
    options.add_argument("--threads", type=int, default=0, help="0: one per core")
    return options


def head(arguments: argparse.Namespace, model: LoadedModel, images: int) -> list[str]:
    """Say what is measured, where and how."""
    name = f"{model.card.name}:{model.card.version}"
    seen = ", continued by their reflections to twice their sides" if arguments.mirrored else ""
    return [
        f"### {name}: tiles, overlap and window on {arguments.association} ore",
        "",
        (
            f"{images} validation images of {arguments.association}{seen}, association given; "
            f"cropped by {', '.join(map(str, SHIFTS_PX))} px; {machine()}, "
            f"`python benchmarks/bench_tiling.py --model {name}`."
        ),
        "",
        (
            "| tile, px | overlap | window | crops agree | step across seams over elsewhere "
            "| mean IoU | processor seconds a megapixel |"
        ),
        "|--:|--:|---|--:|--:|--:|--:|",
    ]


def load(models: Path, name: str, threads: int) -> LoadedModel:
    """Open the model as the service does."""
    from service.repository import open_repository
    from service.settings import Settings

    settings = Settings(models_folder=models, provider="cpu", threads=threads)
    return open_repository(settings).get(name)


def validation_fields(root: Path, model: LoadedModel, association: str) -> Sequence[Field]:
    """Load the images of one association that the card names as held out."""
    held_out = {
        name
        for one in model.card.evaluations
        if one.association == association
        for name in one.images
    }
    subsets = {folder: of for folder, of in SUBSETS.items() if of == association}
    return load_fields([one for one in find_fields(root, subsets) if one.name in held_out])


def mirrored(field: Field) -> Field:
    """Continue a field to the right and downwards by its reflections."""
    image, truth = (
        np.pad(
            one, [(0, side - 1) for side in one.shape[:2]] + [(0, 0)] * (one.ndim - 2), "reflect"
        )
        for one in (field.image, field.truth)
    )
    return dataclasses.replace(field, image=image, truth=truth)


def geometry(model: LoadedModel, size_px: int, overlap: float, window: str) -> TileGeometry:
    """State one way to cut and join."""
    return TileGeometry.model_validate(
        {
            "size_px": size_px,
            "multiple_px": model.card.tile.multiple_px,
            "mode": "blend",
            "overlap_fraction": overlap,
            "window": window,
        }
    )


@dataclass
class Remembering:
    """A predictor that keeps the answers of one image: every window joins the same tiles."""

    predictor: Predictor
    answers: dict[bytes, np.ndarray]

    def labels(self, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ask the model."""
        return self.predictor.labels(tiles)

    def probabilities(self, tiles: np.ndarray) -> np.ndarray:
        """Ask the model once for every batch of tiles."""
        digest = hashlib.sha256(tiles.tobytes()).digest()
        if digest not in self.answers:
            self.answers[digest] = self.predictor.probabilities(tiles)
        return self.answers[digest]


def inner(labels: Labels, shift: int = 0) -> Labels:
    """Pixels that are far from the border of every shortened image: the same for all of them."""
    first = max(SHIFTS_PX) + RIM_PX - shift
    return labels[first:-RIM_PX, first:-RIM_PX]


class Tally:
    """What one way to cut and join gave, image after image."""

    def __init__(self, geometry: TileGeometry, classes: int) -> None:
        self.geometry = geometry
        self.agreed = self.compared = 0
        self.ratios: list[float] = []
        self.seconds: list[float] = []
        self.confusion = np.zeros((classes, classes), dtype=np.int64)

    def add(self, model: LoadedModel, field: Field, predictor: Predictor) -> None:
        """Cut and join an image, and three times more without its first rows and columns."""
        codes = model.card.classes

        def segmented(image: Image) -> Segmentation:
            return segment(image, predictor, geometry=self.geometry, codes=codes)

        began = time.process_time()
        whole = segmented(field.image)
        self.seconds.append((time.process_time() - began) / field.truth.size * 1e6)
        for shift in SHIFTS_PX:
            moved = segmented(np.ascontiguousarray(field.image[shift:, shift:]))
            same = inner(whole.labels) == inner(moved.labels, shift)
            self.agreed, self.compared = self.agreed + int(same.sum()), self.compared + same.size
        ratio = seam_gradient_ratio(whole.confidence, self.geometry)
        self.ratios += [ratio] if ratio is not None else []
        self.confusion += confusion_matrix(field.truth, whole.labels, codes)

    def row(self, codes: Sequence[int], seconds: float) -> str:
        """Write a line of the table."""
        geometry = self.geometry
        return (
            f"| {geometry.size_px} | {geometry.overlap_fraction:g} | {geometry.window} "
            f"| {self.agreed / self.compared:.4f} | {np.mean(self.ratios or [np.nan]):.3f} "
            f"| {scores(self.confusion, codes).mean_iou:.4f} | {seconds:.2f} |"
        )


def rows(
    model: LoadedModel, geometries: Sequence[TileGeometry], fields: Sequence[Field]
) -> list[str]:
    """Measure ways that share their tiles and differ in the window."""
    codes = model.card.classes
    tallies = [Tally(geometry, len(codes)) for geometry in geometries]
    for field in fields:
        predictor: Predictor = model.predictor_for(field.annotated)
        if len(geometries) > 1:
            predictor = Remembering(predictor, {})
        for tally in tallies:
            tally.add(model, field, predictor)
    # Only the first one asked the model.
    seconds = float(np.median(tallies[0].seconds))
    return [tally.row(codes, seconds) for tally in tallies]


if __name__ == "__main__":
    main()

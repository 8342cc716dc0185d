"""Segment the panorama, or its fields and merge their labels? Both against the truth.

Fields of phantom sections are stitched; the shipped model sees the panorama, or every field as it
was photographed with the labels merged along the seams of the panorama. Both maps are compared with
the painted section, everywhere and near the seams.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell
from petrography.accuracy import confusion_with_other, scores
from petrography.images import Image, Labels, resample_image
from petrography.minerals import parse_association
from petrography.phantoms import Field, SectionFields, section_fields
from petrography.registration import applied, fit_similarity, inverted
from petrography.segmentation import segment
from petrography.stitching import PanoramaField, Stitching, merge_labels, stitch

if TYPE_CHECKING:
    from service.repository import LoadedModel

# Full size; the model works at half of it.
HEIGHT_PX, WIDTH_PX, FACTOR = 1274, 1700, 0.5
NEAR_SEAM_PX = 64
UNKNOWN = 255


def main() -> None:
    """Compare both ways on phantoms of two associations."""
    parser = recorded_options(__doc__)
    parser.add_argument("--model", default="lumenstone-pspnet")
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22])
    arguments = parser.parse_args()
    model = load(arguments.models, arguments.model)
    about = (
        f"Phantoms of 3 x 3 fields of {WIDTH_PX} x {HEIGHT_PX} px, k1 -0.02, at half size; "
        f"{machine()}, `python benchmarks/bench_panorama_labels.py`."
    )
    lines = [
        f"### {arguments.model}: the panorama segmented, or its fields",
        "",
        about,
        "",
        "| phantom | way | pixel accuracy | mean IoU | accuracy near seams | seconds |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for recipe in ("S1", "S2"):
        for seed in arguments.seeds:
            lines += compare(model, recipe, seed)
    table = "\n".join(lines)
    tell(table, arguments)


def load(models: Path, name: str) -> LoadedModel:
    """Open the model as the service does."""
    from service.repository import open_repository
    from service.settings import Settings

    return open_repository(Settings(models_folder=models)).get(name)


def compare(model: LoadedModel, recipe: str, seed: int) -> list[str]:
    """Give the rows of a phantom."""
    section = section_fields(
        recipe, seed, 3, 3, height_px=HEIGHT_PX, width_px=WIDTH_PX, distortion_k1=-0.02
    )
    fields = section.fields
    stitching = stitch([PanoramaField(one.name, partial(image_of, one)) for one in fields])
    truth = truth_on(stitching, section)
    see = partial(labels_of, model, recipe)
    began = time.perf_counter()
    whole = see(np.concatenate(list(stitching.rows())))
    between = time.perf_counter()
    merged = np.concatenate(list(merge_labels(stitching, [see(one.image) for one in fields])))
    ended = time.perf_counter()
    ways = {"panorama": (whole, between - began), "fields": (merged, ended - between)}
    near = near_seams(stitching)
    return [
        f"| {recipe} {seed} | {way} | {row(truth, labels, near)} | {seconds:.1f} |"
        for way, (labels, seconds) in ways.items()
    ]


def image_of(field: Field) -> Image:
    """Give the image of a field."""
    return field.image


def labels_of(model: LoadedModel, association: str, pixels: Image) -> Labels:
    """Segment an image at the size of the model; the map has the size of the image."""
    codes = model.card.classes
    return segment(
        resample_image(pixels, FACTOR),
        model.predictor_for(parse_association(association, classes=codes)),
        geometry=model.card.tile,
        codes=codes,
        output_shape=(pixels.shape[0], pixels.shape[1]),
    ).labels


def truth_on(stitching: Stitching, section: SectionFields) -> Labels:
    """Bring the labels of the section to the panorama, by the places of the fields in both."""
    known = {field.name: field.matrix for field in section.fields}
    points = np.array([[0.0, 0.0], [WIDTH_PX, 0.0], [0.0, HEIGHT_PX]])
    tiles = stitching.report.tiles
    ours = np.concatenate([applied(np.array(tile.matrix), points) for tile in tiles])
    theirs = np.concatenate([applied(known[tile.name], points) for tile in tiles])
    return np.asarray(
        cv2.warpAffine(
            section.panorama_labels,
            inverted(fit_similarity(ours, theirs)),
            (stitching.shape[1], stitching.shape[0]),
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=UNKNOWN,
        ),
        dtype=np.uint8,
    )


def near_seams(stitching: Stitching) -> NDArray[np.bool_]:
    """Pixels of the panorama no farther than `NEAR_SEAM_PX` from a seam."""
    cell = stitching.ownership.cell_px
    reach = 2 * (NEAR_SEAM_PX // cell) + 1
    seams = stitching.ownership.seams.astype(np.uint8)
    wide = (
        cv2.dilate(seams, np.ones((reach, reach), dtype=np.uint8)).repeat(cell, 0).repeat(cell, 1)
    )
    return np.asarray(wide[: stitching.shape[0], : stitching.shape[1]] > 0)


def row(truth: Labels, labels: Labels, near: NDArray[np.bool_]) -> str:
    """Scores of a map, where the truth and both maps are known."""
    known = np.where(labels == UNKNOWN, UNKNOWN, truth)
    codes = sorted(set(np.unique(truth).tolist()) - {UNKNOWN})
    judged = scores(confusion_with_other(known, labels, codes), codes)
    at_seams = near & (known != UNKNOWN)
    share = float((labels == truth)[at_seams].mean())
    return f"{judged.pixel_accuracy:.4f} | {judged.mean_iou:.4f} | {share:.4f}"


if __name__ == "__main__":
    main()

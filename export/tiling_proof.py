"""Proof of what a model's tile geometry promises, on the graph that is published.

Mode ``halo`` promises that a tile's core is what the whole image would have given: this is proven
at random places of real images, and by destroying everything outside the halo. Mode ``blend``
promises nothing exact, because pooling over the whole tile makes an answer depend on where the
tile lies: how much is measured instead, between grids that are shifted by half a tile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from petrography.errors import ConfigurationError
from petrography.images import Confidence, Image
from petrography.model_card import GridShift, HaloProof, TileGeometry
from petrography.segmentation import Predictor, Segmentation, segment
from petrography.tiling import Window, plan_tiles, read_window
from training.evaluation import EvaluatedModel
from training.lumenstone import Field

__all__ = [
    "MAX_HALO_DIFFERENCE",
    "grid_shift_agreement",
    "measure_grid_shift",
    "prove_halo",
    "prove_tiling",
    "seam_gradient_ratio",
]

# float32 sums in another order stay below 1e-5; a receptive field that is one pixel wider than the
# halo shows as 1e-3 and more, because what lies outside is replaced by noise of full contrast.
MAX_HALO_DIFFERENCE = 1e-4
# Core of the tiles of the proof. Whether a halo is wide enough does not depend on it, and small
# cores let the proof look at many places.
PROOF_CORE_PX = 64
POSITIONS = 6
# Discrete cosine transforms of 8 x 8 pixels: ITU-T T.81, A.3.1.
_JPEG_BLOCK_PX = 8
# Of the stride and of JPEG's blocks together: 8 to 32 px on either side at a stride of 8 px.
_LINES_BESIDE = range(1, 5)


def prove_tiling(
    model: EvaluatedModel,
    fields: Sequence[Field],
    *,
    data: str,
    max_difference: float = MAX_HALO_DIFFERENCE,
) -> HaloProof | GridShift | None:
    """Prove or measure, as the mode of the geometry demands.

    Parameters
    ----------
    model : EvaluatedModel
        The exported graph and its geometry.
    fields : sequence of Field
        Real images at the model's pixel, at least one.
    data : str
        What they are, for the card.
    max_difference : float
        See `prove_halo`.

    Returns
    -------
    HaloProof, GridShift or None
        None where the images are too small to lie in two grids of tiles.

    Raises
    ------
    ConfigurationError
        If a halo does not hold.
    """
    if model.geometry.mode == "blend":
        return measure_grid_shift(model, fields, data=data)
    predictor = model.predictor_for(model.classes)
    images = [field.image for field in fields]
    return prove_halo(predictor, model.geometry, images, max_difference=max_difference)


def prove_halo(
    predictor: Predictor,
    geometry: TileGeometry,
    images: Sequence[Image],
    *,
    max_difference: float = MAX_HALO_DIFFERENCE,
    seed: int = 0,
) -> HaloProof:
    """Prove that the halo of a geometry covers the receptive field of a network.

    At random places, in the phase of the network's stride, the core of a tile is compared with the
    same pixels of one run over a region three cores wider. Then everything that the tile does not
    read is replaced by black and white noise, and the core must not notice.

    Parameters
    ----------
    predictor : Predictor
        The exported graph.
    geometry : TileGeometry
        Of mode ``halo``.
    images : sequence of ndarray of uint8, shape (height, width, channels)
        At least one; smaller images are continued by reflection.
    max_difference : float
        Largest difference of a probability that counts as rounding.
    seed : int
        Of the places.

    Raises
    ------
    ConfigurationError
        If a probability differs by more, or a label where the decision is not a tie within that.
    """
    rng = np.random.default_rng(seed)
    halo, multiple = geometry.halo_px, geometry.multiple_px
    core = -(-PROOF_CORE_PX // multiple) * multiple
    margin = halo + core
    size = core + 2 * margin
    inner = slice(margin, margin + core)
    by_place = by_outside = 0.0
    differing = 0
    for index in range(POSITIONS):
        image = images[index % len(images)]
        row, col = (int(rng.integers(0, side)) // multiple * multiple for side in image.shape[:2])
        region = read_window(image, Window(row - margin, col - margin, size, size))
        tile = region[core:-core, core:-core]
        wanted, given = (
            _probabilities(predictor, pixels)[:, where, where]
            for pixels, where in ((region, inner), (tile, slice(halo, halo + core)))
        )
        noise = rng.choice(np.array([0, 255], dtype=np.uint8), region.shape)
        noise[core:-core, core:-core] = tile
        disturbed = _probabilities(predictor, noise)[:, inner, inner]
        by_place = max(by_place, float(np.abs(given - wanted).max()))
        by_outside = max(by_outside, float(np.abs(disturbed - wanted).max()))
        differing += _differing_decisions(wanted, given, max_difference)
    proof = HaloProof(
        positions=POSITIONS,
        core_px=core,
        max_probability_difference=by_place,
        max_change_from_outside=by_outside,
    )
    _require_halo(proof, geometry, differing, max_difference)
    return proof


def _probabilities(predictor: Predictor, pixels: Image) -> NDArray[np.float32]:
    (probabilities,) = predictor.probabilities(np.ascontiguousarray(pixels)[None])
    return np.asarray(probabilities, dtype=np.float32)


def _differing_decisions(
    wanted: NDArray[np.float32], given: NDArray[np.float32], tie: float
) -> int:
    """Pixels whose most probable class differs although it leads by more than a tie."""
    ordered = np.sort(wanted, axis=0)
    decided = ordered[-1] - ordered[-2] > 2 * tie
    return int(np.count_nonzero((wanted.argmax(axis=0) != given.argmax(axis=0)) & decided))


def _require_halo(
    proof: HaloProof, geometry: TileGeometry, differing: int, max_difference: float
) -> None:
    largest = max(proof.max_probability_difference, proof.max_change_from_outside)
    if largest <= max_difference and not differing:
        return
    msg = (
        f"halo_px {geometry.halo_px} does not cover the receptive field of the network: at "
        f"{proof.positions} places the core of a tile differs from the whole image by up to "
        f"{proof.max_probability_difference:.2g} and changes by up to "
        f"{proof.max_change_from_outside:.2g} with what lies outside (wanted {max_difference:g}), "
        f"{differing} labels differ; a wider halo would do, or mode blend for a network that "
        "pools over the whole tile"
    )
    raise ConfigurationError(msg)


def measure_grid_shift(
    model: EvaluatedModel, fields: Sequence[Field], *, data: str
) -> GridShift | None:
    """Measure how far labels depend on where the tiles lie; the classes of each field are given.

    Returns
    -------
    GridShift or None
        None where no field is larger than a tile.
    """
    agreeing = compared = 0
    ratios: list[float] = []
    seen = 0
    for field in fields:
        image = field.image
        if min(image.shape[:2]) <= model.geometry.size_px:
            continue
        predictor = model.predictor_for(field.annotated)

        def whole(pixels: Image, predictor: Predictor = predictor) -> Segmentation:
            return segment(pixels, predictor, geometry=model.geometry, codes=model.classes)

        agreed, pixels, ratio = grid_shift_agreement(image, whole, model.geometry)
        agreeing, compared, seen = agreeing + agreed, compared + pixels, seen + 1
        ratios += [ratio] if ratio is not None else []
    if not seen:
        return None
    return GridShift(
        data=data,
        images=seen,
        agreement=agreeing / compared,
        seam_gradient_ratio=float(np.mean(ratios)) if ratios else None,
    )


def grid_shift_agreement(
    image: Image,
    segment_image: Callable[[Image], Segmentation],
    geometry: TileGeometry,
) -> tuple[int, int, float | None]:
    """Segment an image, and the image without its first half tile, and compare.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
        Both sides longer than a tile.
    segment_image : callable
        From an image to its segmentation with `geometry`.
    geometry : TileGeometry
        How it is cut.

    Returns
    -------
    agreeing, compared : int
        Pixels with the same label in both, and pixels compared: those at least a quarter of a tile
        from the border of the shortened image, where reflection stands in for ore.
    seam_gradient_ratio : float or None
        See `seam_gradient_ratio`; of the whole image.
    """
    shift = geometry.size_px // 2 // geometry.multiple_px * geometry.multiple_px
    rim = shift // 2
    inner = slice(rim, -rim)
    whole = segment_image(image)
    moved = segment_image(np.ascontiguousarray(image[shift:, shift:]))
    same = whole.labels[shift:, shift:][inner, inner] == moved.labels[inner, inner]
    return int(same.sum()), same.size, seam_gradient_ratio(whole.confidence, geometry)


def seam_gradient_ratio(confidence: Confidence, geometry: TileGeometry) -> float | None:
    """Mean step of the confidence across the borders of tiles over that across lines beside them.

    The lines beside them cross the same grains, and lie like them upon the grid of the network's
    features and the borders of JPEG's blocks: what those two leave in a map is no seam.

    Parameters
    ----------
    confidence : ndarray of uint8, shape (height, width)
        Of a segmentation with `geometry`.
    geometry : TileGeometry
        Tells where tiles begin and end.

    Returns
    -------
    float or None
        1 where seams cannot be seen. None where one tile holds the image, or the confidence beside
        all seams is the same everywhere.
    """
    height_px, width_px = confidence.shape
    plan = plan_tiles(height_px, width_px, geometry)
    spans = (
        (0, [(row[0].write.row, row[0].write.height) for row in plan]),
        (1, [(tile.write.col, tile.write.width) for tile in plan[0]]),
    )
    pairs: list[tuple[float, float]] = []
    for axis, tiles in spans:
        steps = np.abs(np.diff(confidence.astype(np.int16), axis=axis)).mean(axis=1 - axis)
        edges = {edge for start, extent in tiles for edge in (start, start + extent)}
        pairs += _seams_and_beside(steps, {edge - 1 for edge in edges}, geometry.multiple_px)
    at_seams, beside = (sum(one) for one in zip(*pairs, strict=True)) if pairs else (0.0, 0.0)
    return at_seams / beside if beside else None


def _seams_and_beside(
    steps: NDArray[np.float64], seams: set[int], multiple_px: int
) -> list[tuple[float, float]]:
    """Step across every seam within the image, and the mean of those across lines beside it."""
    distance_px = math.lcm(multiple_px, _JPEG_BLOCK_PX)
    pairs = []
    for seam in sorted(seams & set(range(len(steps)))):
        lines = {seam + sign * count * distance_px for sign in (-1, 1) for count in _LINES_BESIDE}
        beside = sorted((lines & set(range(len(steps)))) - seams)
        if beside:
            pairs.append((float(steps[seam]), float(steps[beside].mean())))
    return pairs

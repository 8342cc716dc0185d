"""From a photograph to superpixels: SLIC in CIELAB, cut by Felzenszwalb's clusters."""

from __future__ import annotations

from typing import Any, TypeAlias

import cc3d
import cv2
import numpy as np
import scipy
import skimage
from numpy.typing import NDArray

from petrography.annotation.superpixels import Superpixels
from petrography.images import Image, require_image

__all__ = ["WHOLE_UP_TO_PX", "prepare"]

Indices: TypeAlias = NDArray[np.int32]
Lab: TypeAlias = NDArray[np.float32]

# Larger photographs are looked at with half the pixels a side; the labels have all of them.
WHOLE_UP_TO_PX = 500_000
# Sides of superpixels, in pixels of the grid that they are found on.
_LEAF_PX, _MIDDLE_PX = 10, 40
_COMPACTNESS = 10.0
_ROUNDS = 5
# Decision 0017: smaller scales cut grains in pieces, larger ones run over their borders.
_CLUSTERS_COARSER = 2
_CLUSTER_SCALE, _CLUSTER_MIN_PX = 800.0, 15
_BAND_PX = 2
# Against the noise of a pixel, in pixels of the grid.
_BLUR_PX = 1.0


def prepare(image: Image) -> Superpixels:
    """Find the superpixels of a photograph.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        sRGB. Above `WHOLE_UP_TO_PX` it is looked at on a grid of two by two pixels.

    Returns
    -------
    Superpixels
        Three levels; the same photograph gives the same.

    Raises
    ------
    InvalidParameterError
        If `image` is no RGB image.

    References
    ----------
    Achanta et al. 2012, doi:10.1109/TPAMI.2012.120 (SLIC); Felzenszwalb & Huttenlocher 2004,
    doi:10.1023/B:VISI.0000022288.19776.77.
    """
    height_px, width_px = require_image(image).shape[:2]
    return prepare_on_grid(image, 1 if height_px * width_px <= WHOLE_UP_TO_PX else 2)


def prepare_on_grid(image: Image, reduction: int) -> Superpixels:
    """Do as `prepare`, on a grid of so many pixels a side."""
    lab = _lab_on_grid(image, reduction)
    blurred = np.asarray(cv2.GaussianBlur(lab, (0, 0), _BLUR_PX), dtype=np.float32)
    clusters = _clusters(blurred)
    cells = _cut(_slic(blurred, _MIDDLE_PX), clusters)
    on_grid = _pieces(_cut(_slic(blurred, _LEAF_PX), clusters))
    middle = _majority(on_grid, cells)
    top = _cluster_of_cell(cells, clusters)[middle]
    return Superpixels(
        leaves=_enlarged(on_grid, reduction, image.shape[:2]),
        middle=_renumbered(middle),
        top=_renumbered(top),
        colour_lab=_mean_colour(lab, on_grid),
        edges=_touching(on_grid),
        reduction=reduction,
    )


def _lab_on_grid(image: Image, reduction: int) -> Lab:
    small = _reduced(image, reduction).astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), dtype=np.float32)


def _reduced(image: NDArray[Any], times: int) -> NDArray[Any]:
    """Mean of squares; a last row or column without its partners stands for them as well."""
    height_px, width_px = (-(-side // times) for side in image.shape[:2])
    below, right = height_px * times - image.shape[0], width_px * times - image.shape[1]
    whole = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
    small = cv2.resize(whole, (width_px, height_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=image.dtype)


def _slic(lab: Lab, side_px: int) -> Indices:
    count = max(1, lab.shape[0] * lab.shape[1] // side_px**2)
    found = skimage.segmentation.slic(
        lab,
        n_segments=count,
        compactness=_COMPACTNESS,
        max_num_iter=_ROUNDS,
        sigma=0,
        convert2lab=False,
        start_label=0,
        channel_axis=-1,
    )
    return np.asarray(found, dtype=np.int32)


def _clusters(lab: Lab) -> Indices:
    """Large areas of one colour, on a grid twice as coarse, where that takes a fourth of the time."""
    found = skimage.segmentation.felzenszwalb(
        _reduced(lab, _CLUSTERS_COARSER) / np.float32(100),
        scale=_CLUSTER_SCALE,
        sigma=0,
        min_size=_CLUSTER_MIN_PX,
        channel_axis=-1,
    )
    clusters = np.asarray(found, dtype=np.int32)
    return _without_bands(_enlarged(clusters, _CLUSTERS_COARSER, lab.shape[:2]))


def _without_bands(clusters: Indices) -> Indices:
    """Give clusters of two pixels' width to what is nearest: the slope of a border is no mineral."""
    as_floats = clusters.astype(np.float32)
    window = np.ones((_BAND_PX + 1, _BAND_PX + 1), dtype=np.uint8)
    core = cv2.erode(as_floats, window) == cv2.dilate(as_floats, window)
    is_wide = np.isin(clusters, np.unique(clusters[core]))
    if is_wide.all() or not is_wide.any():
        return clusters
    elsewhere = (~is_wide).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        elsewhere, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    cluster_of = np.zeros(int(nearest.max()) + 1, dtype=np.int32)
    cluster_of[nearest[is_wide]] = clusters[is_wide]
    return np.asarray(cluster_of[nearest])


def _cut(one: Indices, other: Indices) -> Indices:
    """Number what both have in common."""
    both = one.astype(np.int64) * (int(other.max()) + 1) + other
    cells: Indices = np.unique(both, return_inverse=True)[1].reshape(one.shape).astype(np.int32)
    return cells


def _pieces(segments: Indices) -> Indices:
    """Number the parts of segments that hang together, over corners as well."""
    found = cc3d.connected_components(segments + 1, connectivity=8)
    return np.asarray(found, dtype=np.int32) - 1


def _majority(fine: Indices, coarse: Indices) -> Indices:
    """Coarse segment that has the most pixels of each fine one; of equals the first."""
    shape = int(fine.max()) + 1, int(coarse.max()) + 1
    ones = np.ones(fine.size, dtype=np.int32)
    shared = scipy.sparse.csr_array((ones, (fine.ravel(), coarse.ravel())), shape=shape)
    shared.sum_duplicates()
    return np.asarray(shared.argmax(axis=1)).ravel().astype(np.int32)


def _cluster_of_cell(cells: Indices, clusters: Indices) -> Indices:
    of_cell = np.empty(int(cells.max()) + 1, dtype=np.int32)
    of_cell[cells.ravel()] = clusters.ravel()
    return of_cell


def _renumbered(numbers: Indices) -> Indices:
    """Leave out numbers that no leaf has."""
    return np.unique(numbers, return_inverse=True)[1].astype(np.int32)


def _mean_colour(lab: Lab, leaves: Indices) -> Lab:
    size_px = np.bincount(leaves.ravel())
    sums = [np.bincount(leaves.ravel(), weights=channel.ravel()) for channel in cv2.split(lab)]
    return (np.stack(sums, axis=1) / size_px[:, None]).astype(np.float32)


def _touching(leaves: Indices) -> Indices:
    """Leaves that share a side of a pixel."""
    pairs = np.concatenate(
        [
            np.stack([leaves[:, :-1].ravel(), leaves[:, 1:].ravel()], axis=1),
            np.stack([leaves[:-1].ravel(), leaves[1:].ravel()], axis=1),
        ]
    )
    unlike = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1).astype(np.int64)
    count = int(leaves.max()) + 1
    return np.stack(
        np.divmod(np.unique(unlike[:, 0] * count + unlike[:, 1]), count), axis=1
    ).astype(np.int32)


def _enlarged(leaves: Indices, reduction: int, shape: tuple[int, ...]) -> Indices:
    rows, columns = (np.arange(side) // reduction for side in shape)
    return leaves[rows[:, None], columns[None, :]]

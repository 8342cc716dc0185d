"""Superpixels: a tree whose leaves hang together, the same for the same image, kept as bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
import scipy

from petrography.annotation import Superpixels, prepare
from petrography.errors import DamagedResultError, InvalidParameterError
from petrography.phantoms import phantom


@pytest.fixture(scope="module")
def prepared() -> Superpixels:
    return prepare(phantom("S1", seed=1, height_px=301, width_px=421).image)


@pytest.mark.parametrize(
    ("height_px", "width_px"), [(1, 1), (1, 50), (7, 3), (301, 421), (513, 701), (701, 801)]
)
def test_every_pixel_has_a_leaf_and_every_leaf_its_superpixel_and_cluster(
    height_px: int, width_px: int
) -> None:
    found = prepare(phantom("S2", seed=2, height_px=height_px, width_px=width_px).image)
    assert found.shape == (height_px, width_px)
    clusters, middle, leaves = found.levels
    assert 1 <= clusters <= middle <= leaves
    np.testing.assert_array_equal(np.unique(found.leaves), np.arange(leaves))
    np.testing.assert_array_equal(np.unique(found.middle), np.arange(middle))
    np.testing.assert_array_equal(np.unique(found.top), np.arange(clusters))
    # Leaves of one superpixel of the middle level are of one cluster.
    assert len(np.unique(np.stack([found.middle, found.top]), axis=1).T) == middle
    assert found.reduction == (2 if height_px * width_px > 500_000 else 1)


def test_leaves_hang_together(prepared: Superpixels) -> None:
    corners = np.ones((3, 3))
    boxes = scipy.ndimage.find_objects(prepared.leaves + 1)
    for leaf, box in enumerate(boxes):
        assert scipy.ndimage.label(prepared.leaves[box] == leaf, corners)[1] == 1


def test_edges_are_the_leaves_that_touch(prepared: Superpixels) -> None:
    leaves = prepared.leaves
    touching = {
        (min(one, other), max(one, other))
        for a, b in ((leaves[:, :-1], leaves[:, 1:]), (leaves[:-1], leaves[1:]))
        for one, other in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
        if one != other
    }
    assert [tuple(edge) for edge in prepared.edges.tolist()] == sorted(touching)


def test_kept_bytes_give_the_same_superpixels_and_bytes(prepared: Superpixels) -> None:
    data = prepared.to_bytes()
    again = Superpixels.from_bytes(data)
    for name in ("leaves", "middle", "top", "colour_lab", "edges"):
        one, other = getattr(again, name), getattr(prepared, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert again.reduction == prepared.reduction
    assert again.to_bytes() == data
    anew = prepare(phantom("S1", seed=1, height_px=301, width_px=421).image)
    assert anew.to_bytes() == data


def _damaged(data: bytes) -> list[bytes]:
    file = io.BytesIO()
    np.savez_compressed(file, format=np.array(99))
    other = io.BytesIO()
    np.save(other, np.zeros(3))
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0xFF
    return [b"", b"PK", data[: len(data) // 2], bytes(flipped), file.getvalue(), other.getvalue()]


def test_damaged_bytes_are_refused(prepared: Superpixels) -> None:
    for data in _damaged(prepared.to_bytes()):
        with pytest.raises(DamagedResultError, match=f"{len(data)} bytes are no superpixels"):
            Superpixels.from_bytes(data)


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="wanted uint8"):
        prepare(np.zeros((4, 4), dtype=np.uint8))

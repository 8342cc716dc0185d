"""Halos are those that the definition names, looked for pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from petrography.statistics.halos import remove_halos
from tests.petrography.contact_fields import with_halos

Labels = NDArray[np.uint8]
Place = tuple[int, int]


def at(labels: Labels, place: Place) -> int | None:
    inside = 0 <= place[0] < labels.shape[0] and 0 <= place[1] < labels.shape[1]
    return int(labels[place]) if inside else None


def around(place: Place, reach: int) -> list[Place]:
    side = range(-reach, reach + 1)
    return [(place[0] + r, place[1] + c) for r in side for c in side if (r, c) != (0, 0)]


def is_covered(labels: Labels, place: Place, side: int, corners_off: list[list[Place]]) -> bool:
    """Whether a square of this side less some corners, with its middle in the image, fits."""
    reach, own = side // 2, labels[place]
    square = {(r, c) for r in range(-reach, reach + 1) for c in range(-reach, reach + 1)}
    for off in corners_off:
        shape = square - {(r * reach, c * reach) for r, c in off}
        for row, column in shape:
            middle = place[0] - row, place[1] - column
            seen = [at(labels, (middle[0] + r, middle[1] + c)) for r, c in shape]
            if at(labels, middle) is not None and set(seen) <= {own, None}:
                return True
    return False


def taken(labels: Labels, bodies: set[Place], place: Place) -> int | None:
    """The phase of the nearest body where two other phases have bodies near by."""
    own = labels[place]
    near = [p for p in around(place, 3) if p in bodies and labels[p] not in (own, 255)]
    if own in (255, 37) or len({int(labels[p]) for p in near}) < 2:
        return None
    # Of equally near ones the upper, then the left one.
    return int(labels[min(near, key=lambda p: (math.dist(p, place), p))])


def filtered_by_definition(labels: Labels) -> Labels:
    corners: list[Place] = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    places = [(r, c) for r in range(labels.shape[0]) for c in range(labels.shape[1])]
    bodies = {p for p in places if is_covered(labels, p, 3, [[corner] for corner in corners])}
    ribbons = {p: taken(labels, bodies, p) for p in places if p not in bodies}
    halos = {p: code for p, code in ribbons.items() if code is not None}
    knots = {
        p
        for p in bodies
        if labels[p] != 255
        and any(q in halos and labels[q] == labels[p] for q in around(p, 2))
        and not is_covered(labels, p, 5, [corners])
    }
    for p in knots:
        code = taken(labels, bodies - knots, p)
        if code is not None:
            halos[p] = code
    without = labels.copy()
    for p, code in halos.items():
        without[p] = code
    return without


@pytest.mark.parametrize("seed", range(8))
def test_halos_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bodies = rng.choice(np.uint8([1, 6, 8, 37]), size=(6, 5))
    labels = np.kron(bodies, np.ones((4, 4), dtype=np.uint8))
    labels = with_halos(labels, 9, both_sides=bool(seed % 2))
    labels[rng.random(labels.shape) < 0.03] = rng.choice([1, 9, 255])
    np.testing.assert_array_equal(remove_halos(labels)[0], filtered_by_definition(labels))

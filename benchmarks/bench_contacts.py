"""How fast contacts are measured, and how far from the truth.

::

    python benchmarks/bench_contacts.py

Three questions:

- time: processor seconds of one thread, which a busy machine changes little, for contacts of the phases, contacts grain by grain with locking and intergrowths, and the
  liberation potential, of a mosaic of 100 000 grains and of a painted ore; the grains themselves
  stand beside them.
- length: contact lengths by four directions against lengths that are known: lines of all
  directions, discs, a Boolean model of discs (whose outline is λ P exp(-λ A) per area) and the
  level set of a Gaussian field (exp(-u²/2)/2ℓ per area); beside them the count of unlike
  neighbours along rows and columns.
- halos: ribbons of 1 and 2 px planted along the boundaries of rounded bodies, and what is left of
  them and of the true contacts with and without the filter.

The tables are appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from petrography.phantoms import phantom
from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.phantoms.germ_grains import Germs, germ_gauge
from petrography.statistics import Grains, measure_contacts, measure_grains
from petrography.statistics.comminution import comminute_grid
from petrography.statistics.grain_contacts import measure_grain_contacts
from petrography.statistics.intergrowths import intergrowths
from petrography.statistics.locking import grain_locking

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.recording import recorded_options, tell

Labels = NDArray[np.uint8]
REPEATS = 3


def main() -> None:
    """Measure and print, and with ``--record`` append, the tables."""
    parser = recorded_options(__doc__)
    parser.add_argument("--grains", type=int, default=100_000)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    heading = (
        "\n### Contacts: time on one core, lengths and halos against the truth\n\n"
        f"{platform.machine()}, Python {platform.python_version()}, load "
        f"{os.getloadavg()[0]:.1f}; medians of {REPEATS}; "
        "`OMP_NUM_THREADS=1 python benchmarks/bench_contacts.py`.\n\n"
    )
    tables = [time_lines(arguments.grains), length_lines(), halo_lines()]
    text = heading + "\n\n".join("\n".join(lines) for lines in tables) + "\n"
    tell(text, arguments)


# --- time ------------------------------------------------------------------------------------


def time_lines(grains: int) -> Iterator[str]:
    """Processor seconds of each step on a mosaic and on a painted ore."""
    yield "| image | Mpx | grains | step | CPU seconds |"
    yield "|---|--:|--:|---|--:|"
    images = {
        f"mosaic of {grains} cells": mosaic(grains),
        "phantom S1": phantom("S1", 5, 1274, 1698).labels.repeat(2, axis=0).repeat(2, axis=1),
    }
    for name, labels in images.items():
        found = measure_grains(labels, min_area_px=1)
        for step, seconds in steps(labels, found):
            yield (f"| {name} | {labels.size / 1e6:.1f} | {len(found)} | {step} | {seconds:.2f} |")


def mosaic(count: int) -> Labels:
    """Voronoi cells of about 100 px; no two neighbours share a code, so that each is a grain."""
    side = round(math.sqrt(count))
    rng = np.random.default_rng(7)
    place = np.stack([*np.indices((side, side))], axis=-1).reshape(-1, 2)
    seeds = 10.0 * (place + 0.5 + rng.uniform(-0.2, 0.2, place.shape))
    pixel = np.stack([*np.indices((10 * side, 10 * side))], axis=-1).reshape(-1, 2) + 0.5
    cell = cKDTree(seeds).query(pixel, workers=1)[1].reshape(10 * side, 10 * side)
    # Codes repeat every three cells both ways.
    code = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9], dtype=np.uint8)
    labels: Labels = code[3 * (place[:, 0] % 3) + place[:, 1] % 3][cell]
    return labels


def steps(labels: Labels, grains: Grains) -> Iterator[tuple[str, float]]:
    """Name and median processor seconds of each step."""
    contacts = measure_grain_contacts(labels, grains)
    work: dict[str, Callable[[], object]] = {
        "grains (components)": lambda: measure_grains(labels, min_area_px=1),
        "contacts of phases": lambda: measure_contacts(labels),
        "contacts of phases, halos kept": lambda: measure_contacts(labels, remove_halos=False),
        "contacts grain by grain": lambda: measure_grain_contacts(labels, grains),
        "locking and intergrowths": lambda: (grain_locking(contacts), intergrowths(contacts)),
        "liberation potential": lambda: comminute_grid(labels),
    }
    total = 0.0
    for name, run in work.items():
        seconds = float(np.median([_seconds(run) for _ in range(REPEATS)]))
        total += seconds if "kept" not in name else 0.0
        yield name, seconds
    yield "**all but halos kept**", total


def _seconds(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


# --- length ----------------------------------------------------------------------------------


def length_lines() -> Iterator[str]:
    """Measured over known lengths."""
    yield "| boundary | images | four directions / truth | lowest - highest | rows and columns / truth |"
    yield "|---|--:|--:|--:|--:|"
    kinds: dict[str, Iterator[tuple[Labels, float]]] = {
        "straight, along an axis": (straight(angle) for angle in (0.0, 90.0)),
        "straight, along a diagonal": (straight(angle) for angle in (45.0, 135.0)),
        "straight, 22.5° off": (straight(angle) for angle in (22.5, 67.5, 112.5, 157.5)),
        "straight, all directions": (straight(angle) for angle in np.arange(0.0, 180.0, 3.0)),
        "discs of radius 5 px": (disc(5.0, seed) for seed in range(20)),
        "discs of radius 20 px": (disc(20.0, seed) for seed in range(20)),
        "discs of radius 80 px": (disc(80.0, seed) for seed in range(20)),
        "Boolean model of discs, radius 15 px": (boolean_discs(seed) for seed in range(20)),
        "level set of a Gaussian field, ℓ = 12 px": (level_set(seed) for seed in range(20)),
    }
    for name, images in kinds.items():
        ratios, plain = [], []
        for labels, known_px in images:
            contacts = measure_contacts(labels, remove_halos=False)
            ratios.append(contacts.length_px.sum() / 2 / known_px)
            plain.append(contacts.pairs[:2].sum() / 2 / known_px)
        yield (
            f"| {name} | {len(ratios)} | {np.mean(ratios):.3f} | "
            f"{min(ratios):.3f} - {max(ratios):.3f} | {np.mean(plain):.3f} |"
        )


def straight(angle_deg: float) -> tuple[Labels, float]:
    """A line through the middle of a disc of unannotated surroundings, so that its length is known."""
    radius_px = 400.0
    row, column = np.indices((900, 900)) - 449.5
    angle = math.radians(angle_deg)
    side = (column + 0.31) * math.cos(angle) + (row + 0.17) * math.sin(angle) > 0
    labels = np.where(side, 1, 6).astype(np.uint8)
    labels[np.hypot(row, column) > radius_px] = 255
    return labels, 2 * radius_px


def disc(radius_px: float, seed: int) -> tuple[Labels, float]:
    """A disc at a random place between pixels."""
    shift = np.random.default_rng(seed).uniform(-0.5, 0.5, 2)
    side = round(2 * radius_px + 20)
    row, column = (one - side / 2 + shift[k] for k, one in enumerate(np.indices((side, side))))
    return (np.hypot(row, column) < radius_px).astype(np.uint8), 2 * math.pi * radius_px


def boolean_discs(seed: int) -> tuple[Labels, float]:
    """Independent discs that overlap; the expected outline is known."""
    side, radius_px, spacing_px = 1000, 15.0, 35.0
    rng = np.random.default_rng(seed)
    margin = 2 * radius_px
    count = rng.poisson((side + 2 * margin) ** 2 / spacing_px**2)
    centres = rng.uniform(-margin, side + margin, (count, 2))
    radii = np.full(count, radius_px)
    gauge = germ_gauge((side, side), Germs(centres, radii, radii, np.zeros(count)), "ellipse")
    density = 1.0 / spacing_px**2
    area, outline = math.pi * radius_px**2, 2 * math.pi * radius_px
    return (gauge <= 1).astype(np.uint8), side**2 * density * outline * math.exp(-density * area)


def level_set(seed: int) -> tuple[Labels, float]:
    """Where a Gaussian field of correlation length ℓ is above 0.5; the expected outline is known."""
    side, length_px, level = 1000, 12.0, 0.5
    field = gaussian_field((side, side), [length_px], np.random.default_rng(seed))
    per_area = math.exp(-(level**2) / 2) / (2 * length_px)
    return (field > level).astype(np.uint8), side**2 * per_area


# --- halos -----------------------------------------------------------------------------------


def halo_lines() -> Iterator[str]:
    """What planted ribbons do to contacts, with and without the filter."""
    yield (
        "| bodies of ℓ, px | ribbon, px | filter | true pairs / truth | worst pair, % | "
        "false contact / truth |"
    )
    yield "|--:|--:|---|--:|--:|--:|"
    for length_px in (8.0, 16.0, 32.0):
        for both_sides in (False, True):
            for remove_halos in (False, True):
                found = [
                    halo_figures(seed, length_px, both_sides, remove_halos=remove_halos)
                    for seed in range(6)
                ]
                kept, worst, false = np.mean(found, axis=0)
                yield (
                    f"| {length_px:.0f} | {1 + both_sides} | {'on' if remove_halos else 'off'} | "
                    f"{kept:.3f} | {100 * worst:.0f} | {false:.3f} |"
                )


def halo_figures(
    seed: int, length_px: float, both_sides: bool, *, remove_halos: bool
) -> tuple[float, float, float]:
    """True contact that is left, worst relative error of a pair, false contact over the truth."""
    codes = (0, 1, 6, 8)
    fields = [
        gaussian_field((500, 600), [length_px], np.random.default_rng([seed, k]))
        for k in range(len(codes))
    ]
    truth = np.array(codes, dtype=np.uint8)[np.argmax(fields, axis=0)]
    known = measure_contacts(truth, remove_halos=False)
    found = measure_contacts(with_ribbons(truth, both_sides), remove_halos=remove_halos)
    pairs = np.ix_(*[[found.codes.index(code) for code in codes]] * 2)
    touching = known.length_px > 0
    left = found.length_px[pairs]
    worst = np.abs(left - known.length_px)[touching] / known.length_px[touching]
    false = found.boundary_px[found.codes.index(4)]
    whole = known.length_px.sum()
    return left.sum() / whole, worst.max(), 2 * false / whole


def with_ribbons(labels: Labels, both_sides: bool) -> Labels:
    """A ribbon of code 4 on one side or both sides of every boundary."""
    planted = labels.copy()
    for axis in range(2):
        first, second = (
            np.moveaxis(planted, axis, 0)[part] for part in (slice(-1), slice(1, None))
        )
        truth = np.moveaxis(labels, axis, 0)
        unlike = truth[:-1] != truth[1:]
        first[unlike] = 4
        if both_sides:
            second[unlike] = 4
    return planted


if __name__ == "__main__":
    main()

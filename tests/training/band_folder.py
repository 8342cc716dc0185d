"""Paints stacks of sixteen bands in the LumenStone layout: minerals differ by spectrum alone."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from tests.training.lumenstone_folder import S2_CODES, painted_truth

BANDS = tuple(f"{nm} nm" for nm in range(400, 720, 20))


def spectrum(code: int) -> NDArray[np.float64]:
    """Levels of a mineral: all have the same mean over the bands."""
    return 120.0 + 60.0 * np.sin(np.arange(len(BANDS)) * (1 + code) * np.pi / len(BANDS) + code)


def stack_of(truth: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Give each pixel the spectrum of its mineral, with a little noise."""
    spectra = np.array([spectrum(code) for code in range(16)])
    noisy = spectra[truth] + rng.normal(0.0, 4.0, (*truth.shape, len(BANDS)))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def npy_bytes(stack: NDArray[np.uint8]) -> bytes:
    """Write .npy, (height, width, bands)."""
    file = io.BytesIO()
    np.save(file, stack)
    return file.getvalue()


def tiff_bytes(stack: NDArray[np.uint8], **options: object) -> bytes:
    """Write a TIFF: pages by default, planar or interleaved by the option planarconfig."""
    interleaved = options.get("planarconfig") == "contig"
    samples = stack if interleaved else np.ascontiguousarray(np.moveaxis(stack, 2, 0))
    file = io.BytesIO()
    tifffile.imwrite(file, samples, photometric="minisblack", **options)
    return file.getvalue()


# One file of each kind; a run must not care.
WRITERS = (
    ("npy", npy_bytes),
    ("tif", tiff_bytes),
    ("tiff", lambda stack: tiff_bytes(stack, planarconfig="separate")),
    ("tif", lambda stack: tiff_bytes(stack, planarconfig="contig")),
)


def paint_bands(root: Path, count: int = 4) -> Path:
    """Write stacks and masks of association S2 as subset ``bands``."""
    for number in range(count):
        rng = np.random.default_rng(number)
        truth = painted_truth(S2_CODES, rng)
        suffix, write = WRITERS[number % len(WRITERS)]
        for kind in ("imgs", "masks"):
            (root / "bands" / kind / "train").mkdir(parents=True, exist_ok=True)
        stack = root / "bands" / "imgs" / "train" / f"{number:02d}.{suffix}"
        stack.write_bytes(write(stack_of(truth, rng)))
        cv2.imwrite(str(root / "bands" / "masks" / "train" / f"{number:02d}.png"), truth)
    return root


def band_config(root: Path, output: Path, *, epochs: int = 1, steps: int = 4) -> str:
    """A run of seconds on the painted stacks."""
    return f"""
name = "sixteen"
seed = 3
device = "cpu"
output = {str(output)!r}

[data]
root = {str(root)!r}
subsets = {{ bands = "S2" }}
classes = [0, 1, 3, 5, 7]
validation_fraction = 0.5

[input]
channels = {list(BANDS)}
shown = ["620 nm", "540 nm", "460 nm"]

[network]
architecture = "resunet"
filters = 4

[card]
description = "Painted stacks."
data = "painted spectra"
data_terms = "none"
weight_terms = "none"

[sampler]
patch_px = 64
batch = 4
grid_px = 4

[augmentation]
exposure = 0.02
white_balance = 0.02

[schedule]
epochs = {epochs}
steps_per_epoch = {steps}
warmup_steps = 2
learning_rate = 1e-2
average = 0.9
mixed_precision = false
"""

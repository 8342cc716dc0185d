"""The run of Khvostikov et al. 2021 (9 750 steps of 12 patches), timed by its first steps.

A ResUNet of 8 filters is trained on painted sections by `petroserve train`'s own loop, with the
patches cut between the steps and beside them, in float32 and in reduced precision. The time of the
whole run is that of the steps measured times their number; the share of time spent waiting for
patches says whether the data path starves the device.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell
from petrography.image_codec import encode_png
from petrography.phantoms import phantom
from training.checkpoint import load_checkpoint
from training.loop import train
from training.run import choose_device

# doi:10.5194/isprs-archives-XLIV-2-W1-2021-113-2021: 26 epochs of 375 steps.
PAPER_STEPS, BATCH, PATCH_PX, FILTERS = 26 * 375, 12, 256, 8
FIELDS, HEIGHT_PX, WIDTH_PX = 8, 600, 800


@dataclasses.dataclass(frozen=True)
class Timed:
    """One run of a few steps."""

    workers: int
    mixed_precision: bool
    seconds_per_step: float
    waiting_fraction: float


def main() -> None:
    """Train a little in every way and print the table."""
    parser = recorded_options(__doc__)
    parser.add_argument("--steps", type=int, default=40, help="steps measured of every run")
    parser.add_argument("--workers", type=int, default=1, help="processes that cut patches")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = painted(Path(folder) / "data")
        runs = [
            timed(root, Path(folder), workers, mixed, arguments.steps)
            for mixed in (False, True)
            for workers in (0, arguments.workers)
        ]
    text = table(runs, arguments.steps)
    tell(text, arguments)


def painted(root: Path) -> Path:
    """Write painted sections in the LumenStone layout."""
    for kind in ("imgs", "masks"):
        (root / "S1" / kind / "train").mkdir(parents=True)
    for seed in range(FIELDS):
        one = phantom("S1", seed, HEIGHT_PX, WIDTH_PX)
        (root / "S1" / "imgs" / "train" / f"{seed}.png").write_bytes(encode_png(one.image))
        (root / "S1" / "masks" / "train" / f"{seed}.png").write_bytes(encode_png(one.labels))
    return root


def timed(root: Path, folder: Path, workers: int, mixed_precision: bool, steps: int) -> Timed:
    """Train one epoch and read what the loop recorded of it."""
    name = f"workers-{workers}-{'mixed' if mixed_precision else 'float32'}"
    config = folder / f"{name}.toml"
    config.write_text(
        f"""
name = "{name}"
output = {str(folder / "runs")!r}
[data]
root = {str(root)!r}
subsets = {{ S1 = "S1" }}
classes = [0, 1, 2, 4, 6, 8, 11]
validation_fraction = 0.25
[network]
architecture = "resunet"
filters = {FILTERS}
[sampler]
patch_px = {PATCH_PX}
batch = {BATCH}
workers = {workers}
[schedule]
epochs = 1
steps_per_epoch = {steps}
mixed_precision = {str(mixed_precision).lower()}
[card]
description = "Timing."
data = "painted sections"
data_terms = "none"
weight_terms = "none"
"""
    )
    entry = load_checkpoint(train(config)).history[-1]
    return Timed(workers, mixed_precision, entry["seconds_per_step"], entry["waiting_fraction"])


def table(runs: list[Timed], steps: int) -> str:
    """Write the Markdown table."""
    device = choose_device("auto").type
    rows = [
        f"| {'reduced' if one.mixed_precision else 'float32'} | {one.workers} | "
        f"{one.seconds_per_step:.2f} | {one.waiting_fraction:.1%} | "
        f"{one.seconds_per_step * PAPER_STEPS / 3600:.1f} |"
        for one in runs
    ]
    return "\n".join(
        [
            "\n### Training: the run of the 2021 paper",
            "",
            (
                f"{machine()}; device {device}; ResUNet of {FILTERS} filters, {BATCH} patches of "
                f"{PATCH_PX} px, {steps} steps measured; `python benchmarks/bench_training.py`."
            ),
            "",
            f"| precision | workers | s per step | waiting for patches | {PAPER_STEPS} steps, h |",
            "|---|--:|--:|--:|--:|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    main()

"""A whole analysis beside the bare ONNX Runtime session and torch eager over the same pixels.

::

    python benchmarks/bench_analysis.py [--model lumenstone-pspnet] [--repeat 5]
        [--petroscope-python PYTHON]

Every way runs in a process of its own, so that peak memory means something, and the ways take turns,
so that a disturbance of the machine hits all of them. Each is warmed up on a small piece, then timed
twice: the second time is that of a service that has answered before, the first one that of a process
whose memory has not been touched yet, for which the peak is told. The photograph is a phantom; its
pixels do not change the time of a network, but its grains change that of the statistics.

- ``analysis``: from a file to the files that are kept, by what the service and the command line
  call, large arrays in scratch files;
- ``bare``: the same graph in a bare session over the same pixels once, tiles side by side without
  overlap, labels and confidence only;
- ``eager``: the same network in torch, same tiles, argmax and confidence;
- ``petroscope``: the same network in petroscope's ``predict_image`` with its defaults, decoded pixels
  to labels and nothing else, where ``--petroscope-python`` names a Python that has petroscope and
  what this project needs for training;
- ``large``: the analysis of 12000 x 8000 px, in one process.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import nn

    from petrography.model_card import ModelCard
    from service.repository import LoadedModel

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell

WAYS = ("bare", "eager", "analysis")
HEIGHT_PX, WIDTH_PX = 2547, 3396
LARGE_HEIGHT_PX, LARGE_WIDTH_PX = 8000, 12000


def main() -> None:
    """Run the ways in turn, or one way in this process (``--way``)."""
    parser = recorded_options(__doc__)
    parser.add_argument("--model", default="lumenstone-pspnet")
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--petroscope-python", metavar="PYTHON")
    parser.add_argument("--way", choices=(*WAYS, "petroscope", "large"), help=argparse.SUPPRESS)
    parser.add_argument("--image", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        subject = Subject(arguments.models, arguments.model, arguments.image)
        print(json.dumps(run_one_way(arguments.way, subject)))
        return
    table = compare(
        arguments.models, arguments.model, arguments.repeat, arguments.petroscope_python
    )
    tell(table, arguments)


def compare(models: Path, model: str, repeat: int, petroscope_python: str | None) -> str:
    """Measure all ways and write a Markdown section."""
    pythons = dict.fromkeys(WAYS, sys.executable)
    if petroscope_python is not None:
        pythons["petroscope"] = petroscope_python
    with tempfile.TemporaryDirectory() as folder:
        image, large = paint(Path(folder))
        runs: dict[str, list[dict[str, Any]]] = {way: [] for way in pythons}
        for _ in range(repeat):
            for way, python in pythons.items():
                runs[way].append(in_own_process(python, way, Subject(models, model, image)))
        runs["large"] = [in_own_process(sys.executable, "large", Subject(models, model, large))]
    reference, first_reference = (median(runs["bare"], when) for when in ("seconds", "first"))
    lines = [
        f"### {model}: whole analysis against the bare session",
        "",
        f"{machine()}; medians of {repeat}, `python benchmarks/bench_analysis.py --model {model}`.",
        "",
        (
            "| way | image | seconds | against bare | first of a process, s | against bare "
            "| peak memory above idle, MiB |"
        ),
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for way, results in runs.items():
        size = (LARGE_WIDTH_PX, LARGE_HEIGHT_PX) if way == "large" else (WIDTH_PX, HEIGHT_PX)
        scale = size[0] * size[1] / (WIDTH_PX * HEIGHT_PX)
        seconds, first_s = median(results, "seconds"), median(results, "first")
        lines.append(
            f"| {way} | {size[0]} x {size[1]} | {seconds:.2f} | {seconds / reference / scale:.2f} "
            f"| {first_s:.2f} | {first_s / first_reference / scale:.2f} "
            f"| {median(results, 'peak_mib'):.0f} |"
        )
    stages = {
        name: statistics.median(run["stages"][name] for run in runs["analysis"])
        for name in runs["analysis"][0]["stages"]
    }
    lines += [
        "",
        "Stages of the analysis: " + ", ".join(f"{k} {v:.2f} s" for k, v in stages.items()),
    ]
    return "\n".join(lines)


def paint(folder: Path) -> tuple[Path, Path]:
    """Write the photograph and the large one, which repeats it mirrored."""
    from petrography.image_codec import encode_jpeg
    from petrography.phantoms import phantom

    pixels = phantom("S1", 1, HEIGHT_PX, WIDTH_PX).image
    rows = np.pad(np.arange(HEIGHT_PX), (0, LARGE_HEIGHT_PX - HEIGHT_PX), mode="reflect")
    cols = np.pad(np.arange(WIDTH_PX), (0, LARGE_WIDTH_PX - WIDTH_PX), mode="reflect")
    image, large = folder / "image.jpg", folder / "large.jpg"
    image.write_bytes(encode_jpeg(pixels, quality=94))
    large.write_bytes(encode_jpeg(np.ascontiguousarray(pixels[rows][:, cols]), quality=94))
    return image, large


@dataclass(frozen=True)
class Subject:
    """What is measured: a model of a folder on an image."""

    models: Path
    name: str
    image: Path

    def load(self) -> LoadedModel:
        """Open the model as the service does; this also switches the runtime's telemetry off."""
        from service.repository import open_repository
        from service.settings import Settings

        return open_repository(Settings(models_folder=self.models)).get(self.name)

    def onnx_bytes(self, card: ModelCard) -> bytes:
        """Read the whole graph."""
        return (self.models / card.name / str(card.version) / "model.onnx").read_bytes()


def in_own_process(python: str, way: str, subject: Subject) -> dict[str, Any]:
    """Run one way in a fresh interpreter and read its figures."""
    words = ["--way", way, "--models", str(subject.models), "--model", subject.name]
    done = subprocess.run(
        [python, __file__, *words, "--image", str(subject.image)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def run_one_way(way: str, subject: Subject) -> dict[str, object]:
    """Prepare a way, warm it up on a small piece, and measure it twice."""
    ways = {"bare": bare, "eager": eager, "petroscope": petroscope}
    work, warm_up, stages = ways.get(way, analysis)(subject)
    warm_up()
    # As a worker of the service does once it is ready: the collector need not look at modules.
    gc.freeze()
    idle_mib = forget_peak_mib()
    first_s = timed(work)
    peak_mib = status_mib("VmHWM") - idle_mib
    return {"first": first_s, "seconds": timed(work), "peak_mib": peak_mib, "stages": stages}


def timed(work: Callable[[], object]) -> float:
    """Seconds of a piece of work."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


Work = Callable[[], object]
Way = tuple[Work, Work, dict[str, float]]


def analysis(subject: Subject) -> Way:
    """Everything that the service does with a photograph, at full resolution."""
    from command_line.files import written_folder
    from petrography.image_codec import encode_jpeg
    from petrography.pipeline import AnalysisRequest
    from service.engine import ScratchFiles, analyse_image
    from service.settings import Settings

    loaded = subject.load()
    stages: dict[str, float] = {}
    settings = Settings(models_folder=subject.models)
    warm = subject.image.with_name("small.jpg")
    warm.write_bytes(encode_jpeg(np.full((600, 800, 3), 90, dtype=np.uint8)))

    def run(image: Path) -> None:
        with (
            tempfile.TemporaryDirectory(dir=image.parent) as folder,
            ScratchFiles() as scratch,
            written_folder(Path(folder) / "analysis") as sink,
        ):
            analyse_image(
                sink,
                scratch.view(image),
                AnalysisRequest(resampling_factor=1.0, association="S1"),
                loaded,
                settings=settings,
                workspace=scratch,
                analysis_id="benchmark",
                on_stage=stages.__setitem__,
            )

    return lambda: run(subject.image), lambda: run(warm), stages


def bare(subject: Subject) -> Way:
    """Run the model's graph, cut to labels and confidence, over the pixels once; nothing else."""
    from service.runtime.graph_outputs import keep_outputs

    card = subject.load().card
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(
        keep_outputs(subject.onnx_bytes(card), ("labels", "confidence")),
        options,
        providers=["CPUExecutionProvider"],
    )
    allowed = np.ones((1, len(card.classes)), dtype=np.float32)
    tiles = list(side_by_side(subject.image, card))

    def run(some: list[np.ndarray]) -> None:
        for tile in some:
            session.run(["labels", "confidence"], {"image": tile, "allowed": allowed})

    return lambda: run(tiles), lambda: run(tiles[:2]), {}


def eager(subject: Subject) -> Way:
    """Run the same network in torch over the same tiles."""
    import torch

    card = subject.load().card
    network = network_of(card)
    tiles = list(side_by_side(subject.image, card))

    @torch.inference_mode()
    def run(some: list[np.ndarray]) -> None:
        for tile in some:
            logits = network(torch.from_numpy(tile).permute(0, 3, 1, 2).float())
            highest, _ = logits.max(dim=1, keepdim=True)
            torch.reciprocal(torch.exp(logits - highest).sum(dim=1))

    return lambda: run(tiles), lambda: run(tiles[:2]), {}


def petroscope(subject: Subject) -> Way:
    """Run the same network in petroscope's prediction of a whole image."""
    # First: petroscope imports torchvision, which wants its schemas beside a CPU torch.
    network = network_of(subject.load().card)

    from petroscope.segmentation.models.base import PatchSegmentationModel
    from petroscope.segmentation.models.pspnet.model import PSPNet

    from petrography.image_codec import decode_image

    # Its own constructor would fetch pretrained weights from the internet.
    model = PSPNet.__new__(PSPNet)
    PatchSegmentationModel.__init__(model, len(subject.load().card.classes), "cpu")
    model.model = network
    pixels = decode_image(subject.image.read_bytes()).pixels

    def run(some: np.ndarray) -> None:
        model.predict_image(some, return_logits=False)

    return lambda: run(pixels), lambda: run(pixels[:600, :800]), {}


def network_of(card: ModelCard) -> nn.Module:
    """Build the network of a card with weights by chance."""
    from training.config import read_config
    from training.networks.build import build_network

    config = read_config(card.training.config_toml, source=f"the card of {card.name}")
    network = build_network(config.network, classes=len(card.classes), channels=len(card.channels))
    return network.eval()


def side_by_side(image: Path, card: ModelCard) -> Iterator[np.ndarray]:
    """Tiles that cover the image without overlap; the last ones are continued by reflection."""
    from petrography.fusion import FUSED_CHANNELS, fused_input
    from petrography.image_codec import decode_image
    from petrography.tiling import Window, read_window

    pixels, size_px = decode_image(image.read_bytes()).pixels, card.tile.size_px
    if card.channels == FUSED_CHANNELS:
        pixels = fused_input(pixels)
    for row in range(0, pixels.shape[0], size_px):
        for col in range(0, pixels.shape[1], size_px):
            yield read_window(pixels, Window(row, col, size_px, size_px))[None]


def forget_peak_mib() -> float:
    """Let the peak of this process begin anew (Linux); returns what is resident now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return status_mib("VmRSS")


def status_mib(field: str) -> float:
    """Read a figure of this process's memory from the kernel (Linux)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    msg = f"/proc/self/status has no {field}"
    raise RuntimeError(msg)


def median(results: list[dict[str, Any]], name: str) -> float:
    """Median of one figure."""
    return float(statistics.median(result[name] for result in results))


if __name__ == "__main__":
    main()

"""A whole analysis beside the bare ONNX Runtime session and torch eager over the same pixels.

::

    python benchmarks/bench_analysis.py [--model lumenstone-pspnet] [--repeat 5]

Every way runs in a process of its own, so that peak memory means something, and the ways take turns,
so that a disturbance of the machine hits all of them. The photograph is a phantom; its pixels do
not change the time of a network, but its grains change that of the statistics.

- ``analysis``: encoded bytes to result.json, labels, confidence, overlay and tables;
- ``bare``: the same graph in a bare session over the same pixels once, tiles side by side without
  overlap, labels and confidence only;
- ``eager``: the same network in torch, same tiles, argmax and confidence;
- ``large``: the analysis of 12000 x 8000 px, once.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
WAYS = ("bare", "eager", "analysis")
HEIGHT_PX, WIDTH_PX = 2547, 3396
LARGE_HEIGHT_PX, LARGE_WIDTH_PX = 8000, 12000


def main() -> None:
    """Run the ways in turn, or one way in this process (``--way``)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="lumenstone-pspnet")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--record", action="store_true", help="append to benchmarks/RESULTS.md")
    parser.add_argument("--way", choices=(*WAYS, "large"), help=argparse.SUPPRESS)
    parser.add_argument("--image", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(run_one_way(arguments.way, arguments.model, arguments.image)))
        return
    table = compare(arguments.model, arguments.repeat)
    print(table)
    if arguments.record:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(f"\n{table}\n")


def compare(model: str, repeat: int) -> str:
    """Measure all ways and write a Markdown section."""
    with tempfile.TemporaryDirectory() as folder:
        image, large = paint(Path(folder))
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(repeat):
            for way in WAYS:
                runs[way].append(in_own_process(way, model, image))
        runs["large"] = [in_own_process("large", model, large)]
    reference = median(runs["bare"], "seconds")
    lines = [
        f"### {model}: whole analysis against the bare session",
        "",
        f"{machine()}; medians of {repeat}, `python benchmarks/bench_analysis.py --model {model}`.",
        "",
        "| way | image | seconds | against bare | peak memory above idle, MiB |",
        "|---|---|--:|--:|--:|",
    ]
    for way, results in runs.items():
        size = (LARGE_WIDTH_PX, LARGE_HEIGHT_PX) if way == "large" else (WIDTH_PX, HEIGHT_PX)
        scale = size[0] * size[1] / (WIDTH_PX * HEIGHT_PX)
        seconds = median(results, "seconds")
        lines.append(
            f"| {way} | {size[0]} x {size[1]} | {seconds:.2f} | {seconds / reference / scale:.2f} "
            f"| {median(results, 'peak_mib'):.0f} |"
        )
    stages = {
        name: statistics.median(run["stages"][name] for run in runs["analysis"])  # type: ignore[index]
        for name in runs["analysis"][0]["stages"]  # type: ignore[attr-defined]
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


def in_own_process(way: str, model: str, image: Path) -> dict[str, float]:
    """Run one way in a fresh interpreter and read its figures."""
    command = [sys.executable, __file__, "--way", way, "--model", model, "--image", str(image)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def run_one_way(way: str, model: str, image: Path) -> dict[str, object]:
    """Prepare a way, warm it up on a small piece, and measure it once."""
    sys.path.insert(0, str(ROOT))
    work, warm_up, stages = {"bare": bare, "eager": eager}.get(way, analysis)(model, image)
    warm_up()
    idle_mib = peak_mib()
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak_mib": peak_mib() - idle_mib, "stages": stages}


Work = Callable[[], object]
Way = tuple[Work, Work, dict[str, float]]


def analysis(model: str, image: Path) -> Way:
    """Everything that the service does with a photograph, at full resolution."""
    from petrography.image_codec import ImageLimits, encode_jpeg
    from petrography.pipeline import AnalysisRequest, analyse

    loaded = load(model)
    stages: dict[str, float] = {}

    def run(data: bytes) -> object:
        return analyse(
            data,
            AnalysisRequest(resampling_factor=1.0, association="S1"),
            card=loaded.card,
            predictor_for=loaded.predictor_for,
            analysis_id="benchmark",
            limits=ImageLimits(),
            software={},
            on_stage=stages.__setitem__,
        )

    small = encode_jpeg(np.full((600, 800, 3), 90, dtype=np.uint8))
    return lambda: run(image.read_bytes()), lambda: run(small), stages


def bare(model: str, image: Path) -> Way:
    """Run the model's graph, cut to labels and confidence, over the pixels once; nothing else."""
    loaded = load(model)  # first: it switches the runtime's own telemetry off
    import onnxruntime as ort

    from service.runtime.graph_outputs import keep_outputs

    card = loaded.card
    path = ROOT / "models" / card.name / str(card.version) / "model.onnx"
    options = ort.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(
        keep_outputs(path.read_bytes(), ("labels", "confidence")),
        options,
        providers=["CPUExecutionProvider"],
    )
    allowed = np.ones((1, len(card.classes)), dtype=np.float32)
    tiles = list(side_by_side(image, card.tile.size_px))

    def run(some: list[np.ndarray]) -> None:
        for tile in some:
            session.run(["labels", "confidence"], {"image": tile, "allowed": allowed})

    return lambda: run(tiles), lambda: run(tiles[:2]), {}


def eager(model: str, image: Path) -> Way:
    """Run the same network in torch over the same tiles."""
    import torch

    from training.config import NetworkConfig
    from training.networks.build import build_network

    card = load(model).card
    architecture = "resunet" if card.architecture.startswith("ResUNet") else "pspnet"
    network = build_network(NetworkConfig(architecture=architecture), classes=len(card.classes))
    network.eval()
    tiles = list(side_by_side(image, card.tile.size_px))

    @torch.inference_mode()
    def run(some: list[np.ndarray]) -> None:
        for tile in some:
            logits = network(torch.from_numpy(tile).permute(0, 3, 1, 2).float())
            highest, _ = logits.max(dim=1, keepdim=True)
            torch.reciprocal(torch.exp(logits - highest).sum(dim=1))

    return lambda: run(tiles), lambda: run(tiles[:2]), {}


def load(model: str):  # type: ignore[no-untyped-def]
    """Open a shipped model as the service does."""
    from service.repository import open_repository
    from service.settings import Settings

    return open_repository(Settings(models_folder=ROOT / "models")).get(model)


def side_by_side(image: Path, size_px: int) -> Iterator[np.ndarray]:
    """Tiles that cover the image without overlap; the last ones are continued by reflection."""
    from petrography.image_codec import decode_image
    from petrography.tiling import Window, read_window

    pixels = decode_image(image.read_bytes()).pixels
    for row in range(0, pixels.shape[0], size_px):
        for col in range(0, pixels.shape[1], size_px):
            yield read_window(pixels, Window(row, col, size_px, size_px))[None]


def peak_mib() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def median(results: list[dict[str, float]], name: str) -> float:
    """Median of one figure."""
    return statistics.median(result[name] for result in results)


def machine() -> str:
    """Processor, cores and versions, in words."""
    import onnxruntime

    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return (
        f"{names[0] if names else platform.processor()}, {len(names) or 1} cores, "
        f"ONNX Runtime {onnxruntime.__version__}, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()

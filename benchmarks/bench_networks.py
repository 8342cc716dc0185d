"""What every network weighs, how far it sees and what a tile costs.

::

    python benchmarks/bench_networks.py [--record] [--only NAME]

Networks have fresh weights, which change neither size nor time, and ten classes. Milliseconds are
CPU time of one thread of ONNX Runtime for labels and confidence of one tile of 512 px, the median
of five after a first one: other work on the machine hardly changes it. The exact halo is measured
(`training.networks.exact_halo`) up to 320 px; "-" is beyond it or never exact. A table is appended
to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort

from export.graph import to_onnx
from petrography.model_card import TileGeometry
from training.network_config import NetworkConfig
from training.networks.build import MAYBE_EXACT, build_network, stride_px, tile_geometry
from training.networks.description import described
from training.networks.exact_halo import exact_halo_px

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.recording import record_if_asked, recorded_options

TRACED_PX = 256  # the graph takes any size
CLASSES, TILE_PX, RUNS, LIMIT_PX, PATCH_PX = 10, 512, 5, 320, 384
SMALL_HRNET = {"encoder": "tu-hrnet_w18_small"}
NETWORKS: tuple[dict[str, object], ...] = (
    {"architecture": "resunet", "filters": 8},
    {"architecture": "resunet", "filters": 16},
    {"architecture": "resunet", "filters": 16, "dilated": True},
    {"architecture": "pspnet", "encoder": "resnet18"},
    {"architecture": "pspnet", "encoder": "resnet34"},
    {"architecture": "full-pspnet", "encoder": "resnet18", "dilated": True},
    {"architecture": "full-pspnet", "encoder": "resnet34", "dilated": True},
    {"architecture": "resnet-resunet", "encoder": "resnet34", "dilated": True, "filters": 24},
    {"architecture": "pyramid-resunet", "encoder": "resnet18"},
    {"architecture": "unet", "encoder": "resnet18"},
    {"architecture": "unet", "encoder_depth": 4, "options": {"decoder_channels": (64, 32, 16, 16)}},
    {"architecture": "unet", "encoder_depth": 3, "options": {"decoder_channels": (64, 32, 16)}},
    {"architecture": "unetplusplus", "encoder": "resnet18"},
    {"architecture": "manet", "encoder": "resnet18"},
    {"architecture": "linknet", "encoder": "resnet18"},
    {"architecture": "linknet", "encoder": "resnet18", "encoder_depth": 4},
    {"architecture": "fpn", "encoder": "resnet18"},
    {"architecture": "fpn", "encoder_depth": 4, "options": {"decoder_pyramid_channels": 64}},
    {"architecture": "pan", "encoder": "resnet18"},
    {"architecture": "upernet", "encoder": "resnet18"},
    {"architecture": "upernet", "encoder_depth": 4, "options": {"decoder_channels": 32}},
    {
        "architecture": "upernet",
        **SMALL_HRNET,
        "options": {"feature_location": "", "decoder_channels": 64},
    },
    {"architecture": "hrnet-ocr", **SMALL_HRNET, "options": {"middle_channels": 128}},
    {"architecture": "hrnet-ocr", "encoder": "tu-hrnet_w18"},
    {"architecture": "deeplabv3", "encoder": "resnet18"},
    {"architecture": "deeplabv3plus", "encoder": "resnet18"},
    {"architecture": "segformer", "encoder": "mit_b0"},
)
HEADER = (
    "| network | million parameters | ONNX, MB | stride, px | exact halo, px | tiles | ms of a tile |",
    "|---|--:|--:|--:|--:|---|--:|",
)


def main() -> None:
    """Measure and print, and with ``--record`` append, the table."""
    parser = recorded_options(__doc__)
    parser.add_argument("--only", default="", help="architectures whose name holds this")
    arguments = parser.parse_args()
    lines = ["### Networks: size, reach and time", "", *_machine(), "", *HEADER]
    for line in HEADER:
        print(line)
    for network in NETWORKS:
        if arguments.only in str(network["architecture"]):
            row = _row(NetworkConfig.model_validate(network))
            print(row, flush=True)
            lines.append(row)
    record_if_asked("\n".join(lines), arguments)


def _machine() -> Iterator[str]:
    name = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    yield f"{name}, one thread, ONNX Runtime {ort.__version__}, Python {platform.python_version()};"
    yield f"CPU time, medians of {RUNS}, tiles of {TILE_PX} px, {CLASSES} classes;"
    yield "`python benchmarks/bench_networks.py --record`."


def _row(config: NetworkConfig) -> str:
    network = build_network(config, classes=CLASSES).eval()
    step_px = stride_px(network.network)
    halo_px = None
    if config.architecture in MAYBE_EXACT:
        halo_px = exact_halo_px(
            network.network, in_channels=3, stride_px=step_px, limit_px=LIMIT_PX
        )
    model = to_onnx(network, classes=CLASSES, temperature=1.0, tile_px=TRACED_PX)
    cut = tile_geometry(config, patch_px=PATCH_PX)
    parameters = sum(one.numel() for one in network.parameters())
    return (
        f"| {described(config)} | {parameters / 1e6:.2f} | {len(model) / 1e6:.1f} | {step_px} | "
        f"{halo_px or '-'} | {_tiles(cut)} | {_milliseconds(model):.0f} |"
    )


def _tiles(cut: TileGeometry) -> str:
    return f"halo {cut.halo_px}" if cut.mode == "halo" else "blend"


def _milliseconds(model: bytes) -> float:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    tile = np.random.default_rng(0).integers(0, 256, (1, TILE_PX, TILE_PX, 3), dtype=np.uint8)
    feed = {"image": tile, "allowed": np.ones((1, CLASSES), dtype=np.float32)}
    spent = []
    for _ in range(RUNS + 1):
        start = time.thread_time()
        session.run(["labels", "confidence"], feed)
        spent.append(1000.0 * (time.thread_time() - start))
    return median(spent[1:])


if __name__ == "__main__":
    main()

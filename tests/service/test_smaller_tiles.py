"""Tiles of half the side when the memory of a GPU does not suffice for whole ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from petrography.errors import TileTooLargeError
from petrography.image_codec import encode_png
from petrography.model_card import TileGeometry
from petrography.pipeline import AnalysisRequest, FilesInMemory
from petrography.report import Result
from petrography.workspace import IN_MEMORY
from service.engine.one_image import analyse_image
from service.engine.scratch_files import ScratchFiles
from service.inference.messages import RequestedOutput
from service.inference.request_reading import Asked
from service.inference.running import Maps, maps_of
from service.repository import LoadedModel
from service.runtime import ModelNetworks, OnnxPredictor, TileScheduler, open_session
from service.runtime.tile_quarters import half_px
from service.settings import Settings
from tests.tiny_model import CODES, deciding, tiny_card

CPU = Settings(provider="cpu", threads=1)
ALL_OPEN = np.ones(len(CODES), dtype=np.float32)
BLEND = TileGeometry(size_px=64, multiple_px=8, mode="blend", overlap_fraction=0.25)
HALF = BLEND.model_copy(update={"size_px": 32})
SMALLER = "GPU memory ran out on cuda: tiles of 32 instead of 64 px, one at a time"
ON_CPU = "GPU memory ran out on cuda: the CPU instead"


def model_of_surroundings() -> bytes:
    """A network that compares every pixel with the mean of its tile: its map depends on tiles."""
    names = ("red", "green", "blue")
    nodes = [
        helper.make_node("ReduceMean", ["planes"], ["mean"], axes=[2, 3], keepdims=1),
        helper.make_node("Sub", ["planes", "mean"], ["unlike"]),
        helper.make_node("Abs", ["unlike"], ["distance"]),
        helper.make_node("Mul", ["distance", "soft"], ["three"]),
        helper.make_node("Split", ["three"], list(names), axis=1),
        helper.make_node("Add", ["red", "green"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["fourth"]),
        helper.make_node("Concat", [*names, "fourth"], ["raw"], axis=1),
    ]
    numbers = {"soft": 0.05, "half": 0.55}
    constants = {name: np.array(value, dtype=np.float32) for name, value in numbers.items()}
    return deciding(nodes, constants).SerializeToString()


class FillingGpu:
    """Stands for `DeviceRun`: a GPU whose memory takes fewer pixels a run after some runs."""

    def __init__(self, roomy_runs: int, most_px: int) -> None:
        self.roomy_runs, self.most_px = roomy_runs, most_px
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, session: Any, outputs: tuple[str, ...]) -> Callable[..., Any]:
        def run(feeds: dict[str, NDArray[Any]]) -> Any:
            shape = feeds["image"].shape[:3]
            self.shapes.append(shape)
            if len(self.shapes) > self.roomy_runs and np.prod(shape) > self.most_px:
                msg = "CUDA failure 2: out of memory ; GPU=0"
                raise RuntimeError(msg)
            return session.run(list(outputs), feeds)

        return run


@pytest.fixture
def image() -> NDArray[np.uint8]:
    """Coarse noise, so that the mean of a tile says where it lies."""
    coarse = np.random.default_rng(11).integers(0, 256, (10, 13, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((16, 16, 1), dtype=np.uint8))


def loaded(geometry: TileGeometry, *, on_gpu: bool) -> LoadedModel:
    on_cpu = open_session(model_of_surroundings(), CPU, source="tiny")
    opened = on_cpu
    if on_gpu:
        opened = dataclasses.replace(
            on_cpu, provider="cuda", tile_batch=2, open_on_cpu=lambda: on_cpu
        )
    return LoadedModel(tiny_card(tile=geometry.model_dump(mode="json")), opened, 0.0)


def analysed(
    model: LoadedModel, image: NDArray[np.uint8], scheduler: TileScheduler | None = None
) -> tuple[dict[str, bytes], Result]:
    sink = FilesInMemory()
    request = AnalysisRequest(outputs=("labels.png", "confidence.png", "grains.csv", "modal.csv"))

    def result(scheduled: Any = None) -> Result:
        return analyse_image(
            sink,
            encode_png(image),
            request,
            model,
            settings=CPU,
            workspace=IN_MEMORY,
            analysis_id="a",
            scheduled=scheduled,
        )

    if scheduler is None:
        made = result()
    else:
        with scheduler.request() as scheduled:
            made = result(scheduled)
    dated = {"result.json", "provenance.json"}
    return {name: data for name, data in sink.content.items() if name not in dated}, made


# The image is six runs of two tiles: memory runs out at the first, the second and the last.
@pytest.mark.parametrize("roomy_runs", [0, 1, 5])
@pytest.mark.parametrize("shared", [False, True])
def test_an_image_is_cut_anew_into_smaller_tiles_whenever_memory_ran_out(
    monkeypatch: pytest.MonkeyPatch, image: NDArray[np.uint8], roomy_runs: int, shared: bool
) -> None:
    wanted, _ = analysed(loaded(HALF, on_gpu=False), image)
    whole, _ = analysed(loaded(BLEND, on_gpu=False), image)
    assert whole["labels.png"] != wanted["labels.png"]
    gpu = FillingGpu(roomy_runs, 32 * 32)
    monkeypatch.setattr("service.runtime.network.DeviceRun", gpu)

    scheduler = TileScheduler() if shared else None
    model = loaded(BLEND, on_gpu=True)
    files, result = analysed(model, image, scheduler)
    later, again = analysed(model, image, scheduler)
    if scheduler is not None:
        scheduler.close()

    # Some tiles of 64 px were answered before, and none of them is in the map.
    assert sum(shape[1] == 64 for shape in gpu.shapes) == roomy_runs + 2
    assert files == wanted
    for one in (result, again):
        assert SMALLER in one.degradations
        assert not any("batches of" in said for said in one.degradations)
        assert one.provenance["parameters"]["tile"]["size_px"] == 32
    assert later == files


def test_an_image_that_ends_on_the_cpu_keeps_its_tiles_and_the_next_has_whole_ones(
    monkeypatch: pytest.MonkeyPatch, image: NDArray[np.uint8]
) -> None:
    monkeypatch.setattr("service.runtime.network.DeviceRun", FillingGpu(0, 0))
    model = loaded(BLEND, on_gpu=True)

    files, result = analysed(model, image)
    after, next_result = analysed(model, image)

    assert files == analysed(loaded(HALF, on_gpu=False), image)[0]
    assert result.provenance["parameters"]["tile"]["size_px"] == 32
    assert after == analysed(loaded(BLEND, on_gpu=False), image)[0]
    assert next_result.provenance["parameters"]["tile"]["size_px"] == 64
    for one in (result, next_result):
        assert ON_CPU in one.degradations
        assert SMALLER not in one.degradations


def test_whole_images_are_never_cut_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    tile = np.random.default_rng(5).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    monkeypatch.setattr("service.runtime.network.DeviceRun", FillingGpu(0, 32 * 32))
    model = loaded(BLEND, on_gpu=True)

    with pytest.raises(TileTooLargeError, match=r"64 px.* 32 px"):
        model.predictor_for(CODES).labels(tile)
    predictor = model.predictor_for(CODES, tiled=False)
    labels, _ = predictor.labels(tile)

    on_cpu = OnnxPredictor(loaded(BLEND, on_gpu=False).networks, ALL_OPEN)
    np.testing.assert_array_equal(labels, on_cpu.labels(tile)[0])
    assert predictor.degradations == (ON_CPU,)


def test_all_images_of_one_inference_are_cut_alike(
    monkeypatch: pytest.MonkeyPatch, image: NDArray[np.uint8]
) -> None:
    images = np.stack([image, image[::-1], image[:, ::-1]])
    outputs = tuple(RequestedOutput(name) for name in ("labels", "confidence", "probabilities"))
    asked = Asked(images, images.shape[:3], (CODES,) * 3, outputs, tiled=True, factor=1.0)

    def maps(model: LoadedModel) -> tuple[Maps, OnnxPredictor]:
        predictor = model.predictor_for(CODES)
        return maps_of(asked, images, model.card, lambda _: predictor, IN_MEMORY), predictor

    # Memory runs out in the middle of the second image.
    monkeypatch.setattr("service.runtime.network.DeviceRun", FillingGpu(8, 32 * 32))
    found, predictor = maps(loaded(BLEND, on_gpu=True))
    wanted, _ = maps(loaded(HALF, on_gpu=False))

    assert predictor.degradations == (SMALLER,)
    for name in ("labels", "confidence", "probabilities"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


def test_the_rate_of_smaller_tiles_is_told_for_whole_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.runtime.network.DeviceRun", FillingGpu(0, 32 * 32))
    ticks = iter(range(100))
    monkeypatch.setattr("service.runtime.network.time.perf_counter", lambda: next(ticks))
    opened = loaded(BLEND, on_gpu=True).opened
    networks = ModelNetworks(opened, geometry=BLEND)
    tile = np.zeros((1, 64, 64, 3), dtype=np.uint8)
    with pytest.raises(TileTooLargeError):
        networks.labels.run(tile, ALL_OPEN[np.newaxis])

    networks.labels.run(tile[:, :32, :32], ALL_OPEN[np.newaxis])

    # A second for a quarter of the pixels.
    assert networks.labels.rate.latest_seconds == 4.0


@pytest.mark.parametrize(
    ("size_px", "multiple_px", "mode", "half"),
    [
        (960, 8, "blend", 480),
        (72, 8, "blend", 40),
        (64, 32, "blend", 32),
        (128, 128, "blend", None),
        (48, 8, "blend", None),
        (960, 8, "halo", None),
    ],
)
def test_half_a_tile_is_what_the_network_takes(
    size_px: int, multiple_px: int, mode: Any, half: int | None
) -> None:
    geometry = TileGeometry(size_px=size_px, multiple_px=multiple_px, mode=mode)
    assert half_px(geometry) == half


def test_the_disk_of_a_try_that_ended_is_free_for_the_next(
    monkeypatch: pytest.MonkeyPatch, image: NDArray[np.uint8], tmp_path: Path
) -> None:
    monkeypatch.setattr("service.runtime.network.DeviceRun", FillingGpu(5, 32 * 32))
    held: list[int] = []

    class Watched(ScratchFiles):
        def empty(self, shape: Any, dtype: Any) -> Any:
            array = super().empty(shape, dtype)
            held.append(sum(one() is not None for one in self._maps))
            return array

    scheduler = TileScheduler()
    with Watched(tmp_path, least_mapped_bytes=1) as scratch, scheduler.request() as scheduled:
        analyse_image(
            FilesInMemory(),
            encode_png(image),
            AnalysisRequest(),
            loaded(BLEND, on_gpu=True),
            settings=CPU,
            workspace=scratch,
            analysis_id="a",
            scheduled=scheduled,
        )
    scheduler.close()
    # The image, and four arrays for its map, which are made twice.
    assert held == [1, 2, 3, 4, 5, 2, 3, 4, 5]

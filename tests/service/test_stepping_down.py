"""When the memory of a GPU does not suffice; a fake session fails as ONNX Runtime does."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from petrography.errors import ModelCardError
from petrography.model_card import TileGeometry
from service.runtime import ModelNetworks, OnnxPredictor, OpenSession, TileScheduler, open_session
from service.runtime.device_run import DeviceRun
from service.runtime.stepping_down import is_out_of_memory
from service.runtime.tile_quarters import joined_quarters, quarter_px, quarters_of
from service.settings import Settings
from tests.tiny_model import CODES, nearest_colour_model

CPU = Settings(provider="cpu", threads=1)
ALL_OPEN = np.ones(len(CODES), dtype=np.float32)
HALO = TileGeometry(size_px=64, multiple_px=8, mode="halo", halo_px=8)
BLEND = TileGeometry(size_px=64, multiple_px=8, mode="blend")
# As ONNX Runtime says it: its arena, with a limit, CUDA, cuDNN.
MESSAGES = (
    "FusedConv node 'conv': bfc_arena.cc:376 Failed to allocate memory for requested buffer of 9",
    "bfc_arena.cc:358 Available memory of 1048576 is smaller than requested bytes of 8388608",
    "CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; file=cuda_allocator.cc",
    "CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=0",
)


class SmallGpu:
    """Runs sessions on the CPU in the place of `DeviceRun`, with memory for so many pixels."""

    def __init__(self, most_px: int, message: str) -> None:
        self.most_px, self.message = most_px, message
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, session: Any, outputs: tuple[str, ...]) -> Any:
        def run(feeds: dict[str, NDArray[Any]]) -> Any:
            count, height_px, width_px = feeds["image"].shape[:3]
            self.shapes.append((count, height_px))
            if count * height_px * width_px > self.most_px:
                raise RuntimeError(self.message)
            return session.run(list(outputs), feeds)

        return run


def on_small_gpu(
    monkeypatch: pytest.MonkeyPatch, most_px: int, message: str = MESSAGES[0]
) -> tuple[OpenSession, SmallGpu]:
    """A model in batches of four on a GPU that runs out of memory above so many pixels."""
    on_cpu = open_session(nearest_colour_model().SerializeToString(), CPU, source="tiny")
    gpu = SmallGpu(most_px, message)
    monkeypatch.setattr("service.runtime.network.DeviceRun", gpu)
    opened = dataclasses.replace(on_cpu, provider="cuda", tile_batch=4, open_on_cpu=lambda: on_cpu)
    return opened, gpu


def noise(tiles: int, side_px: int = 64) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (tiles, side_px, side_px, 3), dtype=np.uint8)


def expected(tiles: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    opened = open_session(nearest_colour_model().SerializeToString(), CPU, source="tiny")
    return OnnxPredictor(ModelNetworks(opened), ALL_OPEN).labels(tiles)


@pytest.mark.parametrize("message", MESSAGES)
def test_what_onnx_runtime_says_is_understood(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))
    assert not is_out_of_memory(RuntimeError("Unexpected input data type"))


@pytest.mark.parametrize(
    ("tiles_that_fit", "geometry", "tried", "said"),
    [
        (4, BLEND, [(4, 64), (4, 64)], ()),
        (2, BLEND, [(4, 64), (2, 64), (2, 64), (2, 64)], ("batches of 2 instead of 4 tiles",)),
        (1, BLEND, [(4, 64), (2, 64), *[(1, 64)] * 5], ("batches of 1 instead of 4 tiles",)),
        (0.5, HALO, [(4, 64), (2, 64), (1, 64), *[(1, 40)] * 20], ("quarters of 40 px",)),
        (0.5, BLEND, [(4, 64), (2, 64), (1, 64), (1, 64)], ("the CPU instead",)),
        (0.1, HALO, [(4, 64), (2, 64), (1, 64), (1, 40)], ("the CPU instead",)),
    ],
)
def test_less_at_a_time_gives_the_same_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
    tiles_that_fit: float,
    geometry: TileGeometry,
    tried: list[tuple[int, int]],
    said: tuple[str, ...],
) -> None:
    opened, gpu = on_small_gpu(monkeypatch, int(tiles_that_fit * 64 * 64))
    networks = ModelNetworks(opened, geometry=geometry).of_whole_images
    predictor = OnnxPredictor(networks, ALL_OPEN)
    tiles = noise(5)

    labels, confidence = predictor.labels(tiles)

    assert gpu.shapes == tried
    assert predictor.providers == (("cpu",) if "the CPU instead" in said else ("cuda",))
    assert len(predictor.degradations) == len(said)
    for sentence, wanted in zip(predictor.degradations, said, strict=True):
        assert sentence.startswith("GPU memory ran out on cuda: ")
        assert wanted in sentence
    # The network looks at single pixels, so even quarters are exact to the rim.
    for plane, whole in zip((labels, confidence), expected(tiles), strict=True):
        assert plane.tobytes() == whole.tobytes()


@pytest.mark.parametrize("shape", [(40, 40), (48, 64), (64, 48), (24, 8)])
def test_tiles_of_another_size_are_not_quartered(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    opened, gpu = on_small_gpu(monkeypatch, 48 * 64)
    networks = ModelNetworks(opened, geometry=HALO)
    OnnxPredictor(networks, ALL_OPEN).labels(noise(1))
    gpu.shapes.clear()
    tiles = noise(1)[:, : shape[0], : shape[1]]

    labels, confidence = OnnxPredictor(networks, ALL_OPEN).labels(tiles)

    assert gpu.shapes == [(1, shape[0])]
    for plane, whole in zip((labels, confidence), expected(tiles), strict=True):
        assert plane.tobytes() == whole.tobytes()


def test_a_step_is_kept_and_later_analyses_say_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, gpu = on_small_gpu(monkeypatch, 2 * 64 * 64)
    networks = ModelNetworks(opened, geometry=BLEND)
    before = OnnxPredictor(networks, ALL_OPEN)
    before.labels(noise(1))
    gpu.shapes.clear()

    after = OnnxPredictor(networks, ALL_OPEN)
    after.probabilities(noise(2))

    assert gpu.shapes == [(2, 64)]
    assert before.degradations == after.degradations != ()


def test_on_the_cpu_and_for_other_errors_nothing_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened, gpu = on_small_gpu(monkeypatch, 0, "Got invalid dimensions for input: image")
    with pytest.raises(RuntimeError, match="invalid dimensions"):
        OnnxPredictor(ModelNetworks(opened), ALL_OPEN).labels(noise(1))
    assert gpu.shapes == [(4, 64)]

    gpu.message = MESSAGES[0]
    nowhere_to_go = dataclasses.replace(opened, open_on_cpu=None)
    with pytest.raises(RuntimeError, match="Failed to allocate"):
        OnnxPredictor(ModelNetworks(nowhere_to_go), ALL_OPEN).labels(noise(1))
    assert gpu.shapes == [(4, 64), (4, 64)]


def test_only_the_analyses_concerned_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, gpu = on_small_gpu(monkeypatch, 4 * 64 * 64)
    networks = ModelNetworks(opened, geometry=BLEND)
    scheduler = TileScheduler()
    scheduler.prepare_ahead()

    with scheduler.request() as first:
        fine = OnnxPredictor(networks, ALL_OPEN, first)
        fine.labels(noise(3))
    gpu.most_px = 64 * 64
    with scheduler.request() as second:
        short = OnnxPredictor(networks, ALL_OPEN, second)
        labels, _ = short.labels(noise(6))
    scheduler.close()

    np.testing.assert_array_equal(labels, expected(noise(6))[0])
    assert fine.degradations == ()
    # The batch under way stepped through both; its tiles were all computed on the last.
    assert [one.partition(": ")[2] for one in short.degradations] == [
        "batches of 1 instead of 4 tiles"
    ]


@given(st.integers(1, 5), st.integers(0, 3), st.data())
def test_quarters_give_back_the_core_of_any_local_answer(
    halves: int, reach: int, data: st.DataObject
) -> None:
    """A local maximum over `reach` pixels, from quarters and from the whole tile."""
    side = 8 * halves + 2 * reach
    seed = data.draw(st.integers(0, 99))
    tile = np.random.default_rng(seed).integers(0, 256, (side, side, 1), dtype=np.uint8)
    quarters = quarters_of(tile, -(-side // 2) + reach)

    joined = joined_quarters(np.stack([local_maximum(one, reach) for one in quarters]), side)

    core = slice(reach, side - reach)
    np.testing.assert_array_equal(joined[core, core], local_maximum(tile, reach)[core, core])


def local_maximum(tile: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    padded = np.pad(tile[..., 0], reach)
    views = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(views.max(axis=(2, 3)), dtype=np.uint8)


def test_a_tile_is_quartered_only_where_that_is_exact_and_helps() -> None:
    assert quarter_px(HALO) == 40
    assert quarter_px(BLEND) is None
    assert quarter_px(TileGeometry(size_px=64, multiple_px=8, mode="halo", halo_px=24)) is None


def test_bound_arrays_give_what_a_plain_run_gives() -> None:
    session = onnxruntime.InferenceSession(
        nearest_colour_model().SerializeToString(), providers=["CPUExecutionProvider"]
    )
    outputs = ("labels", "confidence", "probabilities")
    run = DeviceRun(session, outputs, "cpu")
    kept = []
    for tiles in (noise(2), noise(2) + np.uint8(9), noise(3, 16)):
        feeds = {"image": tiles, "allowed": np.tile(ALL_OPEN, (len(tiles), 1))}
        kept.append((run(feeds), session.run(list(outputs), feeds)))

    # Compared at the end: an answer must outlive the runs after it.
    for bound, plain in kept:
        for one, other in zip(bound, plain, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_a_step_that_cannot_be_made_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of the host may be short too, when the CPU is to take over."""
    opened, _ = on_small_gpu(monkeypatch, most_px=0)
    open_on_cpu, short = opened.open_on_cpu, [True]
    assert open_on_cpu is not None

    def open_when_there_is_room() -> OpenSession:
        if short.pop() if short else False:
            raise ModelCardError("tiny cannot be opened by ONNX Runtime: bad allocation")
        return open_on_cpu()

    opened = dataclasses.replace(opened, open_on_cpu=open_when_there_is_room)
    networks, tiles = ModelNetworks(opened), noise(2)
    with pytest.raises(ModelCardError, match="bad allocation"):
        OnnxPredictor(networks, ALL_OPEN).labels(tiles)

    predictor = OnnxPredictor(networks, ALL_OPEN)
    np.testing.assert_array_equal(predictor.labels(tiles), expected(tiles))
    assert predictor.providers == ("cpu",)

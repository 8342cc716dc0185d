"""One run of a session on one batch.

On a GPU arrays are bound to the device and used again: copying a batch there, running it and
copying the answers back are three steps, and while one thread runs its batch another copies. Runs
themselves are one at a time, in the stream of the session: two at once would share the
multiprocessors and need twice the memory.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

__all__ = ["DeviceRun", "run_on_host"]

# One for the process: a process owns one GPU.
_ONE_AT_A_TIME = threading.Lock()
_ITEM_TYPES: dict[str, type[np.generic]] = {
    "labels": np.uint8,
    "confidence": np.uint8,
    "probabilities": np.float32,
}


def run_on_host(
    session: Any, outputs: Sequence[str], feeds: Mapping[str, NDArray[Any]], options: Any
) -> list[NDArray[Any]]:
    """Run a session of the CPU provider."""
    values: list[NDArray[Any]] = session.run(list(outputs), dict(feeds), options)
    return values


class DeviceRun:
    """Runs a session with arrays that stay on its device.

    Every thread has arrays of its own, for the shape that it ran last.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The open graph.
    outputs : sequence of str
        Wanted outputs: of labels, confidence, probabilities.
    device : str
        Where the arrays are, ``cuda`` for a GPU; ``cpu`` does the same without one.
    """

    def __init__(self, session: Any, outputs: Sequence[str], device: str = "cuda") -> None:
        self._session = session
        self._outputs = tuple(outputs)
        self._device = device
        self._of_thread = threading.local()

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run one batch.

        Parameters
        ----------
        feeds : mapping of str to ndarray
            ``image``, uint8 (batch, height, width, channels), and ``allowed``, float32
            (batch, classes).

        Returns
        -------
        list of ndarray
            The outputs, in memory of the host.
        """
        inputs, outputs, binding = self._bound(feeds)
        for name, value in feeds.items():
            inputs[name].update_inplace(np.ascontiguousarray(value))
        with _ONE_AT_A_TIME:
            self._session.run_with_iobinding(binding)
        # A device array of the CPU is memory that the next run writes to.
        return [np.array(outputs[name].numpy()) for name in self._outputs]

    def _bound(self, feeds: Mapping[str, NDArray[Any]]) -> tuple[Any, Any, Any]:
        shape = feeds["image"].shape
        if getattr(self._of_thread, "shape", None) != shape:
            # What was bound before is freed first: both may not fit.
            self._of_thread.shape = self._of_thread.arrays = None
            self._of_thread.arrays = self._bind(feeds)
            self._of_thread.shape = shape
        arrays: tuple[Any, Any, Any] = self._of_thread.arrays
        return arrays

    def _bind(self, feeds: Mapping[str, NDArray[Any]]) -> tuple[Any, Any, Any]:
        count, height_px, width_px = feeds["image"].shape[:3]
        classes = feeds["allowed"].shape[1]
        binding = self._session.io_binding()
        inputs = {name: self._array(value.shape, value.dtype) for name, value in feeds.items()}
        outputs = {
            name: self._array(
                (count, classes, height_px, width_px)
                if name == "probabilities"
                else (count, height_px, width_px),
                _ITEM_TYPES[name],
            )
            for name in self._outputs
        }
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in outputs.items():
            binding.bind_ortvalue_output(name, value)
        return inputs, outputs, binding

    def _array(self, shape: Sequence[int], dtype: Any) -> Any:
        return onnxruntime.OrtValue.ortvalue_from_shape_and_type(
            list(shape), np.dtype(dtype).type, self._device, 0
        )

"""What is done when the memory of a GPU does not suffice: less at a time, then the CPU.

The steps of a model: its batch size, halved down to one tile; tiles in quarters, where the card
says that the halo covers all that the network sees, or tiles of half the side, where they are
blended; the CPU. A step is never taken back while the
process lives, so that the same request gets the same bytes before and after all but the one moment;
every analysis in which it played a part says so.

What stays equal: classes, probabilities and sizes are computed by the same graph on the same
pixels, but with smaller tiles: these see less of their surroundings, so an image that is being cut
is begun again, and its map is that of one size of tiles. On one step equal tiles give equal bytes,
whoever shares the batch. Between two steps other kernels may round differently, so that
probabilities may differ in their last digits, and labels where two classes are as good as equal.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial

from petrography.model_card import TileGeometry
from service.runtime.session import OpenSession
from service.runtime.tile_quarters import half_px, quarter_px

__all__ = ["Step", "StepDown", "is_out_of_memory", "providers_of"]

_log = logging.getLogger("petroserve.runtime")
_CPU_INSTEAD = "the CPU instead"
# ONNX Runtime's arena, with and without a limit; CUDA; cuDNN and cuBLAS; TensorRT.
_OUT_OF_MEMORY = re.compile(
    r"Failed to allocate memory|Available memory of \d+ is smaller than requested"
    r"|out of memory|(?:CUDNN|CUBLAS)_STATUS_ALLOC_FAILED|OutOfMemory|bad_alloc",
    re.IGNORECASE,
)


def providers_of(degradations: Collection[str], provider: str) -> tuple[str, ...]:
    """Tell where tiles were run from what their runs had to do without.

    Parameters
    ----------
    degradations : collection of str
        Of these runs.
    provider : str
        On which the model was opened.

    Examples
    --------
    >>> providers_of(["GPU memory ran out on cuda: the CPU instead"], "cuda")
    ('cpu',)
    >>> providers_of([], "cuda")
    ('cuda',)
    """
    on_cpu = [one.endswith(_CPU_INSTEAD) for one in degradations]
    elsewhere = () if on_cpu and all(on_cpu) else (provider,)
    return (*elsewhere, *(("cpu",) if any(on_cpu) else ()))


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether a run ended for want of memory; ONNX Runtime has no class for it.

    Examples
    --------
    >>> is_out_of_memory(RuntimeError("CUDA failure 2: out of memory ; GPU=0"))
    True
    >>> is_out_of_memory(RuntimeError("Got invalid dimensions for input: image"))
    False
    """
    return isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)) is not None


@dataclass(frozen=True, eq=False)
class Step:
    """One way to run a model.

    Attributes
    ----------
    opened : OpenSession
        Its sessions.
    tile_batch : int
        Tiles of one run.
    quarter_px : int or None
        Side of the quarters that a tile is run in; None for whole tiles.
    tile_px : int or None
        Largest side of the tiles that an image is cut into; None for that of the card.
    degradation : str or None
        What it does without, in words; None on the first step.
    """

    opened: OpenSession
    tile_batch: int
    quarter_px: int | None = None
    tile_px: int | None = None
    degradation: str | None = None


class StepDown:
    """The steps of one model; both of its sessions share the memory, and so the step.

    Parameters
    ----------
    opened : OpenSession
        The model as it was opened.
    geometry : TileGeometry, optional
        Of its tiles; without it they are never quartered or cut smaller.
    """

    def __init__(self, opened: OpenSession, geometry: TileGeometry | None = None) -> None:
        self._steps = _steps(opened, geometry)
        self._changing = threading.Lock()
        self.step = next(self._steps)()
        self._make_next = next(self._steps, None)

    def go_down(self, failed: Step, error: BaseException) -> bool:
        """Take the next step after one that ran out of memory.

        Parameters
        ----------
        failed : Step
            The one that did; nothing happens if another thread has left it already.
        error : BaseException
            Why, for the log.

        Returns
        -------
        bool
            False if there is no further step.

        Raises
        ------
        Exception
            If the next step cannot be made now; it is tried again the next time.
        """
        with self._changing:
            if self.step is failed:
                if self._make_next is None:
                    return False
                self.step = self._make_next()
                self._make_next = next(self._steps, None)
                _log.warning("%s, for: %s", self.step.degradation, str(error)[:500])
        return True


def _steps(opened: OpenSession, geometry: TileGeometry | None) -> Iterator[Callable[[], Step]]:
    """Steps in order, each made when it is taken: the CPU's session costs memory."""
    yield partial(Step, opened, opened.tile_batch)
    if opened.open_on_cpu is None:
        return
    whole = opened.tile_batch
    short = f"GPU memory ran out on {opened.provider}:"
    batch = whole
    while batch > 1:
        batch //= 2
        said = f"{short} batches of {batch} instead of {whole} tiles"
        yield partial(Step, opened, batch, degradation=said)
    if geometry is not None:
        yield from _parts_of_tiles(opened, geometry, short)
    yield partial(_on_cpu, opened.open_on_cpu, f"{short} {_CPU_INSTEAD}")


def _parts_of_tiles(
    opened: OpenSession, geometry: TileGeometry, short: str
) -> Iterator[Callable[[], Step]]:
    if (side_px := quarter_px(geometry)) is not None:
        said = f"{short} tiles in quarters of {side_px} px, one at a time"
        yield partial(Step, opened, 1, quarter_px=side_px, degradation=said)
    if (side_px := half_px(geometry)) is not None:
        said = f"{short} tiles of {side_px} instead of {geometry.size_px} px, one at a time"
        yield partial(Step, opened, 1, tile_px=side_px, degradation=said)


def _on_cpu(open_on_cpu: Callable[[], OpenSession], said: str) -> Step:
    return Step(open_on_cpu(), 1, degradation=said)

"""How the cores and GPUs of the machines are divided among workers."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Division", "Share"]

# An analysis of a camera photograph holds 1.1 GiB, one of any size little more (RESULTS.md).
_WORKER_BYTES = 1.5 * 1024**3


@dataclass(frozen=True)
class Share:
    """How many workers there are, and what each has.

    Attributes
    ----------
    count : int
        Workers.
    threads : int
        That each has at work.
    gpus : float
        Of a GPU, for each; 0 without.
    """

    count: int
    threads: int
    gpus: float


@dataclass(frozen=True)
class Division:
    """What is stated of workers, so that they do not fight for cores.

    Attributes
    ----------
    workers : int or None
        How many; None for one a core for which there is memory, or one a GPU.
    threads : int
        Of each; 0 for an equal part of the cores.
    on_gpu : bool
        Whether models run on GPUs.
    """

    workers: int | None
    threads: int
    on_gpu: bool

    def cores_alone(self) -> int:
        """Cores to divide where this machine works alone: those that it has, or what is stated."""
        return max(len(os.sched_getaffinity(0)), (self.workers or 1) * max(1, self.threads))

    def among(self, machines: Sequence[Mapping[str, float]]) -> Share:
        """Divide machines.

        Parameters
        ----------
        machines : sequence of mapping
            CPU, GPU and memory (bytes) of each, as Ray names them.

        Examples
        --------
        >>> Division(None, 0, on_gpu=False).among([{"CPU": 4.0, "memory": 2.0**34}])
        Share(count=4, threads=1, gpus=0.0)
        >>> Division(None, 0, on_gpu=False).among([{"CPU": 4.0, "memory": 2.0**32}])
        Share(count=2, threads=2, gpus=0.0)
        >>> Division(3, 0, on_gpu=True).among([{"CPU": 16.0, "GPU": 2.0}])
        Share(count=3, threads=5, gpus=0.5)
        """
        cores = [int(machine.get("CPU", 0.0)) for machine in machines]
        gpus = sum(machine.get("GPU", 0.0) for machine in machines) if self.on_gpu else 0.0
        suiting = int(gpus) if gpus else sum(map(self._suiting, machines))
        count = self.workers or max(1, suiting)
        # A worker is on one machine.
        threads = self.threads or max(1, min(max(cores), sum(cores) // count))
        return Share(count, threads, 1.0 / math.ceil(count / gpus) if gpus else 0.0)

    def _suiting(self, machine: Mapping[str, float]) -> int:
        """Workers for which one machine has cores and memory."""
        by_memory = machine.get("memory", 0.0) // _WORKER_BYTES
        return int(min(machine.get("CPU", 0.0) // max(1, self.threads), by_memory))

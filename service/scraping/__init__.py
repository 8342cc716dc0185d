"""Metrics that are read when they are asked for, because something else keeps them.

`processes` (memory, processor and files of all workers), `gpus` (through NVML), `counts` (states
of what a database keeps, such as jobs) and `ages` (how long ago a moment was).
"""

from service.scraping.ages import Ages
from service.scraping.counts import AskedGauge, Counts
from service.scraping.gpus import Gpus, open_nvml
from service.scraping.processes import Processes

__all__ = ["Ages", "AskedGauge", "Counts", "Gpus", "Processes", "open_nvml"]

"""ONNX Runtime as this service uses it: session options, providers, and the `Predictor`."""

from __future__ import annotations

import os

# ONNX Runtime's own wheels send usage events and write a device id into the home folder from the
# moment of import on, unless this is set before.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from service.runtime.freed_memory import give_back_memory
from service.runtime.matcher import OnnxMatcher, open_matcher
from service.runtime.network import ModelNetworks, ObserveBatch, TileRate
from service.runtime.predictor import OnnxPredictor
from service.runtime.session import Graph, OpenSession, Port, open_session, wants_gpu
from service.runtime.tile_queue import Priority
from service.runtime.tile_scheduler import ScheduledRequest, SchedulerObserver, TileScheduler

__all__ = [
    "Graph",
    "ModelNetworks",
    "ObserveBatch",
    "OnnxMatcher",
    "OnnxPredictor",
    "OpenSession",
    "Port",
    "Priority",
    "ScheduledRequest",
    "SchedulerObserver",
    "TileRate",
    "TileScheduler",
    "give_back_memory",
    "open_matcher",
    "open_session",
    "wants_gpu",
]

"""ONNX Runtime as this service uses it: session options, providers, and the `Predictor`."""

from __future__ import annotations

import os

# ONNX Runtime's own wheels send usage events and write a device id into the home folder from the
# moment of import on, unless this is set before.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from service.runtime.matcher import OnnxMatcher, open_matcher
from service.runtime.predictor import ObserveBatch, OnnxPredictor
from service.runtime.session import Graph, OpenSession, Port, open_session

__all__ = [
    "Graph",
    "ObserveBatch",
    "OnnxMatcher",
    "OnnxPredictor",
    "OpenSession",
    "Port",
    "open_matcher",
    "open_session",
]

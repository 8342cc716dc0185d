"""The Open Inference Protocol over HTTP, with the binary tensor extension.

In the order of the steps: `body` receives and unpacks a request, `request` reads it, `answer`
writes what the model says; `documents` describes models; `routes` has the paths.
"""

from __future__ import annotations

from service.http_api.open_inference.request import InferRequest
from service.http_api.open_inference.routes import open_inference_routes

__all__ = ["InferRequest", "open_inference_routes"]

"""The Open Inference Protocol without what carries it: tensors in, tensors out.

In the order of the steps: `messages` are what is sent, `tensor_reading` makes arrays of it,
`request_reading` checks them against the model, `running` leads them through the networks,
`inference` takes the turns; `describing` and `counting` tell about models. HTTP and gRPC translate
to it.
"""

from __future__ import annotations

from service.inference.counting import BatchCounts, Duration, ModelStatistics
from service.inference.describing import (
    IndexEntry,
    ModelConfig,
    ModelMetadata,
    ServerMetadata,
    TensorMetadata,
)
from service.inference.inference import Inference
from service.inference.messages import (
    Contents,
    InferenceRequest,
    InferenceResponse,
    InputTensor,
    OutputTensor,
    Parameter,
    RequestedOutput,
)

__all__ = [
    "BatchCounts",
    "Contents",
    "Duration",
    "IndexEntry",
    "Inference",
    "InferenceRequest",
    "InferenceResponse",
    "InputTensor",
    "ModelConfig",
    "ModelMetadata",
    "ModelStatistics",
    "OutputTensor",
    "Parameter",
    "RequestedOutput",
    "ServerMetadata",
    "TensorMetadata",
]

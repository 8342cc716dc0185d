"""What is told about models, as Triton's clients read it."""

from __future__ import annotations

from typing import Any

from service.inference import (
    BatchCounts,
    Duration,
    IndexEntry,
    ModelConfig,
    ModelMetadata,
    ModelStatistics,
    ServerMetadata,
    TensorMetadata,
)

__all__ = [
    "config_document",
    "index_document",
    "metadata_document",
    "server_document",
    "statistics_document",
]

Document = dict[str, Any]


def server_document(server: ServerMetadata) -> Document:
    """Describe the service."""
    return {
        "name": server.name,
        "version": server.version,
        "extensions": list(server.extensions),
    }


def metadata_document(model: ModelMetadata) -> Document:
    """Describe a model."""
    return {
        "name": model.name,
        "versions": list(model.versions),
        "platform": model.platform,
        "inputs": [_tensor(one) for one in model.inputs],
        "outputs": [_tensor(one) for one in model.outputs],
    }


def _tensor(tensor: TensorMetadata) -> Document:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def config_document(config: ModelConfig) -> Document:
    """Write a configuration as Triton does; sides of images stand without that of their number."""
    return {
        "name": config.name,
        "platform": config.platform,
        "backend": config.backend,
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": config.max_batch_size,
        "input": [{**_configured(one), "optional": one.optional} for one in config.inputs],
        "output": [_configured(one) for one in config.outputs],
        "instance_group": [],
        "dynamic_batching": {},
        "parameters": {name: {"string_value": value} for name, value in config.parameters.items()},
        "model_transaction_policy": {"decoupled": False},
    }


def _configured(tensor: TensorMetadata) -> Document:
    return {
        "name": tensor.name,
        "data_type": f"TYPE_{tensor.datatype}",
        "dims": list(tensor.shape[1:]),
    }


def statistics_document(models: tuple[ModelStatistics, ...]) -> Document:
    """Write the statistics of models."""
    return {"model_stats": [_statistics(one) for one in models]}


def _statistics(model: ModelStatistics) -> Document:
    return {
        "name": model.name,
        "version": model.version,
        "last_inference": model.last_inference_ms,
        "inference_count": model.inference_count,
        "execution_count": model.execution_count,
        "inference_stats": {
            "success": _duration(model.success),
            "fail": _duration(model.fail),
            "queue": _duration(model.queue),
            **_computing(model.computing()),
            "cache_hit": _duration(Duration()),
            "cache_miss": _duration(Duration()),
        },
        "batch_stats": [
            {"batch_size": images, **_computing(counts)}
            for images, counts in sorted(model.by_images.items())
        ],
    }


def _computing(counts: BatchCounts) -> Document:
    return {
        "compute_input": _duration(counts.compute_input),
        "compute_infer": _duration(counts.compute_infer),
        "compute_output": _duration(counts.compute_output),
    }


def _duration(duration: Duration) -> Document:
    return {"count": duration.count, "ns": duration.ns}


def index_document(entries: tuple[IndexEntry, ...]) -> list[Document]:
    """List models."""
    return [
        {"name": one.name, "version": one.version, "state": one.state, "reason": one.reason}
        for one in entries
    ]

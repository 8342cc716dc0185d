"""Answers of the Open Inference Protocol as messages."""

from __future__ import annotations

from collections.abc import Mapping

from service.inference import (
    BatchCounts,
    Duration,
    InferenceResponse,
    ModelConfig,
    ModelMetadata,
    ModelStatistics,
    Parameter,
    TensorMetadata,
)
from service.proto import inference_pb2 as messages

__all__ = ["config_message", "metadata_message", "response_message", "statistics_message"]


def response_message(answer: InferenceResponse) -> messages.ModelInferResponse:
    """Write the answer of a model; its tensors are raw, whatever the request's were."""
    return messages.ModelInferResponse(
        model_name=answer.model_name,
        model_version=answer.model_version,
        id=answer.id,
        parameters=_parameters(answer.parameters),
        outputs=[
            messages.ModelInferResponse.InferOutputTensor(
                name=output.name, datatype=output.datatype, shape=output.array.shape
            )
            for output in answer.outputs
        ],
        raw_output_contents=[output.array.tobytes() for output in answer.outputs],
    )


def metadata_message(model: ModelMetadata) -> messages.ModelMetadataResponse:
    """Describe a model."""
    return messages.ModelMetadataResponse(
        name=model.name,
        versions=model.versions,
        platform=model.platform,
        inputs=[_tensor(tensor) for tensor in model.inputs],
        outputs=[_tensor(tensor) for tensor in model.outputs],
    )


def config_message(config: ModelConfig) -> messages.ModelConfig:
    """Write a configuration as Triton does; sides of images stand without that of their number."""
    return messages.ModelConfig(
        name=config.name,
        platform=config.platform,
        backend=config.backend,
        max_batch_size=config.max_batch_size,
        input=[
            messages.ModelInput(
                name=tensor.name,
                data_type=f"TYPE_{tensor.datatype}",
                dims=tensor.shape[1:],
                optional=tensor.optional,
            )
            for tensor in config.inputs
        ],
        output=[
            messages.ModelOutput(
                name=tensor.name, data_type=f"TYPE_{tensor.datatype}", dims=tensor.shape[1:]
            )
            for tensor in config.outputs
        ],
        dynamic_batching=messages.ModelDynamicBatching(),
        parameters={
            name: messages.ModelParameter(string_value=value)
            for name, value in config.parameters.items()
        },
    )


def statistics_message(model: ModelStatistics) -> messages.ModelStatistics:
    """Write the statistics of a model."""
    computing = model.computing()
    return messages.ModelStatistics(
        name=model.name,
        version=model.version,
        last_inference=model.last_inference_ms,
        inference_count=model.inference_count,
        execution_count=model.execution_count,
        inference_stats=messages.InferStatistics(
            success=_duration(model.success),
            fail=_duration(model.fail),
            queue=_duration(model.queue),
            **_computing(computing),
        ),
        batch_stats=[
            messages.InferBatchStatistics(batch_size=images, **_computing(counts))
            for images, counts in sorted(model.by_images.items())
        ],
    )


def _tensor(tensor: TensorMetadata) -> messages.ModelMetadataResponse.TensorMetadata:
    return messages.ModelMetadataResponse.TensorMetadata(
        name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
    )


def _computing(counts: BatchCounts) -> dict[str, messages.StatisticDuration]:
    return {
        "compute_input": _duration(counts.compute_input),
        "compute_infer": _duration(counts.compute_infer),
        "compute_output": _duration(counts.compute_output),
    }


def _duration(duration: Duration) -> messages.StatisticDuration:
    return messages.StatisticDuration(count=duration.count, ns=duration.ns)


def _parameters(parameters: Mapping[str, Parameter]) -> dict[str, messages.InferParameter]:
    return {name: _parameter(value) for name, value in parameters.items()}


def _parameter(value: Parameter) -> messages.InferParameter:
    if isinstance(value, bool):
        return messages.InferParameter(bool_param=value)
    if isinstance(value, int):
        return messages.InferParameter(int64_param=value)
    if isinstance(value, float):
        return messages.InferParameter(double_param=value)
    return messages.InferParameter(string_param=value)

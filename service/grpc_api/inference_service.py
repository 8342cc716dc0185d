"""``inference.GRPCInferenceService``: the Open Inference Protocol."""

from __future__ import annotations

from petrography.errors import NotFoundError, NotReadyError
from service.engine import Engine
from service.grpc_api.access import CALLER
from service.grpc_api.inference_messages import (
    config_message,
    metadata_message,
    response_message,
    statistics_message,
)
from service.grpc_api.inference_requests import read_infer_request
from service.grpc_api.refusing import Context
from service.inference import Inference
from service.proto import inference_pb2 as messages
from service.proto.inference_pb2_grpc import GRPCInferenceServiceServicer

__all__ = ["InferenceService"]


class InferenceService(GRPCInferenceServiceServicer):
    """Tensors in, tensors out.

    Parameters
    ----------
    engine : Engine
        Says what is ready, and has the places.
    inference : Inference
        What works.
    """

    def __init__(self, engine: Engine, inference: Inference) -> None:
        self._engine = engine
        self._inference = inference

    async def ServerLive(
        self, _request: messages.ServerLiveRequest, _context: Context
    ) -> messages.ServerLiveResponse:
        """Tell whether the process should go on living."""
        try:
            self._engine.require_alive()
        except NotReadyError:
            return messages.ServerLiveResponse(live=False)
        return messages.ServerLiveResponse(live=True)

    async def ServerReady(
        self, _request: messages.ServerReadyRequest, _context: Context
    ) -> messages.ServerReadyResponse:
        """Tell whether every model is warm."""
        try:
            self._engine.require_ready()
        except NotReadyError:
            return messages.ServerReadyResponse(ready=False)
        return messages.ServerReadyResponse(ready=True)

    async def ModelReady(
        self, request: messages.ModelReadyRequest, _context: Context
    ) -> messages.ModelReadyResponse:
        """Tell whether a model can be asked; one that there is not cannot."""
        try:
            self._inference.require_model_ready(request.name, request.version or None)
        except (NotReadyError, NotFoundError):
            return messages.ModelReadyResponse(ready=False)
        return messages.ModelReadyResponse(ready=True)

    async def ServerMetadata(
        self, _request: messages.ServerMetadataRequest, _context: Context
    ) -> messages.ServerMetadataResponse:
        """Tell what the service is."""
        server = self._inference.server_metadata()
        return messages.ServerMetadataResponse(
            name=server.name, version=server.version, extensions=server.extensions
        )

    async def ModelMetadata(
        self, request: messages.ModelMetadataRequest, _context: Context
    ) -> messages.ModelMetadataResponse:
        """Tell what a model takes and gives."""
        return metadata_message(self._inference.metadata(request.name, request.version or None))

    async def ModelInfer(
        self, request: messages.ModelInferRequest, _context: Context
    ) -> messages.ModelInferResponse:
        """Run a model."""
        self._inference.require_model_ready(request.model_name, request.model_version or None)
        tenant = CALLER.get().tenant
        with self._engine.admission.place(tenant):
            answer = await self._inference.infer(read_infer_request(request), tenant=tenant)
        return response_message(answer)

    async def ModelConfig(
        self, request: messages.ModelConfigRequest, _context: Context
    ) -> messages.ModelConfigResponse:
        """Give the configuration of a model, as Triton writes it."""
        config = self._inference.config(request.name, request.version or None)
        return messages.ModelConfigResponse(config=config_message(config))

    async def ModelStatistics(
        self, request: messages.ModelStatisticsRequest, _context: Context
    ) -> messages.ModelStatisticsResponse:
        """Tell what models did."""
        models = self._inference.statistics(request.name or None, request.version or None)
        return messages.ModelStatisticsResponse(
            model_stats=[statistics_message(model) for model in models]
        )

    async def RepositoryIndex(
        self, _request: messages.RepositoryIndexRequest, _context: Context
    ) -> messages.RepositoryIndexResponse:
        """List the models that are served; all of them are ready."""
        entry = messages.RepositoryIndexResponse.ModelIndex
        return messages.RepositoryIndexResponse(
            models=[
                entry(name=one.name, version=one.version, state=one.state, reason=one.reason)
                for one in self._inference.index()
            ]
        )

"""Inference on tensors, over the models, turns and tiles that analyses have too."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
from numpy.typing import NDArray

from petrography.errors import ModelNotFoundError
from petrography.images import resampled_shape
from petrography.tiling import plan_tiles
from service.engine import Engine, ScratchFiles
from service.engine.carrying_out import counted
from service.engine.course import Course
from service.engine.image_priority import priority_of
from service.inference.counting import InferenceTimes, ModelStatistics, StatisticsBook
from service.inference.describing import (
    EXTENSIONS,
    SERVER_NAME,
    IndexEntry,
    ModelConfig,
    ModelMetadata,
    ServerMetadata,
    config_of,
    metadata_of,
)
from service.inference.messages import (
    InferenceRequest,
    InferenceResponse,
    OutputTensor,
    Parameter,
    Raw,
)
from service.inference.request_reading import (
    CONFIDENCE,
    LABELS,
    PROBABILITIES,
    AnswerLimits,
    Asked,
    read_request,
)
from service.inference.running import Maps, maps_of, pixels_of
from service.repository import LoadedModel
from service.runtime import Priority

__all__ = ["Inference"]


class Inference:
    """What the Open Inference Protocol can ask, whatever carries it.

    One for a process: all protocols count in its statistics.

    Parameters
    ----------
    engine : Engine
        Its models, turns and scheduler are used.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._book = StatisticsBook()

    async def infer(
        self,
        request: InferenceRequest,
        *,
        priority: Priority | None = None,
        tenant: str = "",
    ) -> InferenceResponse:
        """Run a model on the images of a request.

        Cancelling the awaiting task stops the work at its next tile.

        Parameters
        ----------
        request : InferenceRequest
            What is wanted; its tensors are not to be changed before the answer is there.
        priority : {"interactive", "bulk"}, optional
            Overrules what follows from the size of the images.
        tenant : str
            Whose request it is: turns are shared evenly between tenants.

        Returns
        -------
        InferenceResponse
            The same for the same request, whoever else asks.

        Raises
        ------
        InputError
            If the request cannot be read or carried out.
        NotReadyError
            If the service is starting or stopping.
        """
        began = time.perf_counter_ns()
        model = await self._chosen(request)
        with self._counting(model, began):
            asked = await self._asked(request, model)
            shape = (asked.size[0] * asked.size[1], asked.size[2])
            work = _Work(self._engine, model, asked, tenant)
            work.priority = priority or priority_of(shape, self._engine.settings)
            outputs, degradations = await self._engine.workers.carry_out(
                work, priority=work.priority, expected_s=_expected_s(asked, model), tenant=tenant
            )
            times = work.times(began)
        name, version = model.card.name, str(model.card.version)
        self._book.succeeded(name, version, asked.size[0], times)
        parameters = _answer_parameters(asked, degradations)
        return InferenceResponse(name, version, request.id, parameters, outputs)

    def server_metadata(self) -> ServerMetadata:
        """Tell what the service is."""
        return ServerMetadata(SERVER_NAME, self._engine.version, EXTENSIONS)

    def metadata(self, name: str, version: str | None = None) -> ModelMetadata:
        """Tell what a model takes and gives.

        Raises
        ------
        ModelNotFoundError
            If it is not served.
        NotReadyError
            If the service is starting or stopping.
        """
        card = self._model(name, version).card
        served = (one.card for one in self._engine.repository)
        versions = tuple(str(one.version) for one in served if one.name == card.name)
        return metadata_of(card, versions)

    def config(self, name: str, version: str | None = None) -> ModelConfig:
        """Give the configuration of a model; raises as `metadata` does."""
        return config_of(self._model(name, version).card)

    def require_model_ready(self, name: str, version: str | None = None) -> None:
        """Check that a model can be asked; raises as `metadata` does."""
        self._model(name, version)

    def statistics(
        self, name: str | None = None, version: str | None = None
    ) -> tuple[ModelStatistics, ...]:
        """Tell what models did in this process.

        Parameters
        ----------
        name : str, optional
            Of the model; without it of all that are served.
        version : str, optional
            Of the model; without it of all its versions.

        Raises
        ------
        ModelNotFoundError
            If there is none of them.
        NotReadyError
            If the service is starting or stopping.
        """
        if name is not None:
            self._model(name, version)
        served = ((one.card.name, str(one.card.version)) for one in self._engine.repository)
        return tuple(
            self._book.of(*key)
            for key in served
            if name in {None, key[0]} and version in {None, key[1]}
        )

    def index(self) -> tuple[IndexEntry, ...]:
        """List the models that are served, by name and version.

        Raises
        ------
        NotReadyError
            If the service is starting or stopping.
        """
        return tuple(
            IndexEntry(one.card.name, str(one.card.version), "READY")
            for one in self._engine.repository
        )

    async def _chosen(self, request: InferenceRequest) -> LoadedModel:
        """Find the model of a request; where versions have weights its tensors decide."""
        if request.version is not None or not self._engine.repository.divides(request.model):
            return self._model(request.model, request.version)
        digest = await asyncio.to_thread(_digest_of, request)
        return self._engine.repository.get(request.model, digest)

    def _model(self, name: str, version: str | None) -> LoadedModel:
        if ":" in name:
            # Elsewhere the version follows a colon; here it has a place of its own.
            msg = f"there is no model {name[:200]!r}; the version stands in a field of its own"
            raise ModelNotFoundError(msg)
        return self._engine.repository.get(name if version is None else f"{name}:{version}")

    async def _asked(self, request: InferenceRequest, model: LoadedModel) -> Asked:
        settings = self._engine.settings
        limits = AnswerLimits(settings.max_inference_bytes, settings.max_inference_json_bytes)
        # An engine of TensorRT is built for one size, which takes minutes.
        read = partial(
            read_request,
            request,
            model.card,
            self._engine.limits,
            limits,
            one_size=model.opened.provider == "tensorrt",
        )
        if all(isinstance(one.contents, Raw) for one in request.inputs):
            # Looked at where they lie: a thread would take longer.
            return read()
        return await asyncio.to_thread(read)

    @contextmanager
    def _counting(self, model: LoadedModel, began: int) -> Iterator[None]:
        name, version = model.card.name, str(model.card.version)
        count = self._engine.telemetry.inferences.labels
        with counted(lambda outcome: count(f"{name}:{version}", outcome).inc()):
            try:
                yield
            except BaseException:
                self._book.failed(name, version, time.perf_counter_ns() - began)
                raise


def _digest_of(request: InferenceRequest) -> str:
    digest = hashlib.sha256()
    for tensor in request.inputs:
        raw = tensor.contents
        digest.update(raw if isinstance(raw, Raw) else repr(raw).encode())
    return digest.hexdigest()


class _Work:
    """The part of one inference that a thread does."""

    priority: Priority = "interactive"

    def __init__(self, engine: Engine, model: LoadedModel, asked: Asked, tenant: str) -> None:
        self._engine, self._model, self._asked, self._tenant = engine, model, asked, tenant
        self._marks: list[int] = []

    def __call__(self, course: Course) -> tuple[tuple[OutputTensor, ...], tuple[str, ...]]:
        """Give the outputs, and what the runtime had to do without."""
        self._mark()
        model, asked = self._model, self._asked
        degradations = dict.fromkeys(model.opened.degradations)
        with (
            ScratchFiles(self._engine.settings.scratch_folder) as scratch,
            self._engine.scheduler.request(
                priority=self.priority, tenant=self._tenant
            ) as scheduled,
            course.telling_stop(scheduled.leave),
            course.stage("inference"),
        ):
            images = pixels_of(asked, model.card, self._engine.limits, scratch)
            self._mark()
            predictors = {
                codes: model.predictor_for(codes, scheduled, tiled=asked.tiled)
                for codes in set(asked.allowed)
            }
            maps = maps_of(asked, images, model.card, predictors.__getitem__, scratch)
            self._mark()
        for codes in dict.fromkeys(asked.allowed):
            degradations |= dict.fromkeys(predictors[codes].degradations)
        outputs = _outputs(asked, maps)
        self._mark()
        return outputs, tuple(degradations)

    def times(self, began: int) -> InferenceTimes:
        """Tell how long the parts of it took."""
        started, decoded, inferred, written = self._marks
        return InferenceTimes(
            total=time.perf_counter_ns() - began,
            queue=started - began,
            compute_input=decoded - started,
            compute_infer=inferred - decoded,
            compute_output=written - inferred,
        )

    def _mark(self) -> None:
        self._marks.append(time.perf_counter_ns())


def _expected_s(asked: Asked, model: LoadedModel) -> float | None:
    """Seconds that the networks are thought to take; None where none was ever timed."""
    a_tile_s = model.networks.labels.rate.seconds
    if a_tile_s is None:
        return None
    if not asked.tiled:
        return a_tile_s * asked.size[0]
    shape = resampled_shape(asked.size[1], asked.size[2], asked.factor)
    rows = plan_tiles(*shape, model.card.tile)
    return a_tile_s * asked.size[0] * len(rows) * len(rows[0])


def _outputs(asked: Asked, maps: Maps) -> tuple[OutputTensor, ...]:
    made: dict[str, NDArray[np.uint8] | NDArray[np.float32] | None] = {
        LABELS: maps.labels,
        CONFIDENCE: maps.confidence,
        PROBABILITIES: maps.probabilities,
    }
    return tuple(
        OutputTensor(
            one.name,
            "FP32" if one.name == PROBABILITIES else "UINT8",
            array,
        )
        for one in asked.outputs
        if (array := made[one.name]) is not None
    )


def _answer_parameters(asked: Asked, degradations: tuple[str, ...]) -> dict[str, Parameter]:
    parameters: dict[str, Parameter] = {}
    if asked.factor != 1.0:
        parameters["resampling_factor"] = asked.factor
    if degradations:
        parameters["degradations"] = "; ".join(degradations)
    return parameters

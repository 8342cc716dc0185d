"""What ``/v1/models`` answers."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from petrography.errors import ModelNotFoundError
from petrography.minerals import MINERALS
from petrography.model_card import ModelCard, Precision
from service.engine import Readiness
from service.repository import LoadedModel, Repository

__all__ = [
    "ModelDescription",
    "ModelList",
    "ModelSummary",
    "UnservedModel",
    "describe",
    "list_models",
    "summarise",
]


class MineralClass(BaseModel):
    """One class that a model can name."""

    code: int
    symbol: str
    name: str


class ModelSummary(BaseModel):
    """One served model."""

    name: str
    version: int
    default: bool
    """Whether a request that names no model gets this one."""
    description: str
    architecture: str
    precision: Precision
    derived_from: int | None
    """For a variant of lower precision: the float32 version that it derives from."""
    classes: list[MineralClass]
    sha256: str
    provider: str
    degradations: list[str]
    state: Literal["ready"]
    """What is listed here answers requests; the rest is in `not_served`."""
    weight: float
    """Share of the requests for this model without a version that it gets, in [0, 1]."""
    href: str


class UnservedModel(BaseModel):
    """Something of the models folder that is not, not yet or no longer served."""

    name: str
    version: str | None
    """Name of its folder; null where it is about all versions, or their weights."""
    state: Literal["loading", "refused", "draining"]
    """Found and not served yet; not possible as it is; or taken out and still used by requests
    that began before."""
    reason: str


class ModelList(BaseModel):
    """The served models, by name and version, in the process that answers."""

    models: list[ModelSummary]
    not_served: list[UnservedModel]
    problem: str | None
    """Why the models folder, or the bucket that it follows, cannot be looked at; null if it can."""


class ModelDescription(ModelSummary):
    """One served model with its whole card."""

    card: ModelCard


def summarise(model: LoadedModel, repository: Repository) -> ModelSummary:
    """Describe a model in a few lines."""
    card = model.card
    return ModelSummary(
        name=card.name,
        version=card.version,
        default=repository.is_default(model),
        description=card.description,
        architecture=card.architecture,
        precision=card.precision,
        derived_from=None if card.derived_from is None else card.derived_from.version,
        classes=[
            MineralClass(code=code, symbol=MINERALS[code].symbol, name=MINERALS[code].name)
            for code in card.classes
        ],
        sha256=card.onnx_sha256,
        provider=model.opened.provider,
        degradations=list(model.opened.degradations),
        state="ready",
        weight=_weight(model, repository),
        href=f"/v1/models/{card.name}:{card.version}",
    )


def _weight(model: LoadedModel, repository: Repository) -> float:
    name = model.card.name
    if traffic := repository.traffic_of(name):
        return traffic.share(model.card.version)
    try:
        return float(repository.get(name) is model)
    except ModelNotFoundError:
        # The newest weights are not there in the precision that is served by name.
        return 0.0


def list_models(readiness: Readiness) -> ModelList:
    """Describe what is served, and what of the models folder is not."""
    repository = readiness.repository
    return ModelList(
        models=[summarise(model, repository) for model in repository],
        not_served=[UnservedModel(**vars(one)) for one in readiness.not_served],
        problem=readiness.models_problem,
    )


def describe(model: LoadedModel, repository: Repository) -> ModelDescription:
    """Describe a model with its card."""
    summary = summarise(model, repository)
    return ModelDescription(**summary.model_dump(), card=model.card)

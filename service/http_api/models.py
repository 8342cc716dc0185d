"""What ``/v1/models`` answers."""

from __future__ import annotations

from pydantic import BaseModel

from petrography.model_card import ModelCard
from service.engine import Readiness, ServedModel, UnservedModel, summarise, unserved_models
from service.repository import LoadedModel, Repository

__all__ = ["ModelDescription", "ModelList", "ModelSummary", "describe", "list_models"]


class ModelSummary(ServedModel):
    """One served model."""

    href: str


class ModelList(BaseModel):
    """The served models, by name and version, in the process that answers."""

    models: list[ModelSummary]
    not_served: list[UnservedModel]
    problem: str | None
    """Why the models folder, or the bucket that it follows, cannot be looked at; null if it can."""


class ModelDescription(ModelSummary):
    """One served model with its whole card."""

    card: ModelCard


def list_models(readiness: Readiness) -> ModelList:
    """Describe what is served, and what of the models folder is not."""
    repository = readiness.repository
    return ModelList(
        models=[_summary(model, repository) for model in repository],
        not_served=unserved_models(readiness),
        problem=readiness.models_problem,
    )


def describe(model: LoadedModel, repository: Repository) -> ModelDescription:
    """Describe a model with its card."""
    return ModelDescription(**_summary(model, repository).model_dump(), card=model.card)


def _summary(model: LoadedModel, repository: Repository) -> ModelSummary:
    served = summarise(model, repository)
    href = f"/v1/models/{model.card.full_name}"
    return ModelSummary(**served.model_dump(), href=href)

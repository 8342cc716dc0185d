"""The served models, and what is not served, as messages."""

from __future__ import annotations

from service.engine import Readiness, summarise, unserved_models
from service.proto import analysis_pb2 as messages
from service.repository import LoadedModel, Repository

__all__ = ["listed_models"]


def listed_models(readiness: Readiness) -> messages.ListModelsResponse:
    """Describe all models, by name and version."""
    repository = readiness.repository
    return messages.ListModelsResponse(
        models=[_model(model, repository) for model in repository],
        not_served=[
            messages.UnservedModel(**one.model_dump()) for one in unserved_models(readiness)
        ],
        problem=readiness.models_problem,
    )


def _model(model: LoadedModel, repository: Repository) -> messages.Model:
    # The fields are named alike; that it is ready follows from its being there.
    return messages.Model(**summarise(model, repository).model_dump(exclude={"state"}))

"""The served models as messages."""

from __future__ import annotations

from petrography.minerals import MINERALS
from service.proto import analysis_pb2 as messages
from service.repository import LoadedModel, Repository

__all__ = ["listed_models"]


def listed_models(repository: Repository) -> messages.ListModelsResponse:
    """Describe all models, by name and version."""
    return messages.ListModelsResponse(models=[_model(model, repository) for model in repository])


def _model(model: LoadedModel, repository: Repository) -> messages.Model:
    card = model.card
    return messages.Model(
        name=card.name,
        version=card.version,
        default=repository.is_default(model),
        description=card.description,
        architecture=card.architecture,
        precision=card.precision,
        derived_from=None if card.derived_from is None else card.derived_from.version,
        classes=[_mineral(code) for code in card.classes],
        sha256=card.onnx_sha256,
        provider=model.opened.provider,
        degradations=list(model.opened.degradations),
    )


def _mineral(code: int) -> messages.MineralClass:
    mineral = MINERALS[code]
    return messages.MineralClass(code=code, symbol=mineral.symbol, name=mineral.name)

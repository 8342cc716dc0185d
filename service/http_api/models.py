"""What ``/v1/models`` answers."""

from __future__ import annotations

from pydantic import BaseModel

from petrography.minerals import MINERALS
from petrography.model_card import ModelCard, Precision
from service.repository import LoadedModel, Repository

__all__ = ["MineralClass", "ModelDescription", "ModelList", "ModelSummary", "describe", "summarise"]


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
    href: str


class ModelList(BaseModel):
    """The served models, by name and version."""

    models: list[ModelSummary]


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
        href=f"/v1/models/{card.name}:{card.version}",
    )


def describe(model: LoadedModel, repository: Repository) -> ModelDescription:
    """Describe a model with its card."""
    summary = summarise(model, repository)
    return ModelDescription(**summary.model_dump(), card=model.card)

"""What is served and what is not, in a few lines each, for every protocol."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from petrography.errors import ModelNotFoundError
from petrography.minerals import MINERALS
from petrography.model_card import Precision
from service.engine.readiness import Readiness
from service.repository import LoadedModel, Repository

__all__ = ["MineralClass", "ServedModel", "UnservedModel", "summarise", "unserved_models"]


class MineralClass(BaseModel):
    """One class that a model can name."""

    code: int
    symbol: str
    name: str


class ServedModel(BaseModel):
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


class UnservedModel(BaseModel):
    """Something of the models folder that is not, not yet or no longer served."""

    name: str
    version: str | None
    """Name of its folder; null where it is about all versions, or their weights."""
    state: Literal["loading", "refused", "draining"]
    """Found and not served yet; not possible as it is; or taken out and still used by requests
    that began before."""
    reason: str


def summarise(model: LoadedModel, repository: Repository) -> ServedModel:
    """Describe a model in a few lines."""
    card = model.card
    return ServedModel(
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


def unserved_models(readiness: Readiness) -> list[UnservedModel]:
    """Describe what of the models folder is not served."""
    return [UnservedModel(**vars(one)) for one in readiness.not_served]

"""All models of the models folder at once, as at the start: one broken promise stops it."""

from __future__ import annotations

from service.repository.loaded_model import ObserveModel
from service.repository.model_folders import open_model, read_cards
from service.repository.served_models import Repository
from service.repository.traffic import read_traffic
from service.settings import Settings
from service.signed_files import read_public_key

__all__ = ["open_repository"]


def open_repository(settings: Settings, observe: ObserveModel | None = None) -> Repository:
    """Verify and open every model of the models folder.

    Parameters
    ----------
    settings : Settings
        `models_folder`, `default_model`, `model_precision`, `models_public_key` and the fields of
        `service.runtime.open_session`.
    observe : callable, optional
        Told provider, number of tiles, seconds and model of every run of a network.

    Raises
    ------
    ConfigurationError
        If there is nothing to serve, weights are not possible, or a demanded GPU is not there.
    ModelCardError
        If a folder is broken.
    """
    key = read_public_key(settings.models_public_key)
    folder = settings.models_folder
    models = [
        open_model(path, card, settings, observe, key) for path, card in read_cards(folder, key)
    ]
    traffic = {
        name: weights
        for name in {model.card.name for model in models}
        if (weights := read_traffic(folder / name)) is not None
    }
    return Repository(
        models,
        default=settings.default_model,
        precision=settings.model_precision,
        traffic=traffic,
    )

"""All models of the models folder at once, as at the start: one broken promise stops it."""

from __future__ import annotations

import logging

from petrography.errors import BucketUnavailableError, ConfigurationError
from service.bucket import Bucket
from service.repository.bucket_mirror import BucketMirror
from service.repository.loaded_model import ObserveModel
from service.repository.model_folders import open_model, read_cards, subfolders
from service.repository.served_models import Repository
from service.repository.traffic import read_traffic
from service.settings import Settings
from service.signed_files import read_public_key

__all__ = ["follow_bucket", "mirror_of", "open_models", "open_repository"]

_log = logging.getLogger("petroserve.models")


def open_repository(settings: Settings, observe: ObserveModel | None = None) -> Repository:
    """Verify and open every model of the models folder, or of the bucket in its place.

    Parameters
    ----------
    settings : Settings
        `models_folder`, `models_url`, `default_model`, `model_precision`, `models_public_key` and the fields of
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
    if (mirror := mirror_of(settings)) is not None:
        follow_bucket(mirror, settings)
    return open_models(settings, observe)


def mirror_of(settings: Settings) -> BucketMirror | None:
    """Make what follows the bucket of the models, where there is one."""
    if settings.models_url is None:
        return None
    return BucketMirror(Bucket(settings.models_url), settings.models_mirror_folder)


def follow_bucket(mirror: BucketMirror, settings: Settings) -> str | None:
    """Bring the mirror up to date; without an answer what it has is as good as can be had.

    Returns
    -------
    str or None
        Why it could not be followed.

    Raises
    ------
    ConfigurationError
        If it could not be followed and there is nothing in the mirror.
    """
    try:
        mirror.update()
    except (BucketUnavailableError, ConfigurationError, OSError) as error:
        folder = settings.models_mirror_folder
        if not (folder.is_dir() and any(any(subfolders(name)) for name in subfolders(folder))):
            msg = f"{error}; and there is no model from before in {folder}"
            raise ConfigurationError(msg) from None
        _log.warning("%s; the models from before in %s are served", error, folder)
        return str(error)
    return None


def open_models(settings: Settings, observe: ObserveModel | None = None) -> Repository:
    """Verify and open what lies in the models folder, or in the mirror.

    Raises
    ------
    ConfigurationError, ModelCardError
        As `open_repository`.
    """
    key = read_public_key(settings.models_public_key)
    folder = settings.served_models_folder
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

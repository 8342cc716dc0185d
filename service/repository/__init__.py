"""The models: found in their folder, verified before they are trusted, and replaced while served.

Only this package, on `service.runtime`, opens a model.
"""

from __future__ import annotations

from service.repository.folder_watch import Changes, FolderWatch
from service.repository.loaded_model import LoadedModel, ObserveModel
from service.repository.model_folders import read_cards
from service.repository.name_change import NotServed
from service.repository.opening import open_repository
from service.repository.served_models import Repository
from service.repository.traffic import Traffic

__all__ = [
    "Changes",
    "FolderWatch",
    "LoadedModel",
    "NotServed",
    "ObserveModel",
    "Repository",
    "Traffic",
    "open_repository",
    "read_cards",
]

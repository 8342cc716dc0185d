"""All behaviour of the service, without any protocol."""

from __future__ import annotations

from service.engine.analyses import Engine, FinishedAnalysis
from service.engine.artefact_store import ArtefactStore, OpenArtefact
from service.engine.one_image import analyse_image

__all__ = ["ArtefactStore", "Engine", "FinishedAnalysis", "OpenArtefact", "analyse_image"]

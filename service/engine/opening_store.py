"""Where results are kept: in a local folder, or in a bucket behind it."""

from __future__ import annotations

from service.bucket import Bucket
from service.engine.artefact_store import ArtefactStore
from service.engine.bucket_artefacts import BucketArtefactStore
from service.settings import Settings

__all__ = ["open_store"]


def open_store(settings: Settings) -> ArtefactStore:
    """Make the store that the settings ask for.

    Raises
    ------
    ConfigurationError
        If the URL of the bucket is none.
    """
    folder = settings.artefacts_folder
    limits = {
        "max_count": settings.artefacts_max_count,
        "max_bytes": settings.artefacts_max_bytes,
    }
    if settings.artefacts_url is None:
        return ArtefactStore(folder, **limits)
    return BucketArtefactStore(Bucket(settings.artefacts_url), folder, **limits)

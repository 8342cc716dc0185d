"""Where results are kept: in a local folder, or in a bucket behind it."""

from __future__ import annotations

from service.bucket import Bucket
from service.engine.artefact_store import ArtefactStore
from service.engine.bucket_artefacts import BucketArtefactStore
from service.engine.retention import OnRemoval, untold
from service.settings import Settings

__all__ = ["open_store"]


def open_store(settings: Settings, on_removal: OnRemoval = untold) -> ArtefactStore:
    """Make the store that the settings ask for.

    Parameters
    ----------
    settings : Settings
        Those that begin with ``artefacts`` are used.
    on_removal : callable
        Told of each result before it is removed to make room.

    Raises
    ------
    ConfigurationError
        If the URL of the bucket is none.
    """
    folder = settings.artefacts_folder
    max_count, max_bytes = settings.artefacts_max_count, settings.artefacts_max_bytes
    if settings.artefacts_url is None:
        return ArtefactStore(
            folder, max_count=max_count, max_bytes=max_bytes, on_removal=on_removal
        )
    return BucketArtefactStore(
        Bucket(settings.artefacts_url),
        folder,
        max_count=max_count,
        max_bytes=max_bytes,
        on_removal=on_removal,
    )

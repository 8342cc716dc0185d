"""Results in a store, without the work that makes them."""

from __future__ import annotations

from collections.abc import Mapping

from service.engine.artefact_store import ArtefactStore
from service.engine.kinds import Kind


def keep_files(
    store: ArtefactStore, kind: Kind, result_id: str, files: Mapping[str, bytes], owner: str = ""
) -> None:
    """Keep a result of a tenant whose files are given by name."""
    with store.draft(kind, owner) as draft:
        for name, content in files.items():
            draft.write(name, content)
        store.publish(result_id, draft)

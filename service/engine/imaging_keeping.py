"""Results that are no analyses: first on record, then kept, both in the thread that made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from petrography.errors import BucketUnavailableError, NotFoundError
from service.engine.analysing import Finished
from service.engine.artefact_store import ArtefactStore
from service.engine.auditing import Auditing
from service.engine.draft import Draft
from service.engine.kinds import Kind

__all__ = ["RecordedKeeping"]


@dataclass(frozen=True)
class RecordedKeeping:
    """Keeps results that are on record.

    Attributes
    ----------
    store : ArtefactStore
        Where they are kept.
    audit : Auditing
        Puts them on record.
    """

    store: ArtefactStore
    audit: Auditing

    def keep(
        self, kind: Kind, result_id: str, files: Mapping[str, bytes], owner: str = ""
    ) -> Finished:
        """Keep a result whose files are in memory, its document among them.

        Parameters
        ----------
        kind, owner
            As for `ArtefactStore.draft`.
        result_id : str
            As for `ArtefactStore.publish`.
        files : mapping of str to bytes
            By name.

        Raises
        ------
        AuditUnavailableError
            If it cannot be put on record; it is not kept then.
        StorageUnavailableError
            If the disk does not take it.
        """
        kept = self._kept(kind, result_id, owner)
        # What the digest of its content names is made once: a repetition answers the first, with
        # its date.
        document = files[kind.document] if kept is None else kept
        with self.store.draft(kind, owner) as draft:
            for name, content in files.items():
                if name != kind.document:
                    draft.write(name, content)
            return self.publish(kind, result_id, document, draft)

    def _kept(self, kind: Kind, result_id: str, owner: str) -> bytes | None:
        try:
            opened = self.store.open(kind, result_id, kind.document, owner)
        except (NotFoundError, BucketUnavailableError):
            return None
        with opened.file as file:
            return file.read()

    def publish(self, kind: Kind, result_id: str, document: bytes, draft: Draft) -> Finished:
        """Write the document of a draft and keep it; errors as for `keep`.

        Parameters
        ----------
        kind : Kind
            What it is.
        result_id : str
            As for `ArtefactStore.publish`.
        document : bytes
            Tells about it.
        draft : Draft
            All its other files.
        """
        draft.write(kind.document, document)
        self.audit.made(kind, result_id, document)
        self.store.publish(result_id, draft)
        return Finished(result_id, document)

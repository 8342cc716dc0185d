"""The record of an annotation: a file for every entry, none is ever written over or removed.

::

    <folder>/annotations/<id>/annotation.json      as it was begun
    <folder>/annotations/<id>/image.png            what is drawn upon
    <folder>/annotations/<id>/superpixels.npz      prepared from it
    <folder>/annotations/<id>/step.1.json          the first entry of the record
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from petrography.annotation import Stroke
from petrography.errors import DamagedResultError
from service.audit import asking
from service.engine.annotations.documents import StepEntry
from service.engine.artefact_store import ArtefactStore
from service.engine.documents import document_bytes
from service.engine.kinds import ANNOTATIONS

__all__ = ["entry_bytes", "entry_file", "new_entry", "read_entries", "standing"]


def entry_file(number: int) -> str:
    """Name the file of an entry.

    Examples
    --------
    >>> entry_file(7)
    'step.7.json'
    """
    return f"step.{number}.json"


def entry_bytes(entry: StepEntry) -> bytes:
    """Write an entry as it is kept."""
    return document_bytes(entry)


def new_entry(
    number: int, strokes: Sequence[Stroke] = (), *, takes_back: int | None = None
) -> StepEntry:
    """Describe what somebody who asks now does.

    Parameters
    ----------
    number : int
        One more than the last.
    strokes : sequence of Stroke
        What is drawn.
    takes_back : int, optional
        The step that is taken back instead.
    """
    who = asking()
    return StepEntry(
        number=number,
        id=str(uuid.uuid4()),
        made_utc=datetime.now(UTC),
        tenant=who.tenant,
        key_id=who.key_id,
        takes_back=takes_back,
        strokes=tuple(strokes),
    )


def standing(entries: Iterable[StepEntry]) -> list[StepEntry]:
    """Find the steps that were not taken back, in their order."""
    steps: list[StepEntry] = []
    for entry in entries:
        if entry.takes_back is None:
            steps.append(entry)
        else:
            steps = [one for one in steps if one.number != entry.takes_back]
    return steps


def read_entries(
    store: ArtefactStore,
    annotation_id: str,
    owner: str,
    *,
    after: int,
    go_on: Callable[[], object],
) -> list[StepEntry]:
    """Read the entries behind one, whoever wrote them.

    Parameters
    ----------
    store : ArtefactStore
        What keeps the annotation.
    annotation_id, owner : str
        Which, and whose.
    after : int
        Number of the entry; 0 for all.
    go_on : callable
        Asked at each; what it raises ends the reading.

    Raises
    ------
    AnnotationNotFoundError
        If it is not kept, or not any more.
    DamagedResultError
        If an entry is not as it was kept.
    """
    read = partial(_entries_of, store, after=after, go_on=go_on)
    found = store.within(ANNOTATIONS, annotation_id, owner, read)
    if found is None:
        raise store.not_found(ANNOTATIONS, annotation_id, ANNOTATIONS.document)
    return found


def _entries_of(
    store: ArtefactStore, folder: Path, *, after: int, go_on: Callable[[], object]
) -> list[StepEntry]:
    entries: list[StepEntry] = []
    # Numbers have no gaps, so the next one is all that is asked for: a list of ten thousand would
    # be ten requests to a bucket.
    while (content := _next_of(store, folder, after + len(entries) + 1)) is not None:
        go_on()
        entries.append(_parsed(content, folder.name, after + len(entries) + 1))
    return entries


def _next_of(store: ArtefactStore, folder: Path, number: int) -> bytes | None:
    """Read an entry, brought here if another service made it; None if nobody did."""
    path = folder / entry_file(number)
    if not path.exists() and not store.bring_added(path):
        # Without its document the folder is being removed: then nobody knows what it held.
        (folder / ANNOTATIONS.document).stat()
        return None
    return path.read_bytes()


def _parsed(content: bytes, annotation_id: str, number: int) -> StepEntry:
    try:
        entry = StepEntry.model_validate_json(content)
    except ValidationError as error:
        reason = f"it is no entry of a record: {str(error)[:200]}"
    else:
        if entry.number == number:
            return entry
        reason = f"it is entry {entry.number}"
    msg = (
        f"{entry_file(number)} of annotation {annotation_id} was changed or damaged after it was "
        f"kept: {reason}; wanted the file as it was, from a copy of the artefacts folder"
    )
    raise DamagedResultError(msg)

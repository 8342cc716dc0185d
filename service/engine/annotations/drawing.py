"""Steps of an annotation: drawn in memory, then on record, then kept; the kept ones are the truth."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from petrography.annotation import Region
from petrography.errors import ConflictError
from petrography.image_codec import encode_png
from service.engine.added_files import add_file
from service.engine.annotations.beginning import read_annotation
from service.engine.annotations.bounds import disputes_left, require_drawable
from service.engine.annotations.documents import Rectangle, StepAnswer, StepEntry
from service.engine.annotations.record import entry_bytes, entry_file, new_entry, read_entries
from service.engine.annotations.requests import StepRequest
from service.engine.annotations.session import Session
from service.engine.annotations.sessions import Key, Sessions
from service.engine.annotations.state_tags import require_state, state_tag
from service.engine.artefact_store import ArtefactStore
from service.engine.auditing import Auditing
from service.engine.course import Course
from service.engine.kinds import ANNOTATIONS

__all__ = ["Drawing", "Stepped"]

# How often somebody else may be first, each time with another step.
_TRIES = 20
_MAX_ENTRIES = 10_000
Change: TypeAlias = Callable[[Session, Callable[[StepEntry], None]], tuple[int, Region]]


@dataclass(frozen=True)
class Stepped:
    """What a change has done: the answer, and the tag of the state that it led to."""

    answer: StepAnswer
    etag: str


class Drawing:
    """Annotations of one process, each as its record says at the moment when it is asked for.

    Parameters
    ----------
    store : ArtefactStore
        Keeps them, with their records.
    audit : Auditing
        Puts every step on record before it is kept.
    memory_bytes : int
        What those that are held may take.
    """

    def __init__(self, store: ArtefactStore, audit: Auditing, *, memory_bytes: int) -> None:
        self._store = store
        self._audit = audit
        self._sessions = Sessions(memory_bytes)

    @contextmanager
    def current(self, key: Key, course: Course) -> Iterator[Session]:
        """Have an annotation as it stands, for the length of the block.

        Parameters
        ----------
        key : tuple of str
            Owner and id.
        course : Course
            Asked again and again while steps of others are read and drawn.

        Raises
        ------
        AnnotationNotFoundError
            If it is not kept.
        DamagedResultError
            If its files are not as they were kept.
        """
        owner, annotation_id = key
        begin = partial(read_annotation, self._store, annotation_id, owner)
        with self._sessions.opened(key, begin) as session:
            self._follow(session, key, course)
            yield session

    def _follow(self, session: Session, key: Key, course: Course) -> None:
        owner, annotation_id = key
        entries = read_entries(
            self._store, annotation_id, owner, after=session.state, go_on=course.go_on
        )
        session.follow(entries, course.go_on)

    def step(
        self, key: Key, request: StepRequest, if_match: Collection[str] | None, course: Course
    ) -> Stepped:
        """Draw a step.

        Parameters
        ----------
        key, course
            As for `current`; stopped work is dropped before it is kept.
        request : StepRequest
            What is drawn.
        if_match : collection of str or None
            See `require_state`.

        Raises
        ------
        InvalidParameterError
            If the strokes cannot be drawn on this annotation.
        OtherStateError
            If the annotation is in another state than wanted.
        ConflictError
            If others are faster again and again, or the record is full.
        AuditUnavailableError, BucketUnavailableError, StorageUnavailableError
            If the step cannot be put on record or kept; it is not drawn then.
        """

        def draw(session: Session, keep: Callable[[StepEntry], None]) -> tuple[int, Region]:
            begun = session.begun
            require_drawable(request.strokes, begun.shape, begun.classes, session.drawn_px)
            session.require_room(request.strokes)
            entry = new_entry(session.state + 1, request.strokes)
            began = time.perf_counter()
            most = disputes_left(request.strokes, begun.shape)
            region = session.draw(request.strokes, max_disputed=most)
            try:
                course.on_stage("annotate", time.perf_counter() - began)
                keep(entry)
            except BaseException:
                session.drop()
                raise
            session.note(entry)
            return entry.number, region

        return self._make(key, draw, if_match, course)

    def take_back(
        self, key: Key, number: int, if_match: Collection[str] | None, course: Course
    ) -> Stepped:
        """Take the last step back; parameters and errors as for `step`.

        Parameters
        ----------
        number : int
            Of the last step that stands.

        Raises
        ------
        NothingToUndoError, ConflictError
            If none stands, or another is the last.
        """

        def undo(session: Session, keep: Callable[[StepEntry], None]) -> tuple[int, Region]:
            session.require_last(number)
            entry = new_entry(session.state + 1, takes_back=number)
            keep(entry)
            return number, session.take_back(entry, course.go_on)

        return self._make(key, undo, if_match, course)

    def _make(
        self, key: Key, change: Change, if_match: Collection[str] | None, course: Course
    ) -> Stepped:
        """Make a change on top of what others did meanwhile."""
        tries = 0
        while True:
            try:
                with self.current(key, course) as session:
                    require_state(key[1], session.state, if_match)
                    _require_room(session)
                    number, region = change(session, partial(self._keep, key, course))
                    return _stepped(session, number, region)
            except _TakenError:
                tries += 1
                if tries == _TRIES:
                    raise

    def _keep(self, key: Key, course: Course, entry: StepEntry) -> None:
        """Keep an entry that nobody else has."""
        owner, annotation_id = key
        content, name = entry_bytes(entry), entry_file(entry.number)
        # The last moment at which a client that has gone leaves nothing behind.
        course.go_on()
        self._audit.annotated(annotation_id, entry.number, content)
        try:
            add_file(self._store, ANNOTATIONS, annotation_id, name, content, owner, what="a step")
        except ConflictError as error:
            raise _TakenError(str(error)) from error


class _TakenError(ConflictError):
    """Somebody else has made the entry of this number."""


def _require_room(session: Session) -> None:
    if session.state >= _MAX_ENTRIES:
        msg = (
            f"the record of annotation {session.begun.id} has {session.state} entries, the most "
            "that are kept; wanted a new annotation of the same photograph"
        )
        raise ConflictError(msg)


def _stepped(session: Session, number: int, region: Region) -> Stepped:
    changed = session.drawn.labels[region.slices]
    answer = StepAnswer(
        step=number,
        changed=Rectangle(**region._asdict()),
        labels_png=base64.b64encode(encode_png(changed)).decode() if changed.size else None,
        **dict(session.figures()),
    )
    return Stepped(answer, state_tag(session.begun.id, session.state))

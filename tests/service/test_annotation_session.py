"""An annotation in memory follows its record, however it is told of it; the cache stays bounded."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.annotation import Annotation, Stroke, Superpixels, prepare
from petrography.errors import ConflictError, DamagedResultError, InvalidParameterError
from petrography.image_codec import decode_image
from service.engine.annotations.bounds import disputes_left, ink_px, portions, require_drawable
from service.engine.annotations.documents import AnnotationDocument, OfferedClass, StepEntry
from service.engine.annotations.record import new_entry, standing
from service.engine.annotations.session import Session
from service.engine.annotations.sessions import Sessions
from service.engine.input_digests import InputDigests
from tests.annotated import EVERY_SQUARE, PHOTOGRAPH

STROKES = [Stroke.model_validate(one) for one in EVERY_SQUARE]
OFFERED = [OfferedClass(code=1, symbol="Ccp", name="chalcopyrite", colour="#ffd228")]
SHAPE = (2547, 3396)


@cache
def superpixels() -> Superpixels:
    return prepare(decode_image(PHOTOGRAPH).pixels)


def session() -> Session:
    begun = AnnotationDocument.model_construct(
        id="8e03978e-40d5-43dd-bc93-6894a57f9324",
        shape=superpixels().shape,
        image=InputDigests(name="field.png", sha256="0" * 64, pixels_sha256=None),
    )
    return Session(begun, superpixels())


def go_on() -> None:
    pass


def entries_of(moves: list[int]) -> list[StepEntry]:
    """A record: a number from 0 draws the stroke, -1 takes the last step back."""
    entries: list[StepEntry] = []
    for move in moves:
        left = standing(entries)
        if move >= 0:
            entries.append(new_entry(len(entries) + 1, [STROKES[move]]))
        elif left:
            entries.append(new_entry(len(entries) + 1, takes_back=left[-1].number))
    return entries


@settings(max_examples=60)
@given(
    st.lists(st.integers(-1, len(STROKES) - 1), max_size=12),
    st.lists(st.integers(1, 4), max_size=12),
)
def test_a_record_gives_the_same_labels_however_it_arrives(
    moves: list[int], sizes: list[int]
) -> None:
    entries = entries_of(moves)
    wanted = Annotation(superpixels())
    for entry in standing(entries):
        wanted.draw(entry.strokes)
    told, done = session(), session()
    for size in [*sizes, *[len(entries)] * 2]:
        told.follow(entries[told.state : told.state + size], go_on)
    for entry in entries:
        if entry.takes_back is None:
            done.draw(entry.strokes)
            done.note(entry)
        else:
            done.require_last(entry.takes_back)
            done.take_back(entry, go_on)

    for one in (told, done):
        assert np.array_equal(one.drawn.labels, wanted.labels)
        assert np.array_equal(one.drawn.confidence, wanted.confidence)
        assert np.array_equal(one.drawn.origin, wanted.origin)
        assert (one.state, one.figures().steps) == (len(entries), len(standing(entries)))
        labelled = wanted.labels != 255
        assert one.figures().annotated_fraction == pytest.approx(labelled.mean())


def test_what_is_taken_back_shows_in_the_region_that_is_told() -> None:
    entries = entries_of([0, 5, 7])
    told = session()
    told.follow(entries, go_on)
    for number in (3, 2, 1):
        before = told.drawn.labels.copy(), told.drawn.confidence.copy()
        region = told.take_back(new_entry(told.state + 1, takes_back=number), go_on)
        after = told.drawn.labels, told.drawn.confidence
        outside = np.ones(told.begun.shape, dtype=bool)
        outside[region.slices] = False
        assert not region.is_empty
        for one, other in zip(before, after, strict=True):
            assert np.array_equal(one[outside], other[outside])
    assert (told.drawn.labels == 255).all()


def test_only_the_last_step_that_stands_is_taken_back() -> None:
    told = session()
    told.follow(entries_of([0, 1, -1]), go_on)

    with pytest.raises(ConflictError, match="only the last step that stands can, 1"):
        told.require_last(2)
    told.require_last(1)


def stopped_after(count: int) -> Callable[[], None]:
    """Let work go on so many times."""
    left = iter(range(count))

    def asked() -> None:
        if next(left, None) is None:
            raise CancelledError

    return asked


@pytest.mark.parametrize("count", range(5))
def test_a_record_that_is_drawn_anew_and_stopped_is_not_drawn(count: int) -> None:
    # More than a step may draw: in two portions, and then one by one.
    long = [across(1.0, superpixels().shape)] * 1001
    entries = [new_entry(1, long), *(new_entry(number, [STROKES[0]]) for number in range(2, 12))]
    told = session()
    with pytest.raises(CancelledError):
        told.follow(entries, stopped_after(count))
    assert (told.state, told.figures().steps, told.drawn.step_count) == (0, 0, 0)
    assert (told.drawn.labels == 255).all()

    told.follow(entries, go_on)
    wanted = Annotation(superpixels())
    for part in (long[:1000], long[1000:], STROKES[:1]):
        wanted.draw(part)
    assert told.state == 11
    assert np.array_equal(told.drawn.labels, wanted.labels)


def test_taking_back_that_is_stopped_leaves_the_session_as_it_was() -> None:
    told = session()
    told.follow(entries_of(list(range(10))), go_on)
    for number in range(10, 2, -1):
        told.take_back(new_entry(told.state + 1, takes_back=number), go_on)
    before, state = told.drawn.labels.copy(), told.state
    back = new_entry(state + 1, takes_back=2)
    with pytest.raises(CancelledError):
        told.take_back(back, stopped_after(0))
    assert (told.state, told.figures().last_step) == (state, 2)
    assert np.array_equal(told.drawn.labels, before)

    # On record it is all the same: then it is followed.
    told.follow([back], go_on)
    assert (told.state, told.figures().last_step) == (state + 1, 1)


def test_following_that_is_stopped_ends_behind_an_entry() -> None:
    told, entries = session(), entries_of([0, 1, -1, 2])
    with pytest.raises(CancelledError):
        told.follow(entries, stopped_after(2))
    assert (told.state, told.figures().steps) == (2, 2)
    told.follow(entries[2:], go_on)
    wanted = Annotation(superpixels())
    wanted.draw([STROKES[0], STROKES[2]])
    assert np.array_equal(told.drawn.labels, wanted.labels)


def test_a_few_steps_of_others_are_drawn_on_what_there_is() -> None:
    told, entries = session(), entries_of([0, 1, 2, -1, 3])
    told.follow(entries[:1], go_on)
    drawn = told.drawn
    told.follow(entries[1:], go_on)
    assert told.drawn is drawn


def test_a_record_that_cannot_be_drawn_is_damaged() -> None:
    beyond = new_entry(1, [Stroke(code=1, points=((500.0, 0.0),))])
    with pytest.raises(DamagedResultError, match="cannot be drawn again"):
        session().follow([beyond], go_on)


# bounds ------------------------------------------------------------------------------------------


def across(width_px: float, shape: tuple[int, int] = SHAPE) -> Stroke:
    last = shape[0] - 1.0, shape[1] - 1.0
    return Stroke(code=1, points=((0.0, 0.0), last), width_px=width_px)


DOT = Stroke(code=1, points=((1.0, 1.0),))
# Much ink in a small rectangle.
ZIGZAG = Stroke(code=1, points=tuple((2000.0 * (k % 2), 1.0 + k) for k in range(800)))


@pytest.mark.parametrize(
    ("strokes", "drawn_px", "word"),
    [
        ([across(1.0)] * 8, 0.0, "rectangles around"),
        ([across(500.0)] * 7, 0.0, "the strokes of the step"),
        # Either of the two would be taken by itself.
        ([across(1.0)] * 6 + [ZIGZAG] * 3, 0.0, "the first 6 of 9 strokes"),
        ([across(5.0)], 1e8, "all strokes of the annotation"),
        ([Stroke(code=2, points=((1.0, 1.0),))], 0.0, "code 2"),
        ([Stroke(code=1, points=((1e308, 1.0),))], 0.0, "row 1e[+]308"),
    ],
)
def test_too_much_is_refused_before_it_is_drawn(
    strokes: list[Stroke], drawn_px: float, word: str
) -> None:
    with pytest.raises(InvalidParameterError, match=word):
        require_drawable(strokes, SHAPE, OFFERED, drawn_px)
    require_drawable([across(5.0)] * 7, SHAPE, OFFERED, 0.0)
    require_drawable([Stroke(code=None, points=((1.0, 1.0),))], SHAPE, OFFERED, 0.0)


@pytest.mark.parametrize("strokes", [[across(1.0)] * 6 + [ZIGZAG] * 3, [across(500.0)] * 7])
def test_what_a_refusal_says_would_be_taken_is(strokes: list[Stroke]) -> None:
    with pytest.raises(InvalidParameterError) as refused:
        require_drawable(strokes, SHAPE, OFFERED, 0.0)
    found = re.search(r"wanted the first ([0-9]+) of", str(refused.value))
    assert found is not None
    count = int(found[1])
    require_drawable(strokes[:count], SHAPE, OFFERED, 0.0)
    with pytest.raises(InvalidParameterError):
        require_drawable(strokes[: count + 1], SHAPE, OFFERED, 0.0)


def test_who_draws_much_may_dispute_little() -> None:
    assert disputes_left([DOT], SHAPE) == 2999
    assert disputes_left([across(1.0)] * 7, SHAPE) < 200


@given(st.lists(st.sampled_from([DOT, across(1.0), across(200.0)]), max_size=40))
def test_portions_of_a_record_are_its_strokes_and_none_is_more_than_a_step(
    strokes: list[Stroke],
) -> None:
    parts = list(portions(strokes, SHAPE))
    assert [one for part in parts for one in part] == strokes
    for part in parts:
        require_drawable(part, SHAPE, OFFERED, 0.0)
    for part, after in pairwise(parts):
        with pytest.raises(InvalidParameterError):
            require_drawable([*part, after[0]], SHAPE, OFFERED, 0.0)


@given(
    st.lists(st.tuples(st.floats(5.0, 110.0), st.floats(5.0, 150.0)), min_size=1, max_size=5),
    st.floats(1.0, 9.0),
)
def test_ink_is_never_thought_less_than_it_is(
    points: list[tuple[float, float]], width_px: float
) -> None:
    one = Stroke(code=1, points=tuple(points), width_px=width_px, exact=True)
    annotation = Annotation(superpixels())
    annotation.draw([one])

    assert np.count_nonzero(annotation.origin) <= ink_px([one], superpixels().shape)


# the cache ---------------------------------------------------------------------------------------


def test_the_least_used_goes_first_and_the_last_one_stays() -> None:
    sessions, made = Sessions(2 * session().size_bytes), []

    def used(name: str) -> None:
        def begin() -> Session:
            made.append(name)
            return session()

        with sessions.opened(("", name), begin):
            pass

    for name in ("a", "b", "a", "c", "a", "b"):
        used(name)
    assert made == ["a", "b", "c", "b"]
    made.clear()
    sessions = Sessions(1)
    for name in ("a", "a", "b", "a"):
        used(name)
    assert made == ["a", "b", "a"]


def test_what_failed_in_an_unknown_state_is_begun_anew() -> None:
    sessions, made = Sessions(10**9), []

    def begin() -> Session:
        made.append(session())
        return made[-1]

    for error, count in ((ConflictError("refused"), 1), (MemoryError("full"), 2)):
        with pytest.raises(type(error)), sessions.opened(("", "a"), begin):
            raise error
        with sessions.opened(("", "a"), begin):
            assert len(made) == count


def test_one_annotation_is_used_by_one_thread_at_a_time() -> None:
    sessions, inside, most = Sessions(10**9), [0], [0]
    held: list[Any] = [session()]

    def use() -> None:
        with sessions.opened(("", "a"), lambda: held[0]):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            threading.Event().wait(0.005)
            inside[0] -= 1

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_what_was_taken_back_counts_against_the_room_of_a_record_and_its_memory() -> None:
    line = Stroke(code=1, points=((5.0, 5.0),) * 10_000, width_px=1.0)
    moved, empty = session(), session()
    step = new_entry(1, [line])
    moved.follow([step, new_entry(2, takes_back=1)], go_on)
    assert moved.drawn_px == 0
    assert moved.size_bytes - empty.size_bytes > 1_000_000
    moved.require_room([line] * 99)
    with pytest.raises(ConflictError, match=r"10000 points.* at most 1000000"):
        moved.require_room([line] * 100)

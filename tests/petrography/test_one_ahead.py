"""Work that is one item ahead of who takes it: same order, one at a time, and it stops."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from petrography.segmentation.one_ahead import one_ahead

WAIT_S = 10.0


class Maker:
    """Squares numbers and remembers which, and how many at once."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.at_once = self.most_at_once = 0
        self.begun = {number: threading.Event() for number in range(10)}

    def __call__(self, number: int) -> int:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.begun[number].set()
        if number == 7:
            msg = "seven"
            raise ValueError(msg)
        self.made.append(number)
        self.at_once -= 1
        return number * number


@pytest.mark.parametrize("count", [0, 1, 2, 6])
def test_everything_is_made_once_and_in_order(count):
    maker = Maker()
    assert list(one_ahead(maker, range(count))) == [number**2 for number in range(count)]
    assert maker.made == list(range(count))
    assert maker.most_at_once <= 1


def test_the_next_is_made_while_the_last_is_used():
    maker = Maker()
    results = one_ahead(maker, range(4))
    assert next(results) == 0
    assert maker.begun[1].wait(WAIT_S)
    results.close()


def test_never_more_than_one_ahead():
    maker = Maker()
    results = one_ahead(maker, range(6))
    for taken in range(1, 6):
        next(results)
        assert len(maker.made) <= taken + 1
    results.close()


def test_what_was_raised_comes_where_its_result_would_and_ends_it():
    maker = Maker()
    results = one_ahead(maker, [5, 6, 7, 8, 9])
    assert [next(results), next(results)] == [25, 36]
    with pytest.raises(ValueError, match="seven"):
        next(results)
    assert 9 not in maker.made
    assert list(results) == []


def test_nothing_is_made_after_closing():
    maker = Maker()
    results = one_ahead(maker, range(10)[:6])
    next(results)
    results.close()
    made = list(maker.made)
    assert len(made) <= 2
    assert not any(thread.name.startswith("one-ahead") for thread in threading.enumerate())


def test_it_is_made_in_the_context_of_who_asked():
    name: ContextVar[str] = ContextVar("name", default="nobody")
    name.set("caller")
    assert list(one_ahead(lambda _: name.get(), range(3))) == ["caller"] * 3

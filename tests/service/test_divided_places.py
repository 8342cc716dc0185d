"""Places of requests: bounded, and not all of one tenant where others come."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petrography.errors import OverloadedError
from service.engine.admission import Admission
from service.engine.divided_places import DividedPlaces
from service.telemetry import Telemetry


class Clock:
    """Seconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def filled_by(places: DividedPlaces, tenant: str) -> int:
    """Let a tenant take what it may; returns how many."""
    taken = 0
    while places.has_one_for(tenant):
        places.take(tenant)
        taken += 1
    return taken


def test_a_tenant_that_comes_alone_holds_all() -> None:
    places = DividedPlaces(11)
    assert filled_by(places, "a") == 11
    assert places.kept_from("a") == 0


def test_the_last_quarter_is_for_those_who_hold_less_than_it() -> None:
    places = DividedPlaces(12)
    assert places.has_one_for("b")
    assert filled_by(places, "a") == 9
    assert places.kept_from("a") == 3
    assert filled_by(places, "b") == 3
    assert not places.has_one_for("c")
    places.give_back("b")
    assert not places.has_one_for("a")
    assert places.has_one_for("c")


def test_who_is_refused_finds_a_place_as_soon_as_one_is_free() -> None:
    places = DividedPlaces(8)
    assert filled_by(places, "a") == 8
    assert not places.has_one_for("b")
    places.give_back("a")
    assert not places.has_one_for("a")
    assert places.has_one_for("b")


def test_others_who_came_long_ago_keep_nothing_back() -> None:
    clock = Clock()
    places = DividedPlaces(8, clock)
    assert places.has_one_for("b")
    assert filled_by(places, "a") == 6
    clock.now_s = 601.0
    assert filled_by(places, "a") == 2


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60),
)
def test_never_more_than_there_are_and_few_are_refused_by_full_places_alone(
    count: int, moves: list[tuple[str, bool]]
) -> None:
    places, held = DividedPlaces(count), Counter[str]()
    for tenant, comes in moves:
        if not comes:
            if held[tenant]:
                places.give_back(tenant)
                held[tenant] -= 1
            continue
        free = count - held.total()
        admitted = places.has_one_for(tenant)
        assert not admitted or free > 0
        assert admitted or free == 0 or held[tenant] >= count // 4
        if admitted:
            places.take(tenant)
            held[tenant] += 1
    assert places.taken == held.total()


def test_the_refusal_says_whose_the_last_places_are_and_jobs_take_none() -> None:
    admission = Admission(concurrent=1, queue_length=3, telemetry=Telemetry())
    with admission.place("b"):
        pass
    with (
        admission.further_place(),
        admission.place("a"),
        admission.place("a"),
        admission.place("a"),
    ):
        assert admission.taken == 4
        with (
            pytest.raises(OverloadedError, match="last 1 from others than you, who have 3"),
            admission.place("a"),
        ):
            pytest.fail("the place of others was given away")
        with (
            admission.place("b"),
            pytest.raises(OverloadedError, match=r"5 are accepted at a time$"),
            admission.place("a"),
        ):
            pytest.fail("there were more than places")

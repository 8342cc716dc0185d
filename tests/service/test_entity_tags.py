"""Entity tags of conditions, as RFC 9110 writes and compares them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.entity_tags import is_known, is_wanted, stated_tags

# Section 8.8.3.2: two tags, whether they are the same strongly, and weakly.
COMPARED = [
    ('W/"1"', 'W/"1"', False, True),
    ('W/"1"', 'W/"2"', False, False),
    ('W/"1"', '"1"', False, True),
    ('"1"', '"1"', True, True),
]
CHARACTERS = [chr(one) for one in (0x21, *range(0x23, 0x7F), *range(0x80, 0x100))]
TAGS = st.builds('{}"{}"'.format, st.sampled_from(["", "W/"]), st.text(CHARACTERS, max_size=6))


@pytest.mark.parametrize(("stated", "here", "strongly", "weakly"), COMPARED)
def test_the_table_of_comparisons(stated: str, here: str, strongly: bool, weakly: bool) -> None:
    assert is_wanted([stated], {here}) is strongly
    assert is_known([stated], {here}) is weakly


@given(st.lists(TAGS, min_size=1), st.sampled_from([",", ", ", " ,\t", ",, "]), st.booleans())
def test_a_list_is_read_as_it_was_written(tags: list[str], gap: str, in_lines: bool) -> None:
    assert stated_tags(tags if in_lines else [gap.join(tags)]) == tuple(tags)


def test_a_comma_between_quotes_parts_nothing() -> None:
    assert is_wanted(['"a,b"'], {'"a,b"'})
    assert is_known(['"z", W/"a,b", "c"'], {'"a,b"'})
    for part in ('"a', 'b"', '"a"', '"b"'):
        assert not is_known(['"a,b"'], {part})


def test_every_state_is_stated_alone() -> None:
    assert is_wanted(["*"], {'"1"'})
    assert is_known([" * "], {'"1"'})
    for mixed in ('"2", *', "*, *", '*"1"', '"*"'):
        assert not is_wanted([mixed], {'"1"'})
        assert not is_known([mixed], {'"1"'})


@pytest.mark.parametrize(
    "broken", ["", " ", "1", '"1', '1"', '"1" "2"', '"1", 2', 'w/"1"', 'W/ "1"', '"a b"', '"1";q=1']
)
def test_what_is_no_tag_is_that_of_nothing(broken: str) -> None:
    here = {'"1"', '"2"', "1", "", '"a b"'}
    assert stated_tags([broken]) == ()
    assert not is_wanted([broken], here)
    assert not is_known([broken], here)


def test_without_a_condition_everything_is_wanted_and_nothing_known() -> None:
    assert is_wanted([], {'"1"'})
    assert not is_known([], {'"1"'})


def test_a_long_field_is_read_in_a_moment() -> None:
    assert len(stated_tags([", ".join(['"1"'] * 20_000)])) == 20_000
    assert stated_tags(['"1"' + " ," * 20_000 + "x"]) == ()

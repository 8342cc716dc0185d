from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petrography.errors import InvalidParameterError
from petrography.minerals import (
    ASSOCIATIONS,
    MINERALS,
    class_index_table,
    is_ore,
    mineral,
    palette,
    parse_association,
)

ALL_TEN = (0, 1, 2, 3, 4, 5, 6, 7, 8, 11)


@pytest.mark.parametrize(
    ("code", "symbol"),
    [
        *[(0, "Bg"), (1, "Ccp"), (2, "Gn"), (3, "Mag"), (4, "Bn"), (5, "Po"), (6, "Py/Mrc")],
        *[(7, "Pn"), (8, "Sp"), (11, "Tnt/Ttr"), (14, "Au"), (32, "Qz"), (37, "Res")],
    ],
)
def test_codes_never_change(code, symbol):
    assert mineral(code).symbol == symbol


def test_every_phase_can_be_told_apart_on_screen():
    colours = [phase.colour_rgb for phase in MINERALS.values()]
    symbols = [phase.symbol for phase in MINERALS.values()]
    assert len(set(colours)) == len(set(symbols)) == len(MINERALS)
    assert palette().shape == (256, 3)
    assert all(tuple(palette()[code]) == phase.colour_rgb for code, phase in MINERALS.items())


def test_ore_minerals_have_what_mass_and_assay_need():
    for phase in MINERALS.values():
        if phase.ore:
            assert phase.density_g_cm3 is not None
            assert 2.0 < phase.density_g_cm3 < 20.0
            assert re.fullmatch(r"([A-Z][a-z]?[0-9.]*)+", phase.formula)
    assert not is_ore(0)
    assert is_ore(1)


@pytest.mark.parametrize(("code", "message"), [(15, "no mineral has code 15"), (255, "255")])
def test_an_unknown_code_is_named(code, message):
    with pytest.raises(InvalidParameterError, match=message):
        mineral(code)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("S1", ASSOCIATIONS["S1"]),
        (" s2 ", ASSOCIATIONS["S2"]),
        ("S3", (0, 1, 2, 3, 4, 6, 8)),  # what of it a ten-class model knows
        ("Ccp,Py/Mrc", (0, 1, 6)),
        ("ccp, 5 ,SP", (0, 1, 5, 8)),
        ("0,1", (0, 1)),
    ],
)
def test_reads_an_association(text, expected):
    assert parse_association(text, classes=ALL_TEN) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names ''"),
        ("S9", "names 'S9'; wanted one of S1, S2, S3"),
        ("Ccp;Py", "names 'Ccp;Py'"),
        ("-1", "names '-1'"),
        ("99", "no mineral has code 99"),
        ("9", "asks for Apy; the model knows Bg, Ccp, Gn, Mag, .*; give some of these"),
        ("Ccp,9", "asks for Ccp, Apy; the model knows"),
        ("0", "besides background"),
        ("Bg", "besides background"),
        ("²", "names '²'"),
    ],
)
def test_an_impossible_association_is_refused(text, message):
    with pytest.raises(InvalidParameterError, match=message):
        parse_association(text, classes=ALL_TEN)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        chosen = parse_association(text, classes=ALL_TEN)
    except InvalidParameterError:
        return
    assert 0 in chosen
    assert set(chosen) <= set(ALL_TEN)
    assert list(chosen) == sorted(chosen, key=ALL_TEN.index)


@given(st.sets(st.sampled_from(ALL_TEN[1:]), min_size=1))
def test_codes_written_out_are_read_back(codes):
    text = ",".join(map(str, codes))
    assert set(parse_association(text, classes=ALL_TEN)) == codes | {0}
    assert np.all(np.diff(parse_association(text, classes=ALL_TEN)) > 0)


def test_a_subset_without_a_mineral_of_the_model_is_refused():
    with pytest.raises(
        InvalidParameterError, match=r"asks for Bg, Ccp, .*; the model knows Bg, Qz"
    ):
        parse_association("S2", classes=(0, 32))


@given(st.lists(st.sampled_from(ALL_TEN), min_size=1, unique=True), st.integers(0, 255))
def test_class_indices_lead_back_to_the_codes(codes, other):
    table = class_index_table(codes, other=other)
    assert [codes[index] for index in table[codes]] == codes
    assert set(np.delete(table, codes).tolist()) == {other}


@pytest.mark.parametrize("codes", [(), (0, 255), (-1, 1), (1, 2, 1)])
def test_impossible_classes_are_refused(codes):
    with pytest.raises(InvalidParameterError, match="wanted at least one code of 0-254, each once"):
        class_index_table(codes, other=255)

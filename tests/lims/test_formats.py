"""What laboratories are given as files and messages: SENAITE's 2-D CSV, EDD, LIS2-A2."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import InvalidParameterError
from petrography.report import Contacts, Result, Sample
from petrography.report.texture_models import (
    Liberation,
    LockingPercent,
    ParticleLiberation,
    ParticleMineral,
)
from service.lims import (
    LONG_COLUMNS,
    WIDE_COLUMNS,
    LimsProfile,
    Reported,
    SampleInLims,
    check_two_dimension,
    detection_limit_percent,
    frames,
    lis2_message,
    long_csv,
    parse_profile,
    reported,
    two_dimension_csv,
    wide_csv,
)
from tests.lims.lis2_reader import read_frames, read_message
from tests.lims.painted_results import painted_labels, painted_result

SENT = datetime(2026, 11, 20, 22, 15, 30, tzinfo=UTC)
HOSTILE = st.text(max_size=40)
RESULT = painted_result()
BAD_FOR_2D = ["=1+1", "+7", "-1", "@x", "a,b", "a;b", 'a"b', "a\nb", "a\tb", " a", "end", "end-1"]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def numbers_of(result: Result, profile: LimsProfile | None = None) -> dict[str, Reported]:
    listed = reported(result) if profile is None else reported(result, profile)
    return {one.keyword: one for one in listed}


def test_painted_areas_are_reported_with_unit_decimals_and_uncertainty() -> None:
    numbers = numbers_of(painted_result())
    labels = painted_labels()
    percent = 100.0 * (labels == 1).mean()
    assert numbers["MOD_CCP"].text == f"{percent:.2f}" == "16.67"
    assert numbers["MOD_CCP"].unit == "%"
    known = painted_result().modal[1].uncertainty
    assert known is not None
    assert 0.0 <= float(numbers["MOD_CCP"].uncertainty_text) - known.expanded_pp < 0.01
    assert known.degrees_of_freedom is not None
    freedom = f"{known.degrees_of_freedom:.0f} degrees of freedom"
    assert numbers["MOD_CCP"].coverage == f"k = 2, {freedom}: sampling"
    # Squares of 20 px at 0.5 um: the circle of equal area.
    assert float(numbers["GS_P80_CCP"].text) == pytest.approx(11.28, abs=0.06)
    assert numbers["GS_P80_CCP"].unit == "um"
    assert numbers["ANALYSED_AREA"].text == "0.019"


def test_without_a_budget_the_widest_interval_is_taken() -> None:
    result = painted_result()
    without = {"uncertainty": None, "ci95": (16.0, 18.0)}
    entry = result.modal[1].model_copy(update=without)
    number = numbers_of(result.model_copy(update={"modal": (entry,)}))["MOD_CCP"]
    assert (number.uncertainty_text, number.coverage) == ("1.34", "95 %, sampling only")
    wider = entry.model_copy(update={"total_ci95": (10.0, 30.0)})
    number = numbers_of(result.model_copy(update={"modal": (wider,)}))["MOD_CCP"]
    assert number.uncertainty_text == "13.34"
    assert "map errors" in number.coverage


def test_elements_are_reported_with_their_intervals() -> None:
    result = painted_result()
    numbers = {one.keyword: one for one in reported(result)}
    assert result.element_ci95
    for element, (low, high) in result.element_ci95.items():
        percent = (result.element_percent or {})[element]
        one = numbers[f"EL_{element.upper()}"]
        assert one.uncertainty == pytest.approx(max(percent - low, high - percent))
        assert one.coverage == "95 %, sampling only"
    without = {one.keyword: one for one in reported(painted_result(element_ci95=None))}
    assert without["EL_CU"].uncertainty is None


def test_grades_of_gold_are_reported_to_the_gram_a_tonne() -> None:
    result = painted_result(
        element_percent={"Cu": 12.345, "Au": 0.0448}, element_ci95={"Au": (0.0191, 0.08875)}
    )
    numbers = {one.keyword: one for one in reported(result)}
    assert (numbers["EL_CU"].number, numbers["EL_AU"].number) == ("12.34", "0.0448")
    assert numbers["EL_AU"].uncertainty_text == "0.0440"


def test_what_was_looked_for_and_not_found_is_less_than_the_limit() -> None:
    result = painted_result()
    limit = detection_limit_percent(result)
    assert limit is not None
    galena = numbers_of(result)["MOD_GN"]
    assert galena.below_limit
    assert galena.uncertainty_text == ""
    # Rounded up: a limit must not promise more than it holds.
    assert 0.0 <= float(galena.number) - limit < 0.01
    assert "MOD_APY" not in numbers_of(result)


def test_the_limit_that_knows_what_the_map_misses_is_reported() -> None:
    result = painted_result()
    missed = result.not_found[0].model_copy(update={"map_upper_percent": 12.3456})
    found = {
        one.keyword: one for one in reported(result.model_copy(update={"not_found": (missed,)}))
    }
    (limit,) = (one for one in found.values() if one.below_limit)
    assert (limit.value, limit.detection_limit, limit.text) == (12.3456, 12.3456, "<12.35")


def test_shared_boundaries_and_liberated_particles_are_reported() -> None:
    contacts = Contacts(
        codes=(0, 1, 8),
        length_px=((0.0, 5.0, 5.0), (5.0, 0.0, 15.0), (5.0, 15.0, 0.0)),
        association_percent=((0.0, 50.0, 50.0), (25.0, 0.0, 75.0), (25.0, 75.0, 0.0)),
    )
    percent = LockingPercent(liberated=100.0, binary=0.0, ternary=0.0, complex=0.0)
    mineral = ParticleMineral(
        composition_percent=(0.0,) * 10,
        free_surface_percent=(0.0,) * 10,
        liberated_percent={"80": 70.0, "90": 62.5, "95": 10.0},
        locking_percent=percent,
    )
    particles = ParticleLiberation(particles=9, below_minimum=0, minerals={"Ccp": mineral})
    liberation = Liberation(particles=particles, intact_ore_potential=None)
    numbers = numbers_of(painted_result(contacts=contacts, liberation=liberation))
    found = {name: one.text for name, one in numbers.items() if name[:3] in {"LIB", "ASS"}}
    assert found == {"LIB90_CCP": "62.5", "ASSOC_CCP_SP": "75.0", "ASSOC_SP_CCP": "75.0"}


def test_without_a_scale_nothing_physical_is_reported() -> None:
    keywords = numbers_of(painted_result(um_per_px=None)).keys()
    assert not {key for key in keywords if key.startswith(("GS_", "PX_", "ANALYSED"))}


def test_the_interval_of_p80_is_its_uncertainty() -> None:
    grains = RESULT.grains["Ccp"]
    assert grains.ecd_um is not None
    sizes = grains.ecd_um.model_copy(update={"area_p80": 11.0})
    known = grains.model_copy(update={"ecd_um": sizes, "p80_ci95_um": (10.0, 14.04)})
    numbers = numbers_of(RESULT.model_copy(update={"grains": {"Ccp": known}}))
    assert numbers["GS_P80_CCP"].uncertainty_text == "3.1"
    assert numbers["GS_D50_CCP"].uncertainty_text == ""


def test_a_profile_renames_rounds_and_limits() -> None:
    profile = parse_profile(
        'only_named = true\n[keywords]\nMOD_CCP = "PETRO.CCP"\nMOD_SP = "SP"\n'
        "[decimals]\nMOD_CCP = 4\n[reporting_limits]\nMOD_SP = 10.0\n",
        source="lab.toml",
    )
    numbers = numbers_of(painted_result(), profile)
    assert {name: one.text for name, one in numbers.items()} == {
        "PETRO.CCP": "16.6667",
        "SP": "<10.00",
    }


def test_two_numbers_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="two numbers are called MOD_CCP"):
        reported(RESULT, LimsProfile(keywords={"MOD_SP": "MOD_CCP"}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keywords = ", "no TOML"),
        ('[keywords]\nMOD_CCP = "a,b"', "keywords.MOD_CCP"),
        ('[keywords]\nMOD_CCP = "A"\nMOD_SP = "A"', "two standard keywords"),
        ("[decimals]\nMOD_CCP = -1", "decimals.MOD_CCP"),
        ("[reporting_limits]\nMOD_CCP = inf", "reporting_limits.MOD_CCP"),
        ("metod = 'x'", "metod"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidParameterError, match=said):
        parse_profile(text, source="lab.toml")


def test_two_dimension_csv_is_taken_by_the_rules_of_senaite() -> None:
    text = two_dimension_csv([painted_result("SEC-0001"), painted_result("SEC-0002")])
    lines = text.splitlines()
    assert lines[0].startswith(",MOD_BG,")
    assert lines[0].endswith(",end")
    assert {line.count(",") for line in lines} == {lines[0].count(",")}
    verdicts = check_two_dimension(text)
    assert {verdict.outcome for verdict in verdicts} == {"taken", "skipped"}
    taken = {(one.sample, one.keyword): one.value for one in verdicts if one.value is not None}
    assert taken["SEC-0002", "MOD_CCP"] == 16.67
    assert taken["SEC-0002", "MOD_GN"] == 0.0
    assert len(taken) == 2 * len(numbers_of(painted_result()))


@pytest.mark.parametrize("name", BAD_FOR_2D)
def test_a_name_that_the_format_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameterError, match="sample id"):
        two_dimension_csv([painted_result(name)])


@settings(deadline=None)
@given(HOSTILE)
def test_whatever_name_is_written_comes_back_as_one_row(name: str) -> None:
    result = RESULT.model_copy(update={"sample": Sample.model_construct(id=name)})
    try:
        text = two_dimension_csv([result])
    except InvalidParameterError:
        return
    (row,) = {one.sample for one in check_two_dimension(text) if one.value is not None}
    assert row == name
    assert not name.startswith(("=", "+", "-", "@"))


def test_two_results_of_one_sample_and_rejected_ones_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="two results are of sample SEC-0001"):
        two_dimension_csv([painted_result(), painted_result()])
    with pytest.raises(InvalidParameterError, match="rejected"):
        two_dimension_csv([painted_result(status="rejected")])
    with pytest.raises(InvalidParameterError, match="names no sample"):
        two_dimension_csv([painted_result(None)])


LIMS = {
    "S1": SampleInLims(
        "sample_received",
        (
            ("A", "unassigned", False),
            ("B", "to_be_verified", True),
            ("C", "verified", True),
            ("D", "unassigned", False),
            ("D", "unassigned", False),
        ),
    ),
    "S2": SampleInLims("published", (("A", "published", True),)),
    "S3": SampleInLims("sample_received", (("A", "unassigned", False),), frozenset({"A"})),
}


@pytest.mark.parametrize(
    ("text", "outcome", "said"),
    [
        ("A,B\nS1,1\n", "error", "no header"),
        ("x\n,A,end\nS1,1,\n", "skipped", "before the header"),
        (",A,end\nS1,1.5,\n", "taken", "as it is"),
        (",A,end\nS1,1.5\n", "error", "does not end with a comma"),
        (",A,end\nS1,,\n", "skipped", "empty"),
        (",A,end\nS1,ND,\n", "taken", "becomes 0"),
        (",A,end\nS1,--,\n", "taken", "becomes 0"),
        (",A,end\nS1,-3,\n", "taken", "as 0"),
        (",A,end\nS1,<0.1,\n", "error", "No valid number"),
        (",A,end\nS1,nan,\n", "error", "No valid number"),
        (",A,end\nS1,1e999,\n", "error", "No valid number"),
        (",A,end\nS1,1_0,\n", "error", "No valid number"),
        (",A,end\nS1,\u0663.5,\n", "error", "No valid number"),
        (",A,end\nS1, +.5e1,\n", "taken", "as it is"),
        (",A,end\nS3,1,\n", "warning", "the analysis has a calculation"),
        (",A,end\nS1,0,5,\n", "error", "2 values under 1 keywords"),
        (",A,A,end\nS1,1,2,\n", "error", "twice in the header"),
        (",A,end\nS1,1,\nS1,2,\n", "warning", "the sample again"),
        (",A,end\n,1,\n", "skipped", "no sample id"),
        (",A,end\nS9,1,\n", "error", "no such sample"),
        (",A,end\nS2,1,\n", "error", "the sample is published"),
        (",B,end\nS1,1,\n", "warning", "not overridden"),
        (",C,end\nS1,1,\n", "warning", "the analysis is verified"),
        (",D,end\nS1,1,\n", "warning", "2 analyses have this keyword"),
        (",Z,end\nS1,1,\n", "warning", "interim field"),
    ],
)
def test_every_rule_of_the_importer(text: str, outcome: str, said: str) -> None:
    verdicts = check_two_dimension(text, LIMS)
    assert [one.outcome for one in verdicts if said in one.why] == [outcome]


def test_long_csv_has_a_number_a_line_and_quotes_what_needs_it() -> None:
    rows = rows_of(long_csv([painted_result('=2+3,"x"')]))
    assert tuple(rows[0]) == LONG_COLUMNS
    by_analyte = {row["ANALYTE"]: row for row in rows}
    copper = by_analyte["MOD_CCP"]
    assert copper["SAMPLEID"] == '\'=2+3,"x"'
    assert (copper["RESULT"], copper["UNIT"], copper["STATUS"]) == ("16.67", "%", "preliminary")
    assert copper["ANALYSISDATE"] == "2026-11-20T21:04:00Z"
    assert re.fullmatch(r"k = 2, \d+ degrees of freedom: sampling", copper["COVERAGE"])
    galena = by_analyte["MOD_GN"]
    assert (galena["QUALIFIERS"], galena["UNCERTAINTY"]) == ("<", "")
    assert galena["RESULT"] == f"<{galena['DETECTIONLIMIT']}"


@settings(deadline=None)
@given(HOSTILE, HOSTILE)
def test_no_text_of_a_sample_breaks_a_row_or_begins_a_formula(name: str, section: str) -> None:
    result = RESULT.model_copy(
        update={"sample": Sample.model_construct(id=name or "x", section=section)}
    )
    for text, columns in ((long_csv([result]), 22), (wide_csv([result]), None)):
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert {len(row) for row in rows} == {columns or len(rows[0])}
        cells = [row[0] for row in rows[1:]]
        assert {cell.removeprefix("'") for cell in cells} == {(name or "x").removeprefix("'")}
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in cells)


def test_wide_csv_has_a_result_a_line_with_its_uncertainties() -> None:
    rows = rows_of(wide_csv([painted_result(), painted_result("SEC-2", um_per_px=None)]))
    assert tuple(rows[0])[: len(WIDE_COLUMNS)] == WIDE_COLUMNS
    assert [row["MOD_CCP (%)"] for row in rows] == ["16.67", "16.67"]
    assert float(rows[0]["MOD_CCP_U (%)"]) > 0.0
    assert rows[0]["GS_P80_CCP (um)"] == "11.3"
    assert rows[1]["GS_P80_CCP (um)"] == ""


def test_lis2_message_says_sample_number_unit_status_and_uncertainty() -> None:
    records = read_message(lis2_message(painted_result(status="final"), sent=SENT))
    assert "".join(record.kind for record in records[:4]) == "HPOR"
    assert records[0].field(5) == "Petroserve"
    assert (records[0].field(13), records[0].field(14)) == ("LIS2-A2", "20261120221530")
    assert (records[2].field(3), records[2].field(26)) == ("SEC-0001", "F")
    assert (records[2].field(4), records[2].field(19)) == ("", "A"), "a section is no specimen id"
    lines = {one.field(3, 4): one for one in records if one.kind == "R"}
    copper = lines["MOD_CCP"]
    assert (copper.field(4), copper.field(5), copper.field(9)) == ("16.67", "%", "F")
    assert (copper.field(12), copper.field(13)) == ("20261120210400", "20261120210930")
    assert (lines["MOD_GN"].field(4)[0], lines["MOD_GN"].field(7)) == ("<", "<")
    comment = records[records.index(copper) + 1]
    assert comment.kind == "C"
    assert comment.field(4).startswith("U=")
    assert re.search(r"% \(k = 2, \d+ degrees of freedom: sampling\)$", comment.field(4))


@pytest.mark.parametrize(
    ("image", "said"), [({"fields": 25}, "25"), ({"fields": 1}, "1"), ({}, None)]
)
def test_the_fields_of_a_panorama_are_counted_and_never_guessed(
    image: dict[str, int], said: str | None
) -> None:
    numbers = numbers_of(painted_result(provenance={"image": image}))
    assert (numbers["N_FIELDS"].text if "N_FIELDS" in numbers else None) == said


def test_all_times_of_a_message_are_of_one_zone() -> None:
    at_nine = datetime(2026, 11, 21, 9, 0, tzinfo=timezone(timedelta(hours=9)))
    records = read_message(lis2_message(painted_result(), sent=at_nine))
    assert records[0].field(14) == "20261121090000"
    made = {(record.field(12), record.field(13)) for record in records if record.kind == "R"}
    assert made == {("20261121060400", "20261121060930")}, "21:04 and 21:09 UTC of the day before"


@pytest.mark.parametrize(
    ("status", "letter"), [("preliminary", "P"), ("corrected", "C"), ("rejected", "X")]
)
def test_lis2_status_follows_the_result(status: str, letter: str) -> None:
    records = read_message(lis2_message(painted_result(status=status), sent=SENT))
    assert {one.field(9) for one in records if one.kind == "R"} == {letter}


@settings(deadline=None)
@given(HOSTILE.filter(bool))
def test_any_name_survives_escaping_and_framing(name: str) -> None:
    result = RESULT.model_copy(update={"sample": Sample.model_construct(id=name)})
    message = lis2_message(result, sent=SENT)
    assert message.isascii()
    received = read_frames(frames(message))
    assert received == message
    assert [one.field(3) for one in read_message(received) if one.kind == "O"] == [name]


def test_a_frame_has_the_check_sum_of_the_standard() -> None:
    first, *_, last = frames("H|\\^&\rL|1|N\r")
    # Sum of the bytes from the frame number to ETX, by hand: 0x1E5 and 0x205 modulo 256.
    assert first == b"\x021H|\\^&\r\x03E5\r\n"
    assert last == b"\x022L|1|N\r\x0305\r\n"


def test_long_records_are_cut_and_joined() -> None:
    message = "H|\\^&|" + "x" * 700 + "\r" + "C|1\r" * 9 + "L|1|N\r"
    cut = frames(message)
    assert [frame[1:2] for frame in cut] == [b"%d" % (number % 8) for number in range(1, 14)]
    assert [frame[-5] for frame in cut[:3]] == [0x17, 0x17, 0x03]
    assert max(map(len, cut)) == 240 + 7
    assert read_frames(cut) == message

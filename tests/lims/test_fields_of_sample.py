"""Several fields of one sample, reported as one."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petrography.errors import InvalidParameterError
from petrography.report import (
    NamedResult,
    Result,
    Sample,
    fields_report,
    modal_basis,
    modal_entries,
    not_found,
    result_json,
)
from petrography.statistics import modal_composition
from service.lims import by_sample, join_fields, long_csv, reported, two_dimension_csv
from tests.command_runs import Run
from tests.lims.painted_results import POSSIBLE, painted_result
from tests.lims.senaite_stand_in import PASSWORD, USER, Laboratory, running


def field(number: int, share: float, **changes: object) -> Result:
    """A field of 40x50 px, of which a share is chalcopyrite."""
    labels = np.zeros((40, 50), dtype=np.uint8)
    labels[:, : round(share * 50)] = 1
    made = modal_composition(labels, looked_for=POSSIBLE)
    fields: dict[str, object] = {
        "id": f"4d7f6f2e-0000-4000-8000-{number:012}",
        "modal": modal_entries(made),
        "not_found": not_found(made),
        "modal_basis": modal_basis(made),
        "sample": Sample(id="SEC-0001", section="A", field=f"{number}", operator="Ada"),
    }
    return painted_result().model_copy(update=fields | changes)


def two_ores(number: int, galena: float) -> Result:
    """A field half of ore, of which a share of the whole is galena and the rest chalcopyrite."""
    labels = np.zeros((40, 50), dtype=np.uint8)
    labels[:, :25] = 1
    labels[:, : round(galena * 50)] = 2
    return field(number, 0.5, modal=modal_entries(modal_composition(labels)))


FIELDS = [field(1, 0.1), field(2, 0.2), field(3, 0.3)]


def test_joined_fields_began_with_the_first_and_are_complete_with_the_last() -> None:
    times = [("2026-11-20T21:04:00Z", "2026-11-20T21:09:00Z"), ("2026-11-20T20:00:00Z", None)]
    results = [
        field(number, 0.1, provenance={"started_utc": started, "finished_utc": finished})
        for number, (started, finished) in enumerate(times, start=1)
    ]
    later = field(3, 0.1, provenance=dict.fromkeys(("started_utc", "finished_utc"), "2027-01-01Z"))
    both = join_fields([results[0], later]).provenance
    assert both == {"started_utc": "2026-11-20T21:04:00Z", "finished_utc": "2027-01-01Z"}
    assert join_fields(results).provenance == {"started_utc": "2026-11-20T20:00:00Z"}


def test_the_interval_is_that_of_the_scatter_between_fields() -> None:
    numbers = {one.keyword: one for one in reported(join_fields(FIELDS))}
    report = fields_report([NamedResult(one.id, "A", one) for one in FIELDS])
    (copper,) = (share for share in report.field_shares if share.symbol == "Ccp")
    assert copper.ci95 is not None
    assert numbers["MOD_CCP"].text == "20.00"
    assert numbers["MOD_CCP"].uncertainty == pytest.approx(copper.ci95[1] - 20.0)
    assert numbers["MOD_CCP"].coverage == "95 %, scatter between 3 fields"
    assert numbers["N_FIELDS"].text == "3"
    assert numbers["ANALYSED_AREA"].value == pytest.approx(3 * 2000 * 0.25e-6)
    assert numbers["UNC_MEAN"].value == pytest.approx(0.1)
    assert not any(keyword.startswith("GS_") for keyword in numbers)


def test_elements_of_all_fields_have_the_interval_of_their_scatter() -> None:
    mixed = [two_ores(number, galena) for number, galena in enumerate((0.1, 0.2, 0.3))]
    numbers = {one.keyword: one for one in reported(join_fields(mixed))}
    report = fields_report([NamedResult(one.id, "A", one) for one in mixed])
    assert {f"EL_{one.element.upper()}" for one in report.element_shares} == {
        keyword for keyword in numbers if keyword.startswith("EL_")
    }
    (lead,) = (one for one in report.element_shares if one.element == "Pb")
    assert lead.ci95 is not None
    assert numbers["EL_PB"].value == pytest.approx(lead.percent)
    low, high = lead.ci95
    assert numbers["EL_PB"].uncertainty == pytest.approx(
        max(high - lead.percent, lead.percent - low)
    )
    assert numbers["EL_PB"].coverage == "95 %, scatter between 3 fields"


def test_what_no_field_shows_is_below_the_mean_of_their_limits() -> None:
    galena = {one.keyword: one for one in reported(join_fields(FIELDS))}["MOD_GN"]
    limits = [one.upper_percent for result in FIELDS for one in result.not_found if one.code == 2]
    assert galena.below_limit
    assert galena.value == pytest.approx(np.mean([limit for limit in limits if limit is not None]))


def test_one_line_a_sample_in_every_file() -> None:
    other = field(9, 0.5, sample=Sample(id="SEC-0002"))
    joined = by_sample([*FIELDS, other])
    rows = two_dimension_csv(joined).splitlines()[1:3]
    assert [row.split(",")[0] for row in rows] == ["SEC-0001", "SEC-0002"]
    long = list(csv.DictReader(io.StringIO(long_csv(joined[:1]))))
    assert {(row["SECTION"], row["FIELD"], row["ANALYST"]) for row in long} == {("A", "", "Ada")}
    assert joined[1] is other


@given(st.permutations(FIELDS))
def test_the_order_of_the_fields_changes_nothing(fields: list[Result]) -> None:
    assert join_fields(fields).id == join_fields(FIELDS).id
    assert reported(join_fields(fields)) == reported(join_fields(FIELDS))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sample": Sample(id="SEC-0002")}, "of 2 samples"),
        ({"status": "rejected"}, "was rejected"),
        ({"id": FIELDS[0].id}, "is there 2 times"),
    ],
)
def test_what_does_not_belong_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidParameterError, match=said):
        join_fields([FIELDS[0], field(2, 0.2, **changes)])


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        (("final", "preliminary"), "preliminary"),
        (("final", "final"), "final"),
        (("final", "corrected"), "corrected"),
    ],
)
def test_a_sample_is_approved_when_all_its_fields_are(states: tuple[str, str], whole: str) -> None:
    joined = join_fields([field(k, 0.2, status=state) for k, state in enumerate(states)])
    assert joined.status == whole


def test_a_review_of_a_field_makes_the_next_version() -> None:
    once = join_fields([FIELDS[0], field(2, 0.2, version=2)])
    assert (once.version, once.id) == (2, join_fields(FIELDS[:2]).id)


def test_fields_are_sent_as_one_and_can_be_sent_again(
    run: Run, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{k}.json" for k in range(3)]
    for path, result in zip(paths, FIELDS, strict=True):
        path.write_bytes(result_json(result))
    (tmp_path / "password").write_text(PASSWORD)
    laboratory = Laboratory()
    laboratory.add_sample("SEC-0001", "MOD_CCP:%", "N_FIELDS:")
    with running(laboratory) as address:
        site = ("--url", address, "--user", USER, "--password-file", tmp_path / "password")
        assert run("lims", "send", *paths, "--join", *site)[0] == 0
        status, printed, _ = run("lims", "send", *reversed(paths), "--join", *site)
    assert (status, "\tsubmitted" in printed) == (0, False)
    copper = laboratory.analysis("SEC-0001", "MOD_CCP")
    assert (copper["Result"], float(copper["Uncertainty"]) > 20.0) == ("20.00", True)
    assert laboratory.analysis("SEC-0001", "N_FIELDS")["Result"] == "3"
    unnamed = json.loads(paths[0].read_text())
    unnamed["sample"]["id"] = None
    paths[0].write_text(json.dumps(unnamed))
    words = ("lims", "export", *paths, "--join", "--out", tmp_path / "out")
    assert run(*words, "--sample-id", "SEC-0001")[0] == 0
    status, _, complaint = run(*words, "--sample-id", "SEC-0002")
    assert (status, "is of SEC-0001" in complaint) == (2, True)

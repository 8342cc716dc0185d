"""Budgets, representative areas, and compositions over several fields."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from petrography.errors import InvalidParameterError
from petrography.pipeline import ModalOptions, measure
from petrography.pipeline.measurement import MeasuringOptions
from petrography.report import (
    FieldsReport,
    NamedResult,
    Result,
    Scale,
    fields_csv,
    fields_report,
    fields_table,
    label_image_result,
    modal_table,
    tabulated_modal,
)
from petrography.report.modal_uncertainty import NotFound
from petrography.statistics import modal_composition
from petrography.statistics.assay import element_percent, mass_percent
from petrography.statistics.grain_table import MIN_GRAIN_AREA_PX
from petrography.statistics.intervals import FINEST_PHASE
from petrography.statistics.representative_area import representative_area_px2
from petrography.statistics.several_fields import FieldAreas, SeveralFields, over_fields
from petrography.statistics.uncertainty_budget import (
    Contribution,
    combined,
    uncertainty_budgets,
)
from tests.petrography.written_csv import csv_text

Labels = NDArray[np.uint8]


def specks(seed: int, chance: float = 0.2, side: int = 128) -> Labels:
    """Chalcopyrite in 4 x 4 px squares drawn by lot, galena in a part of them."""
    rng = np.random.default_rng(seed)
    coarse = np.where(rng.random((side // 4, side // 4)) < chance, 1, 0)
    coarse[(coarse == 1) & (rng.random(coarse.shape) < 0.3)] = 2
    return coarse.repeat(4, axis=0).repeat(4, axis=1).astype(np.uint8)


def result_of(labels: Labels, preparation_percent: float = 0.0, wanted: float = 10.0) -> Result:
    measured = measure(labels, MeasuringOptions(looked_for=(6,)))
    return label_image_result(
        measured.composition,
        measured.grains,
        identity="labels",
        um_per_px=2.0,
        other_percent={"preparation": preparation_percent},
        wanted_error_percent=wanted,
    )


# --- budgets ---------------------------------------------------------------------------------


def test_contributions_are_combined_in_quadrature_and_expanded_by_two() -> None:
    budget = combined([Contribution("a", "A", 0.6, 5.0), Contribution("b", "B", 0.8, None)])
    assert budget.combined_pp == pytest.approx(1.0)
    assert budget.expanded_pp == pytest.approx(2.0)
    # Welch-Satterthwaite: 1 / (0.6^4 / 5).
    assert budget.degrees_of_freedom == pytest.approx(5 / 0.6**4)


def test_a_budget_of_known_contributions_has_no_degrees_of_freedom() -> None:
    assert combined([Contribution("b", "B", 0.8, None)]).degrees_of_freedom is None


@given(st.lists(st.floats(0.0, 50.0), min_size=1, max_size=6))
def test_no_contribution_exceeds_the_combined_uncertainty(values: list[float]) -> None:
    budget = combined(Contribution(str(k), "A", value, 9.0) for k, value in enumerate(values))
    assert budget.combined_pp >= max(values) * (1 - 1e-12)
    assert budget.degrees_of_freedom is None or budget.degrees_of_freedom >= 9.0 * (1 - 1e-9)


def test_the_sampling_error_of_independent_squares_is_that_of_the_binomial() -> None:
    # 1024 squares drawn by lot: the standard error of the share is sqrt(p (1 - p) / 1024).
    found = [
        uncertainty_budgets(modal_composition(specks(seed, 0.2)))[0].contributions[0]
        for seed in range(8)
    ]
    expected = 100 * math.sqrt(0.2 * 0.8 / 1024)
    assert np.median([one.standard_uncertainty_pp for one in found]) == pytest.approx(
        expected, rel=0.15
    )
    assert {one.source for one in found} == {"sampling"}


def test_what_the_laboratory_knows_is_an_entry_of_the_budget() -> None:
    composition = modal_composition(specks(1))
    share = next(phase.area_percent for phase in composition.phases if phase.code == 1)
    plain = uncertainty_budgets(composition)[1]
    budget = uncertainty_budgets(composition, other_percent={"preparation": 3.0})[1]
    assert [one.source for one in budget.contributions] == ["sampling", "preparation"]
    assert budget.contributions[1].standard_uncertainty_pp == pytest.approx(0.03 * share)
    assert budget.combined_pp == pytest.approx(math.hypot(plain.combined_pp, 0.03 * share))


@pytest.mark.parametrize("percent", [-1.0, math.inf, math.nan])
def test_an_impossible_uncertainty_is_refused(percent: float) -> None:
    with pytest.raises(InvalidParameterError, match=r"'polish' is .* wanted a number from 0 up"):
        uncertainty_budgets(modal_composition(specks(1)), other_percent={"polish": percent})


@pytest.mark.parametrize("side", [128, 256, 512, 1024])
@pytest.mark.parametrize("codes", [(0, 1), (1, 2)])
def test_a_regular_pattern_is_worth_finitely_many_samples(
    side: int, codes: tuple[int, int]
) -> None:
    # Every cell has the same mixture: the blocks show no scatter at all. What is finer than the
    # smallest grain counts as mistaken pixels elsewhere, so a sample is no smaller here.
    board = np.array(codes, dtype=np.uint8)[np.indices((side, side)).sum(axis=0) % 2]
    result = result_of(board)
    for entry in result.modal:
        assert entry.uncertainty is not None
        assert entry.uncertainty.independent_samples == pytest.approx(
            FINEST_PHASE * side**2 / MIN_GRAIN_AREA_PX, abs=0.1
        )
        assert entry.uncertainty.combined_pp > 0.0
    (limit,) = result.not_found
    assert limit.upper_percent is not None
    for low, high in (result.element_ci95 or {}).values():
        assert high > low


def test_an_expanded_uncertainty_of_few_degrees_of_freedom_is_told() -> None:
    speck = specks(3)
    # Within one block: its scatter is known from that block alone.
    speck[60:63, 60:63] = 6
    result = result_of(speck)
    freedom = {
        one.symbol: one.uncertainty.degrees_of_freedom or 0.0
        for one in result.modal
        if one.uncertainty
    }
    assert freedom["Py/Mrc"] < 4 < freedom["Ccp"]
    (warning,) = (one for one in result.quality.warnings if "degrees of freedom" in one)
    assert warning.startswith(f"Py/Mrc ({freedom['Py/Mrc']:.1f}):")
    assert "Ccp" not in warning
    lines = modal_table(result).splitlines()
    assert "d.o.f." in lines[0]
    assert f" {freedom['Py/Mrc']:.1f} " in next(one for one in lines if one.startswith("Py/Mrc"))


# --- representative area ---------------------------------------------------------------------


@given(st.floats(0.01, 0.99), st.floats(1.0, 1e6), st.floats(0.1, 100.0))
def test_two_standard_errors_over_the_representative_area_are_the_wanted_error(
    fraction: float, range_px2: float, error_percent: float
) -> None:
    area = representative_area_px2(fraction, range_px2, error_percent=error_percent)
    error = 2 * math.sqrt(fraction * (1 - fraction) * range_px2 / area)
    assert error == pytest.approx(fraction * error_percent / 100, rel=1e-9)


def test_no_error_at_all_cannot_be_wanted() -> None:
    with pytest.raises(InvalidParameterError, match="above 0"):
        representative_area_px2(0.2, 10.0, error_percent=0.0)


# --- result and tables -----------------------------------------------------------------------


def test_the_result_lists_the_budget_and_the_limits() -> None:
    result = result_of(specks(2), preparation_percent=2.0, wanted=5.0)
    entry = next(entry for entry in result.modal if entry.code == 1)
    assert entry.uncertainty is not None
    known = entry.uncertainty
    squares = sum(one.standard_uncertainty_pp**2 for one in known.budget)
    assert known.combined_pp == pytest.approx(math.sqrt(squares), abs=2e-4)
    assert known.expanded_pp == pytest.approx(known.coverage_factor * known.combined_pp, abs=2e-4)
    assert known.representative.error_percent == 5.0
    assert known.representative.area_um2 == pytest.approx(
        4 * known.representative.area_px, rel=1e-3
    )
    assert known.independent_samples * known.integral_range_px2 == pytest.approx(128**2, rel=0.01)
    assert [limit.symbol for limit in result.not_found] == ["Py/Mrc"]
    assert "not found (95 % limit): Py/Mrc < " in modal_table(result)
    assert result.element_ci95 is not None
    assert set(result.element_ci95) == {"Cu", "Pb", "Fe", "S"}
    (row,) = [
        row
        for row in csv.DictReader(io.StringIO(csv_text(tabulated_modal(result))))
        if row["code"] == "1"
    ]
    assert float(row["expanded_uncertainty_pp"]) == known.expanded_pp
    assert float(row["analysed_percent"]) == entry.area_percent


def test_options_of_a_request_name_minerals() -> None:
    assert ModalOptions().not_analysed == (37,)
    with pytest.raises(ValueError, match="no mineral has code 99"):
        ModalOptions.model_validate({"not_analysed": [99]})


@pytest.mark.parametrize(
    ("upper", "map_upper", "told"),
    [
        (0.4321, None, "Mag < 0.43 %"),
        (0.4321, 19.4, "Mag < 19 %"),
        (0.4321, 99.7, "Mag (no limit)"),
        (None, None, "Mag (no limit)"),
    ],
)
def test_a_limit_near_everything_is_none(
    upper: float | None, map_upper: float | None, told: str
) -> None:
    missing = NotFound(
        code=7, symbol="Mag", name="magnetite", upper_percent=upper, map_upper_percent=map_upper
    )
    assert missing.told == told


def test_a_phase_that_one_field_shows_or_was_not_searched_for_has_no_limit() -> None:
    first, second = (NamedResult(name, "A", result_of(specks(k))) for k, name in enumerate("ab"))
    pyrite = specks(2)
    pyrite[:4, :4] = 6
    assert fields_report([first, NamedResult("c", "A", result_of(pyrite))]).not_found == ()
    unasked = second.result.model_copy(update={"not_found": ()})
    assert fields_report([first, NamedResult("b", "A", unasked)]).not_found == ()
    nothing = second.result.not_found[0].model_copy(update={"upper_percent": None})
    unknown = second.result.model_copy(update={"not_found": (nothing,)})
    (limit,) = fields_report([first, NamedResult("b", "A", unknown)]).not_found
    assert limit.upper_percent is None


# --- several fields --------------------------------------------------------------------------


def fields_of(percents: list[float], section: str = "A") -> list[FieldAreas]:
    return [
        FieldAreas({0: 10_000 - round(100 * one), 1: round(100 * one)}, section) for one in percents
    ]


def test_fields_of_one_size_have_the_interval_of_astm_e562() -> None:
    percents = [12.0, 15.0, 9.0, 14.0, 10.0]
    share = over_fields(fields_of(percents)).field_shares[1]
    half_width = stats.t.ppf(0.975, 4) * np.std(percents, ddof=1) / math.sqrt(5)
    assert share.percent == pytest.approx(12.0)
    assert share.ci95_percent == pytest.approx((12 - half_width, 12 + half_width))
    assert share.relative_accuracy_percent == pytest.approx(100 * half_width / 12)


def test_fields_of_several_sections_count_as_sections() -> None:
    # Ten fields that agree with each other say nothing of other sections.
    fields = [*fields_of([10.0] * 10, "A"), *fields_of([30.0] * 10, "B")]
    found = over_fields(fields)
    assert (found.unit, found.units, found.fields) == ("section", 2, 20)
    assert found.field_shares[1].standard_error_pp == pytest.approx(10.0)
    alone = over_fields([FieldAreas(one.area_px, "A") for one in fields])
    assert alone.field_shares[1].standard_error_pp == pytest.approx(math.sqrt(20 / 19 * 100 / 20))


def test_one_field_has_no_scatter_and_says_so() -> None:
    found = over_fields(fields_of([10.0]))
    assert found.field_shares[1].ci95_percent is None
    assert found.warnings == ("one field: no scatter between fields to judge by",)


def test_the_ore_basis_is_a_ratio_of_sums() -> None:
    fields = [FieldAreas({0: 900, 1: 80, 6: 20}, "A"), FieldAreas({0: 100, 1: 300, 6: 600}, "A")]
    shares = {share.code: share.percent for share in over_fields(fields).ore_shares}
    assert shares == pytest.approx({1: 38.0, 6: 62.0})


@pytest.mark.parametrize("fields", [[], [FieldAreas({}, "A")]])
def test_fields_without_pixels_are_refused(fields: list[FieldAreas]) -> None:
    with pytest.raises(InvalidParameterError, match="wanted at least one"):
        over_fields(fields)


def test_masses_over_fields_are_areas_by_density() -> None:
    fields = [
        FieldAreas({0: 50, 1: 30, 2: 20}, "A"),
        FieldAreas({0: 10, 1: 70, 2: 20}, "A"),
        FieldAreas({0: 60, 2: 40}, "A"),
    ]
    found = over_fields(fields)
    pooled = mass_percent({1: 100, 2: 80})
    assert pooled is not None
    assert {one.code: one.percent for one in found.mass_shares} == pytest.approx(pooled)
    first, second = found.mass_shares
    assert first.ci95_percent is not None
    assert first.ci95_percent[0] < first.percent < first.ci95_percent[1]
    # Of two minerals the one is what the other leaves.
    assert first.standard_error_pp == pytest.approx(second.standard_error_pp)
    assert over_fields([FieldAreas({0: 10}, "A")]).mass_shares == ()


def test_elements_over_fields_are_masses_by_formula() -> None:
    # Chalcopyrite in the one field, galena in the other: copper lies with the first alone.
    fields = [FieldAreas({0: 50, 1: 50}, "A"), FieldAreas({0: 70, 2: 30}, "A")]
    found = over_fields(fields)
    masses = {share.code: share.percent for share in found.mass_shares}
    wanted = element_percent(masses)
    assert wanted is not None
    shares = {share.element: share for share in found.element_shares}
    assert {name: share.percent for name, share in shares.items()} == pytest.approx(wanted)
    copper, chalcopyrite = shares["Cu"], found.mass_shares[0]
    assert copper.standard_error_pp == pytest.approx(
        0.3463 * (chalcopyrite.standard_error_pp or 0.0), rel=1e-3
    )
    assert copper.relative_accuracy_percent == pytest.approx(chalcopyrite.relative_accuracy_percent)
    # There is sulphur in both: no less than in galena (13.40 %), no more than in chalcopyrite.
    assert shares["S"].ci95_percent == pytest.approx((13.40, 34.94), abs=0.01)
    assert copper.ci95_percent == pytest.approx((0.0, 34.63), abs=0.01)
    # One field has no scatter; without ore there is no element.
    assert all(one.ci95_percent is None for one in over_fields(fields[:1]).element_shares)
    assert over_fields([FieldAreas({0: 10}, "A")]).element_shares == ()


def test_intervals_over_fields_cover_the_truth() -> None:
    # Squares by lot: 20 % in an endless section, eight fields at a time.
    covered = 0
    for start in range(0, 480, 8):
        found: SeveralFields = over_fields(
            [
                FieldAreas({0: int((labels == 0).sum()), 1: int((labels > 0).sum())}, "A")
                for labels in (specks(seed, 0.2, 64) for seed in range(start, start + 8))
            ]
        )
        bounds = found.field_shares[1].ci95_percent
        assert bounds is not None
        covered += bounds[0] <= 20.0 <= bounds[1]
    # 57 of 60 expected; the seeds are fixed.
    assert 53 <= covered <= 60


def test_fields_of_different_pixel_sizes_are_summed_by_area() -> None:
    near, far = specks(1, 0.1), specks(2, 0.4)
    scales = (Scale(um_per_px=0.5, source="request"), Scale(um_per_px=1.0, source="request"))

    def joined(*scales: Scale | None) -> FieldsReport:
        results = [
            result_of(labels).model_copy(update={"scale": scale})
            for labels, scale in zip((near, far), scales, strict=True)
        ]
        return fields_report([NamedResult(f"{k}", "A", one) for k, one in enumerate(results)])

    by_area, by_pixels, mixed = joined(*scales), joined(None, None), joined(scales[0], None)
    # A pixel of the second is as large as four of the first.
    percents = [100 * (labels == 1).mean() for labels in (near, far)]
    copper = next(share for share in by_area.field_shares if share.code == 1)
    assert copper.percent == pytest.approx(np.average(percents, weights=(1, 4)), abs=1e-4)
    limits = [result_of(labels).not_found[0].upper_percent or 0.0 for labels in (near, far)]
    (pyrite,) = by_area.not_found
    assert pyrite.upper_percent == pytest.approx(np.average(limits, weights=(1, 4)), abs=1e-4)
    assert mixed.field_shares == by_pixels.field_shares != by_area.field_shares
    assert not [one for one in (*by_area.warnings, *by_pixels.warnings) if "pixel size" in one]
    assert [one for one in mixed.warnings if one.startswith("1 of 2 fields have no pixel size")]


def test_results_are_joined_and_tabled() -> None:
    named = [NamedResult(f"{seed}.png", "A", result_of(specks(seed))) for seed in range(4)]
    report = fields_report(named)
    pooled = np.concatenate([specks(seed) for seed in range(4)])
    copper = next(share for share in report.field_shares if share.code == 1)
    assert copper.percent == pytest.approx(100 * (pooled == 1).mean(), abs=1e-4)
    assert (report.unit, report.units) == ("field", 4)
    assert "ASTM E562" in report.definitions["ci95"]
    rows = list(csv.DictReader(io.StringIO(fields_csv(report))))
    phases = [row for row in rows if row["basis"] != "element"]
    assert {(row["code"], row["basis"]) for row in phases} == {
        *(("0", "field"), ("1", "field"), ("2", "field")),
        *(("1", "ore"), ("2", "ore")),
        *(("1", "mass"), ("2", "mass")),
    }
    assert fields_table(report).startswith("4 fields, scatter between 4 fields\n")
    (pyrite,) = report.not_found
    limits = [one.upper_percent for field in named for one in field.result.not_found]
    assert pyrite.symbol == "Py/Mrc"
    assert pyrite.upper_percent == pytest.approx(np.mean([one or 0.0 for one in limits]), abs=1e-4)
    assert f"not found (95 % limit): Py/Mrc < {pyrite.upper_percent:.2g} %" in fields_table(report)
    assert "mean of the limits" in report.definitions["not_found"]
    elements = {row["symbol"] for row in rows if row["basis"] == "element"}
    assert elements == {"Cu", "Fe", "S", "Pb"}

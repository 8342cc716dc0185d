"""Contacts, textures and liberation as result.json and tables show them."""

from __future__ import annotations

import csv
import io
import json

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray

from petrography.phantoms.textures import Disease
from petrography.pipeline import measure
from petrography.pipeline.measurement import MeasuringOptions
from petrography.report import (
    Result,
    label_image_files,
    label_image_result,
    result_json,
    result_schema,
)
from petrography.report.contact_entries import contact_definitions, contact_entry
from petrography.statistics import measure_contacts
from petrography.statistics.comminution import CellKind
from tests.petrography.contact_fields import bodies
from tests.petrography.painted_textures import painted

Labels = NDArray[np.uint8]


def reported(
    labels: Labels, *, um_per_px: float | None = None, cells: CellKind = "squares"
) -> tuple[Result, dict[str, list[dict[str, str]]]]:
    """The report of a label image and its tables as a spreadsheet reads them."""
    found = measure(labels, MeasuringOptions(cells=cells))
    result = label_image_result(
        found.composition,
        found.grains,
        found.contacts,
        found.textures,
        identity="a1",
        um_per_px=um_per_px,
    )
    files = label_image_files(result, found.grains, found.textures)
    tables = {
        name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(content.decode())))
        for name, content in files.items()
        if name.endswith(".csv")
    }
    return result, tables


def particles() -> Labels:
    labels = np.full((90, 120), 37, dtype=np.uint8)
    labels[10:50, 10:50] = 1
    labels[10:50, 60:90] = 1
    labels[10:50, 90:100] = 6
    return labels


@pytest.mark.parametrize("um_per_px", [None, 0.5])
@pytest.mark.parametrize(
    "labels",
    [bodies(1, 20.0), particles(), np.zeros((1, 1), np.uint8), np.full((9, 9), 6, np.uint8)],
)
def test_results_keep_the_schema_and_read_back_equal(
    labels: Labels, um_per_px: float | None
) -> None:
    result, _ = reported(labels, um_per_px=um_per_px)
    text = result_json(result)
    jsonschema.validate(json.loads(text), result_schema())
    assert Result.model_validate_json(text) == result


def test_contacts_in_px_and_um() -> None:
    result, tables = reported(bodies(1, 20.0), um_per_px=0.5)
    contacts = result.contacts
    assert contacts is not None
    assert contacts.length_um is not None
    assert contacts.symbols == ("Bg", "Ccp", "Py/Mrc", "Sp")
    np.testing.assert_allclose(np.array(contacts.length_px) / 2, contacts.length_um, atol=1e-3)
    np.testing.assert_allclose(
        contacts.specific_surface_per_um, np.array(contacts.specific_surface_per_px) * 2, atol=1e-3
    )
    row = next(row for row in tables["contacts"] if row["symbol_b"] == "Sp")
    assert (row["symbol_a"], float(row["length_px"])) == ("Bg", contacts.length_px[0][3])
    assert float(row["association_a_percent"]) == contacts.association_percent[0][3]
    assert float(row["association_b_percent"]) == contacts.association_percent[3][0]
    assert len(tables["contacts"]) == 6
    unscaled, unscaled_tables = reported(bodies(1, 20.0))
    assert unscaled.contacts is not None
    assert unscaled.contacts.length_um is unscaled.contacts.specific_surface_per_um is None
    assert {row["length_um"] for row in unscaled_tables["contacts"]} == {""}
    assert {row["boundary_um"] for row in unscaled_tables["locking"]} == {""}


def test_the_halo_filter_tells_what_it_changed() -> None:
    labels = np.repeat(np.uint8([[1] * 20 + [8] * 2 + [6] * 20]), 40, axis=0)
    result, _ = reported(labels)
    assert result.contacts is not None
    assert result.contacts.halos is not None
    assert result.contacts.halos.changed_px == {"Sp": 80}
    assert "80 px were changed" in result.definitions["halo"]
    assert [entry.symbol for entry in result.modal] == ["Ccp", "Py/Mrc", "Sp"]


def test_intergrowths_carry_the_rule_and_its_numbers() -> None:
    result, tables = reported(painted(Disease(13.0, 2.4, 20.0, 200.0), 0.06, 12))
    assert result.textures is not None
    (found,) = result.textures.intergrowths
    assert (found.host, found.guest, found.kind) == ("Po", "Ccp", "disseminated")
    assert found.rule in result.definitions["intergrowth"]
    for part in found.rule.replace(" and ", ", ").split(", "):
        assert part.split()[0] in found.features
    (row,) = tables["intergrowths"]
    assert (row["kind"], row["coherence"]) == ("disseminated", "")
    assert float(row["slenderness"]) == found.features["slenderness"]


def test_locking_of_grains_sums_to_all() -> None:
    result, tables = reported(bodies(2, 20.0))
    assert result.textures is not None
    for symbol, entry in result.textures.locking.items():
        shares = entry.locking_percent
        assert shares is not None
        total = shares.liberated + shares.binary + shares.ternary + shares.complex
        assert total == pytest.approx(100.0, abs=1e-3)
        assert entry.grains == sum(row["symbol"] == symbol for row in tables["locking"])
    assert [row["id"] for row in tables["locking"]] == [row["id"] for row in tables["grains"]]


def test_a_grain_that_nothing_annotated_touches_is_neither_liberated_nor_locked() -> None:
    labels = np.full((60, 90), 255, dtype=np.uint8)
    labels[10:30, 10:30] = labels[10:30, 60:80] = 8
    labels[5:35, 50:60] = 0
    result, tables = reported(labels)
    assert result.textures is not None
    entry = result.textures.locking["Sp"]
    assert entry.locking_percent is not None
    assert (entry.grains, entry.locking_percent.liberated) == (2, 100.0)
    assert [row["locking"] for row in tables["locking"]] == ["", "liberated"]
    alone, tables = reported(np.full((20, 30), 8, dtype=np.uint8))
    assert alone.textures is not None
    assert alone.textures.locking["Sp"].locking_percent is None
    assert [row["locking"] for row in tables["locking"]] == [""]


@pytest.mark.parametrize("cells", ["squares", "voronoi"])
def test_intact_ore_has_a_potential_and_it_is_named_so(cells: CellKind) -> None:
    result, tables = reported(bodies(3, 20.0), um_per_px=2.0, cells=cells)
    assert result.liberation is not None
    assert result.liberation.particles is None
    found = result.liberation.intact_ore_potential
    assert found is not None
    assert (found.cells, found.sizes_px[:3]) == (cells, (4, 8, 16))
    assert found.sizes_um == tuple(2 * size for size in found.sizes_px)
    pyrite = found.minerals["Py/Mrc"]
    assert pyrite.liberation_size_px is not None
    assert pyrite.liberation_size_um == pytest.approx(2 * pyrite.liberation_size_px, abs=1e-3)
    assert "liberation potential of intact ore" in result.definitions["liberation_potential"]
    assert "liberation" not in result.definitions
    assert len(tables["liberation"]) == 3 * len(found.minerals) * len(found.sizes_px)
    assert {row["basis"] for row in tables["liberation"]} == {f"potential of intact ore, {cells}"}


def test_particles_in_resin_have_liberation_and_no_potential() -> None:
    result, tables = reported(particles())
    assert result.liberation is not None
    assert result.liberation.intact_ore_potential is None
    found = result.liberation.particles
    assert found is not None
    assert found.particles == 2
    chalcopyrite = found.minerals["Ccp"]
    assert chalcopyrite.liberated_percent == pytest.approx(
        {"80": 57.1429, "90": 57.1429, "95": 57.1429}
    )
    assert sum(chalcopyrite.composition_percent) == pytest.approx(100.0, abs=1e-3)
    assert "liberation_potential" not in result.definitions
    assert "too high" in result.definitions["liberation"]
    assert [row["size_px"] for row in tables["liberation"]] == [""] * 6


def test_equal_maps_give_equal_bytes() -> None:
    first, second = (reported(bodies(4, 20.0), cells="voronoi") for _ in range(2))
    assert result_json(first[0]) == result_json(second[0])
    assert first[1] == second[1]


def test_the_specific_surface_says_which_area_and_which_boundary_it_is_of() -> None:
    labels = np.zeros((30, 30), dtype=np.uint8)
    labels[10:20, 10:20] = 1
    entry = contact_entry(measure_contacts(labels), um_per_px=None)
    assert "halos included" in contact_definitions(entry)["specific_surface"]


def test_small_specific_surfaces_keep_their_digits() -> None:
    labels = np.zeros((200, 200), dtype=np.uint8)
    labels[:, 100:] = 1
    measured = measure_contacts(labels)
    wanted = measured.specific_surface_per_px / 50.0
    found = contact_entry(measured, um_per_px=50.0).specific_surface_per_um
    assert found == pytest.approx(wanted.tolist(), rel=1e-5)
    assert max(found) < 3e-4

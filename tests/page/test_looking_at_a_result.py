"""A result, its map and its numbers, as a geologist looks at them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from petrography.minerals import MINERALS
from tests.http_service import png
from tests.page.browser import (
    faults,
    in_page,
    map_pixel,
    needs_browser,
    opened,
    point_at,
    press,
    text_of,
    type_into,
    until,
)
from tests.page.conftest import SHAPE, Section
from tests.page.prefix_proxy import proxied
from tests.tiny_model import paint

pytestmark = needs_browser


def rows_of(driver: Any, selector: str) -> list[list[str]]:
    """Cells of the tables below an element."""
    script = """return [...document.querySelectorAll(arguments[0])].map(
        (row) => [...row.children].map((cell) => cell.textContent.trim()))"""
    rows: list[list[str]] = driver.execute_script(script, f"{selector} tbody tr")
    return rows


def test_the_tables_hold_the_numbers_of_the_result(
    address: str, browser: Any, analysed: dict[str, Any]
) -> None:
    browser.get(f"{address}/#/analyses/{analysed['id']}")
    until(browser, "canvas.map")

    modal = sorted(analysed["modal"], key=lambda one: (-one["area_percent"], one["code"]))
    rows = rows_of(browser, "#modal")
    assert [row[0] for row in rows] == [f"{one['name']} ({one['symbol']})" for one in modal]
    for row, entry in zip(rows, modal, strict=True):
        low, high = entry["ci95"]
        assert row[1:3] == [f"{entry['area_percent']:.2f}", f"{low:.2f} – {high:.2f}"]
        assert str(entry["area_px"]) in row
    grains = {row[0]: row for row in rows_of(browser, "#grains")}
    for symbol, entry in analysed["grains"].items():
        row = grains[f"{entry['name']} ({symbol})"]
        assert row[1] == str(entry["count"])
        assert float(row[7]) == pytest.approx(entry["ecd_um"]["area_p80"], rel=5e-3)
    elements = {row[0]: row[1] for row in rows_of(browser, "#elements")}
    assert elements == {
        name: f"{percent:.2f}" for name, percent in analysed["element_percent"].items()
    }
    assert str(analysed["modal_basis"]["field_px"]) in text_of(browser, "#modal .basis")
    for name in ("area_percent", "ci95"):
        assert analysed["definitions"][name] in text_of(browser, "#modal .definitions")
    assert analysed["provenance"]["model"]["training_data"] in text_of(browser, ".result-head")
    assert faults(browser) == []


def test_what_is_pointed_at_is_read_out(
    address: str, browser: Any, analysed: dict[str, Any], section: Section
) -> None:
    browser.get(f"{address}/#/analyses/{analysed['id']}")
    until(browser, "canvas.map")
    for row, column in ((5, 5), (44, 61), (89, 119), (0, 90)):
        point_at(browser, row, column, SHAPE)
        phase = MINERALS[int(section.codes[row, column])]
        said = until(browser, "#readout", lambda text: "row" in text).text
        assert said.startswith(f"{phase.name} ({phase.symbol}) · confidence 100 %")
        assert f"row {row}, column {column}" in said
        assert said.endswith("µm right")
    until(browser, ".scale-bar", lambda text: text.endswith("µm"))

    canvas = browser.find_element("css selector", "canvas.map")
    canvas.send_keys("++")
    said = until(browser, "#readout", lambda text: f"row {SHAPE[0] // 2}," in text).text
    assert f"column {SHAPE[1] // 2}" in said
    assert faults(browser) == []


def test_a_mineral_is_shown_alone(
    address: str, browser: Any, analysed: dict[str, Any], section: Section
) -> None:
    browser.get(f"{address}/#/analyses/{analysed['id']}")
    until(browser, "canvas.map")
    press(browser, "input[value=map]")
    places = {code: np.argwhere(section.codes == code)[0] + 4 for code in (1, 2, 6)}

    def colours() -> dict[int, list[int]]:
        return {code: map_pixel(browser, *map(int, at), SHAPE) for code, at in places.items()}

    assert colours() == {code: [*MINERALS[code].colour_rgb, 255] for code in places}
    button = browser.find_element("css selector", "[data-code='2']")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    alone = colours()
    assert alone[2] == [*MINERALS[2].colour_rgb, 255]
    assert all(alone[code][3] < 100 for code in (1, 6))
    button.click()
    assert colours()[1] == [*MINERALS[1].colour_rgb, 255]
    assert faults(browser) == []


def test_the_photograph_is_laid_under_the_map_when_it_is_chosen_again(
    address: str, browser: Any, analysed: dict[str, Any], section: Section, tmp_path: Path
) -> None:
    browser.get(f"{address}/#/analyses/{analysed['id']}")
    assert "overlay.jpg" in until(browser, "#map-notes").text
    other = tmp_path / "other.png"
    other.write_bytes(png(paint(np.zeros(SHAPE, dtype=np.int64))))

    again = browser.find_element("css selector", "#photograph-again")
    again.send_keys(str(other))
    until(browser, ".again", lambda text: "not the file that was analysed" in text)
    again.send_keys(str(section.path))
    until(browser, "#map-notes", lambda text: "overlay.jpg" not in text)
    press(browser, "input[value=photograph]")
    row, column = np.argwhere(section.codes == 1)[0] + 4
    assert map_pixel(browser, int(row), int(column), SHAPE) == [250, 220, 60, 255]
    assert faults(browser) == []


def test_files_are_listed_with_their_sizes(
    address: str, browser: Any, analysed: dict[str, Any]
) -> None:
    browser.get(f"{address}/#/analyses/{analysed['id']}")
    files = until(browser, "#files")
    browser.execute_script("arguments[0].scrollIntoView()", files)
    until(browser, "#files", lambda text: "…" not in text)

    rows = {row[0]: row for row in rows_of(browser, "#files")}
    assert set(rows) == {"result.json", *(one["name"] for one in analysed["artefacts"])}
    for one in analysed["artefacts"]:
        name, media_type, size, digest = rows[one["name"]]
        content = httpx.get(f"{address}/v1/analyses/{analysed['id']}/{name}").content
        number, unit = size.split()
        stated = float(number) * {"B": 1, "kB": 1e3, "MB": 1e6}[unit]
        assert stated == pytest.approx(len(content), rel=6e-3)
        assert media_type == one["media_type"]
        assert one["sha256"].startswith(digest)
    assert faults(browser) == []


def test_a_review_is_shown(address: str, browser: Any, analysed: dict[str, Any]) -> None:
    place = f"{address}/v1/analyses/{analysed['id']}"
    review = {"status": "rejected", "reviewer": "A. Ivanova <b>", "reason": "out of focus"}
    assert httpx.post(f"{place}/corrections", json=review).status_code == 201
    browser.get(f"{address}/#/analyses/{analysed['id']}")
    until(browser, "canvas.map")

    assert text_of(browser, ".badge") == "rejected"
    assert "not to be used" in text_of(browser, ".notice")
    assert "rejected by A. Ivanova <b>: out of focus" in text_of(browser, "main")
    assert faults(browser) == []


def test_the_list_is_filtered(address: str, browser: Any, analysed: dict[str, Any]) -> None:
    browser.get(f"{address}/#/analyses")
    type_into(browser, "#filter-sample", "SEC-7\n")
    # What is of other samples is there until the answer is.
    until(browser, "tbody", lambda text: {row.split()[0] for row in text.splitlines()} == {"SEC-7"})
    assert {row[0] for row in rows_of(browser, "main")} == {"SEC-7"}
    press(browser, "#filter-state option[value=failed]")
    until(browser, "main", lambda text: "There are none." in text)
    assert faults(browser) == []


def test_an_analysis_that_never_was_is_a_problem(address: str, browser: Any) -> None:
    browser.get(f"{address}/#/analyses/nobody%2F..")

    assert "urn:petroserve:problem:" in until(browser, ".problem").text


def test_below_a_prefix_everything_is_found(address: str, analysed: dict[str, Any]) -> None:
    """As behind a proxy: only the address of the page is known to the browser."""
    with (
        proxied(address, "/ore") as outer,
        opened(f"{outer}/#/analyses/{analysed['id']}") as driver,
    ):
        until(driver, "canvas.map")
        assert text_of(driver, "#software").startswith("Petroserve ")
        assert in_page(driver, "return document.querySelector('footer a').href") == f"{outer}/docs"
        assert faults(driver) == []


def test_a_narrow_screen_needs_no_sideways_scrolling(
    address: str, browser: Any, analysed: dict[str, Any]
) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True},
    )
    for place in ("/", "/analyses", f"/analyses/{analysed['id']}", "/annotations"):
        browser.get(f"{address}/#{place}")
        until(browser, "h1")
        time.sleep(0.3)
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= 360, place


def test_contacts_are_shown_as_bars_and_as_a_table(
    address: str, browser: Any, analysed: dict[str, Any]
) -> None:
    browser.get(f"{address}/#/analyses/{analysed['id']}")
    until(browser, "canvas.map")

    contacts = analysed["contacts"]
    names = [f"{MINERALS[code].name} ({MINERALS[code].symbol})" for code in contacts["codes"]]
    rows = rows_of(browser, "#contacts")
    assert [row[0] for row in rows] == names
    for k, (row, shares) in enumerate(zip(rows, contacts["association_percent"], strict=True)):
        wanted = [f"{one:.2f}" for one in shares]
        wanted[k] = "–"
        assert row[1:-1] == wanted
        assert float(row[-1]) == pytest.approx(sum(contacts["length_um"][k]), rel=5e-3)
    heads = [one.text for one in browser.find_elements("css selector", "#contacts thead th")]
    assert heads[-1] == "boundary, µm"
    assert heads[1] == f"against {contacts['symbols'][0]}"
    bars = in_page(browser, WIDTHS)
    seen = [[one for one in shares if one >= 0.2] for shares in contacts["association_percent"]]
    for bar, shares in zip(bars, seen, strict=True):
        assert bar == pytest.approx(shares, abs=0.5)
    for name in ("association_percent", "contact_length"):
        assert analysed["definitions"][name] in text_of(browser, "#contacts .definitions")
    assert faults(browser) == []


WIDTHS = """
    return [...document.querySelectorAll(".bar-of")].map((bar) => [...bar.children].map(
        (part) => (100 * part.getBoundingClientRect().width) / bar.clientWidth));
"""


def test_locking_and_the_liberation_potential_are_shown_with_their_definitions(
    address: str, browser: Any, analysed: dict[str, Any]
) -> None:
    browser.get(f"{address}/#/analyses/{analysed['id']}")
    until(browser, "canvas.map")

    rows = {
        row[0]: row[1:] for row in rows_of(browser, "#locking [aria-label='Locking of grains']")
    }
    for symbol, one in analysed["textures"]["locking"].items():
        shares = one["locking_percent"]
        wanted = [f"{shares[kind]:.2f}" for kind in ("liberated", "binary", "ternary", "complex")]
        cells = rows[f"{MINERALS[one['code']].name} ({symbol})"]
        assert cells == [str(one["grains"]), *wanted, str(one["enclosed_grains"])]
    potential = analysed["liberation"]["intact_ore_potential"]
    assert "potential of intact ore" in text_of(browser, "#liberation-title")
    heads = [one.text for one in browser.find_elements("css selector", "#liberation thead th")]
    sizes = [float(one.removesuffix(" µm")) for one in heads[1:-1]]
    assert sizes == pytest.approx(potential["sizes_um"], rel=5e-3)
    for row, one in zip(
        rows_of(browser, "#liberation"), potential["minerals"].values(), strict=True
    ):
        assert row[1:-1] == [f"{share:.2f}" for share in one["liberated_percent"]["90"]]
    for place, name in (("#locking", "locking"), ("#liberation", "liberation_potential")):
        assert analysed["definitions"][name] in text_of(browser, f"{place} .definitions")
    assert faults(browser) == []


LIBERATED = """
    const {liberationSection} = await import("/web/texture_tables.js");
    const {choices} = await import("/web/choices.js");
    const made = liberationSection(given[0], (await choices()).minerals);
    return made && made.textContent;
"""


def test_particles_in_resin_are_liberated_and_an_older_result_says_nothing(browser: Any) -> None:
    until(browser, "#images")
    mineral = {"liberated_percent": {"80": 91.25, "90": 88.5, "95": 0.002}}
    particles = {"particles": 1234, "minerals": {"Sp": mineral}}
    result = {
        "liberation": {"particles": particles, "intact_ore_potential": None},
        "definitions": {"liberation": "area by its share", "liberation_size": "of another"},
    }
    said = in_page(browser, LIBERATED, result)

    for part in ("sphalerite (Sp)", "91.25", "88.50", "< 0.01", "1234 particles", "area by its"):
        assert part in said
    assert "of another" not in said
    assert in_page(browser, LIBERATED, {"liberation": None, "definitions": {}}) is None

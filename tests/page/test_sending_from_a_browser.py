"""From a photograph to its analysis, as a geologist sends it."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from petrography.image_codec import encode_png
from tests.http_service import png
from tests.page.browser import (
    WITHIN_S,
    faults,
    in_page,
    needs_browser,
    point_at,
    press,
    text_of,
    type_into,
    until,
)
from tests.page.conftest import SHAPE, Section
from tests.page.sending import HOSTILE, choose, send
from tests.tiny_model import paint

pytestmark = needs_browser


def analysis_of(driver: Any, address: str) -> dict[str, Any]:
    """The result that the browser shows, from the service."""
    result_id = driver.current_url.rpartition("/")[2]
    document: dict[str, Any] = httpx.get(f"{address}/v1/analyses/{result_id}").json()
    return document


def test_a_photograph_is_sent_followed_and_shown(
    address: str, browser: Any, section: Section
) -> None:
    choose(browser, section.path)
    type_into(browser, "#umPerPx", "0,5")
    type_into(browser, "#sample", HOSTILE)
    until(browser, "#estimate", lambda text: "90 rows x 120 columns, " in text)
    send(browser)
    until(browser, "canvas.map")

    result = analysis_of(browser, address)
    assert result["sample"]["id"] == HOSTILE
    assert result["scale"]["um_per_px"] == 0.5
    assert text_of(browser, "h1").startswith(HOSTILE)
    assert browser.find_elements("css selector", "main img") == []
    for warning in result["quality"]["warnings"] + result["degradations"]:
        assert warning in text_of(browser, ".notice")
    press(browser, "Analyses", by="link text")
    # Tables of the result are there until the list is.
    until(browser, "tbody", lambda text: HOSTILE in text)
    assert faults(browser) == []


def test_only_the_region_is_measured(
    address: str, browser: Any, section: Section, tmp_path: Path
) -> None:
    mask = np.full(SHAPE, 255, np.uint8)
    mask[:, : SHAPE[1] // 4] = 0
    path = tmp_path / "mask.png"
    path.write_bytes(encode_png(mask))
    choose(browser, section.path)
    until(browser, "summary", lambda text: text == "More").click()
    browser.find_element("css selector", "#region").send_keys(str(path))
    until(browser, "#estimate", lambda text: "90 rows x 120 columns, " in text)
    send(browser)
    until(browser, "canvas.map")

    result = analysis_of(browser, address)
    assert result["modal_basis"]["unlabelled_px"] == np.count_nonzero(mask == 0)
    assert "25.00% of the image lies outside the region" in text_of(browser, ".notice")
    assert faults(browser) == []


def test_a_file_that_is_no_photograph_is_refused_in_the_words_of_the_service(
    address: str, browser: Any, tmp_path: Path
) -> None:
    wrong = tmp_path / "notes.png"
    wrong.write_text("These are notes.")
    direct = httpx.post(f"{address}/v1/analyses", files={"image": wrong.read_bytes()}).json()
    choose(browser, wrong)
    send(browser)

    said = until(browser, ".problem").text
    assert direct["detail"].partition(";")[0] in said
    assert direct["type"] in said
    assert faults(browser, refused="415") == []


def test_a_field_that_is_not_possible_is_named(browser: Any, section: Section) -> None:
    choose(browser, section.path)
    type_into(browser, "#umPerPx", "tiny")
    send(browser)

    said = until(browser, ".problem").text
    assert "#/um_per_px" in said
    assert faults(browser, refused="422") == []


def test_an_analysis_is_cancelled(address: str, browser: Any, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    noise = np.random.default_rng(2).integers(0, 4, (1500, 2000))
    large.write_bytes(png(paint(noise)))
    before = [
        httpx.post(
            f"{address}/v1/analyses",
            files={"image": large.read_bytes()},
            headers={"Prefer": "respond-async"},
        ).json()["id"]
        for _ in range(4)
    ]
    choose(browser, large)
    send(browser)
    button = until(browser, ".progress button", lambda text: text == "Cancel the analysis")
    assert browser.find_elements("css selector", "progress")
    button.click()
    until(browser, "#progress-text", lambda text: text.endswith("cancelled."))

    for one in before:
        httpx.delete(f"{address}/v1/analyses/{one}")
    until(browser, ".problem", lambda text: "urn:petroserve:problem:analysis-cancelled" in text)


def test_progress_is_told_until_the_result_is_there(
    address: str, browser: Any, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(png(paint(np.random.default_rng(3).integers(0, 4, (1200, 1600)))))
    watch = """
        window.told = [];
        const look = () => {
            const text = document.getElementById("progress-text")?.textContent;
            if (text && text !== window.told.at(-1)) window.told.push(text);
        };
        new MutationObserver(look).observe(
            document.body, {childList: true, subtree: true, characterData: true});
    """
    browser.execute_script(watch)
    choose(browser, large)
    send(browser)
    until(browser, "canvas.map")

    told = browser.execute_script("return window.told")
    assert told[-1].startswith("Running: ")
    assert all(text.endswith("tiny:1") for text in told)
    shares = [int(text.rpartition(" %")[0].rpartition(" ")[2]) for text in told]
    assert shares == sorted(shares)
    assert len(set(shares)) > 2
    assert faults(browser) == []


def test_fields_of_a_section_are_joined_and_shown(
    address: str, browser: Any, tmp_path: Path
) -> None:
    whole = paint(np.random.default_rng(4).integers(0, 4, (40, 60))).repeat(8, 0).repeat(8, 1)
    fields = []
    for number, left in enumerate((0, 180)):
        fields.append(tmp_path / f"field-{number}.png")
        fields[-1].write_bytes(png(np.ascontiguousarray(whole[:, left : left + 300])))
    press(browser, "input[value=fields]")
    choose(browser, *fields)
    send(browser)
    until(browser, "canvas.map")

    result = analysis_of(browser, address)
    assert result["provenance"]["image"]["width_px"] == pytest.approx(480, abs=2)
    assert "overlay.jpg" in text_of(browser, "#map-notes")
    assert browser.find_elements("css selector", "#photograph-again") == []
    assert faults(browser) == []


def test_views_are_sent_with_light_and_angle(
    address: str, browser: Any, section: Section, tmp_path: Path
) -> None:
    texture = np.random.default_rng(5).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    places = [tmp_path / f"{name}.png" for name in ("ppl", "other")]
    for place in places:
        place.write_bytes(png(texture.repeat(8, 0).repeat(8, 1)))
    press(browser, "input[value=views]")
    choose(browser, *places)
    view = until(browser, "[data-view]")
    view.find_element("css selector", "option:last-child").click()
    view.find_element("css selector", "input").send_keys("0,5")
    send(browser)
    until(browser, "canvas.map")

    (asked,) = analysis_of(browser, address)["provenance"]["request"]["views"]
    assert asked == {"part": "view-1", "light": "PPL", "stage_angle_deg": 0.5}
    assert faults(browser) == []


def test_what_one_photograph_leaves_out_is_said(
    browser: Any, section: Section, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(section.path.read_bytes())
    press(browser, "input[value=fields]")
    choose(browser, section.path, other)
    press(browser, "input[value=photograph]")

    said = text_of(browser, ".chosen")
    assert "section.png" in said
    assert "1 more were left out" in said


def test_a_photograph_that_is_dropped_beside_its_field_leaves_the_page_as_it_is(
    browser: Any,
) -> None:
    until(browser, "#images")
    body = """
        const dropped = ["dragover", "drop"].map((name) => {
            const dataTransfer = new DataTransfer();
            const event = new DragEvent(name, {dataTransfer, bubbles: true, cancelable: true});
            document.querySelector("footer").dispatchEvent(event);
            return event.defaultPrevented;
        });
        return dropped;
    """
    assert in_page(browser, body) == [True, True]


def test_an_estimate_that_comes_late_is_not_of_what_was_chosen_since(
    browser: Any, section: Section
) -> None:
    slow = """
        const asked = window.fetch;
        window.late = [];
        window.fetch = async (where, how) => {
            const answer = await asked(where, how);
            if (where.endsWith("/estimate")) await new Promise((go) => window.late.push(go));
            return answer;
        };
    """
    until(browser, "#images")
    browser.execute_script(slow)
    choose(browser, section.path)
    asked = "return window.late.length"
    until_returned(browser, asked, 1)
    press(browser, "input[value=fields]")
    in_page(browser, "window.late[0](); await new Promise((later) => setTimeout(later, 300));")
    assert text_of(browser, "#estimate") == ""


def until_returned(driver: Any, script: str, wanted: object) -> None:
    """Wait until a script returns what is wanted."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, WITHIN_S, 0.05).until(lambda _: driver.execute_script(script) == wanted)


def test_a_dropped_tiff_without_a_scale_is_analysed_and_what_is_missing_is_said(
    address: str, browser: Any, section: Section
) -> None:
    tiff = io.BytesIO()
    Image.open(section.path).save(tiff, "TIFF")
    until(browser, "#images")
    body = """
        const bytes = Uint8Array.from(atob(given[0]), (one) => one.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], "section.tif", {type: "image/tiff"}));
        document.querySelector(".drop").dispatchEvent(
            new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true}));
    """
    in_page(browser, body, base64.b64encode(tiff.getvalue()).decode())
    assert "section.tif" in text_of(browser, ".chosen")
    send(browser)
    until(browser, "canvas.map")

    result = analysis_of(browser, address)
    assert result["scale"] is None
    assert result["degradations"]
    for said in result["degradations"]:
        assert said in text_of(browser, ".notice")
    assert "overlay.jpg" in text_of(browser, "#map-notes")
    assert "in pixels" in text_of(browser, "#map-notes")
    until(browser, ".scale-bar", lambda text: text.endswith("px (no scale)"))
    assert "ECD), px" in text_of(browser, "#grains-title")
    point_at(browser, 44, 61, SHAPE)
    assert "µm" not in until(browser, "#readout", lambda text: "row 44" in text).text


def test_what_got_no_answer_is_sent_again_under_the_same_key(
    address: str, browser: Any, section: Section
) -> None:
    choose(browser, section.path)
    type_into(browser, "#sample", "SEC-TWICE")
    # The answer to the first is lost on its way.
    lose = """
        const send = XMLHttpRequest.prototype.send;
        XMLHttpRequest.prototype.send = function (body) {
            XMLHttpRequest.prototype.send = send;
            this.onload = () => this.onerror();
            return send.call(this, body);
        };
    """
    browser.execute_script(lose)
    send(browser)
    assert "The service did not answer" in until(browser, ".problem").text
    send(browser)
    until(browser, "canvas.map")

    found = httpx.get(f"{address}/v1/analyses?sample_id=SEC-TWICE").json()["analyses"]
    assert len(found) == 1
    assert faults(browser) == []

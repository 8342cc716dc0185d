"""Addresses of the page: those that there are, those that there are not, and going between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.page.browser import faults, in_page, needs_browser, press, until
from tests.page.conftest import Section

pytestmark = needs_browser


@pytest.mark.parametrize(
    "place",
    [
        "/nothing",
        "/analyses/",
        "/analyses/..",
        "/annotations/%2e%2E",
        "/analyses/%E0%A4%A",
        "/a/b/c",
    ],
)
def test_where_nothing_is_the_page_says_so_and_asks_for_nothing(
    place: str, browser: Any, address: str
) -> None:
    until(browser, "#images")
    watch = "window.asked = []; const plain = window.fetch; window.fetch = (...how) => { window.asked.push(how[0]); return plain(...how); };"
    browser.execute_script(watch)
    browser.execute_script("location.hash = arguments[0]", place)

    assert "There is no such page" in until(browser, ".problem").text
    assert browser.execute_script("return window.asked") == []
    press(browser, "New analysis", by="link text")
    until(browser, "#images")
    assert faults(browser) == []


def test_keys_begin_at_the_page_that_is_gone_to(
    browser: Any, address: str, analysed: dict[str, Any]
) -> None:
    press(browser, "Analyses", by="link text")
    # The page before has a list of its own.
    until(browser, "#filter-sample")
    press(browser, "tbody a")
    until(browser, "canvas.map")

    assert browser.execute_script("return document.activeElement.id") == "main"


def test_an_older_question_does_not_answer_a_newer_one(
    browser: Any, address: str, analysed: dict[str, Any]
) -> None:
    browser.get(f"{address}/#/analyses")
    until(browser, "#filter-sample")
    until(browser, "tbody")
    late = """
        const plain = window.fetch;
        const waiting = [];
        window.fetch = async (where, how) => {
            const first = waiting.length === 0;
            if (first) await new Promise((go) => waiting.push(go));
            return plain(where, how);
        };
        const choose = (id, value) => {
            const field = document.getElementById(id);
            field.value = value;
            field.dispatchEvent(new Event("change", {bubbles: true}));
        };
        const later = (time) => new Promise((go) => setTimeout(go, time));
        choose("filter-state", "done");
        await later(100);
        choose("filter-sample", "of nobody");
        await later(800);
        waiting[0]();
        await later(800);
        return document.querySelector("main").textContent.includes("There are none.");
    """
    assert in_page(browser, late)


def test_a_viewer_that_is_closed_leaves_its_canvas_alone(browser: Any) -> None:
    until(browser, "#images")
    body = """
        const {MapViewer} = await import("/web/map_viewer.js");
        const canvas = document.createElement("canvas");
        document.querySelector("main").append(canvas);
        const seen = [];
        const viewers = ["first", "second"].map((name) => {
            const told = {onPoint: () => {}, onView: () => seen.push(name)};
            const viewer = new MapViewer(canvas, {width: 40, height: 30}, told);
            if (name === "first") viewer.close();
            return viewer;
        });
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
        seen.length = 0;
        canvas.dispatchEvent(new WheelEvent("wheel", {deltaY: -100, cancelable: true}));
        viewers[1].close();
        canvas.remove();
        return seen;
    """
    assert in_page(browser, body) == ["second"]


def test_an_upload_that_was_left_while_a_key_was_asked_for_is_not_sent(
    browser: Any, section: Section, tmp_path: Path
) -> None:
    until(browser, "#images")
    body = """
        const {persistently, problemOf} = await import("/web/service.js");
        const ending = new AbortController();
        let attempts = 0;
        const trying = persistently(() => {
            attempts += 1;
            return Promise.reject(problemOf(401, '{"detail": "A key, please."}', null));
        }, {signal: ending.signal}).catch((why) => why.name);
        await new Promise((later) => setTimeout(later, 100));
        ending.abort();
        document.getElementById("key-input").value = "ps_any";
        document.getElementById("key-form").requestSubmit();
        const ended = await trying;
        (await import("/web/access_key.js")).forgetKey();
        return [attempts, ended];
    """
    assert in_page(browser, body) == [1, "AbortError"]

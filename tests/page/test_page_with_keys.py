"""The page where the service wants keys, is busy, or goes away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.access import create_key, empty_key_file, write_key_file
from tests.page.browser import faults, in_page, needs_browser, opened, text_of, until
from tests.page.conftest import Section
from tests.page.serving import serving

pytestmark = needs_browser

STORED = "return sessionStorage.getItem('petroserve-key')"


@dataclass(frozen=True)
class Guarded:
    """A service with keys."""

    address: str
    key: str
    reading: str


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    now = dt.datetime.now(dt.UTC)
    content, key = create_key(empty_key_file(), tenant="lab", scopes=["read", "analyse"], now=now)
    content, reading = create_key(content, tenant="lab", scopes=["read"], now=now)
    folder = tmp_path_factory.mktemp("guarded")
    write_key_file(folder / "keys.json", content)
    with serving(folder, PETROSERVE_API_KEYS=str(folder / "keys.json")) as address:
        yield Guarded(address, key, reading)


def give(driver: Any, key: str) -> None:
    until(driver, "#key-dialog[open]")
    driver.find_element("css selector", "#key-input").send_keys(f"{key}\n")


def test_a_key_is_asked_for_and_kept_in_the_tab(
    guarded: Guarded, section: Section, tmp_path: Path
) -> None:
    with opened(f"{guarded.address}/") as driver:
        until(driver, "#key-detail", lambda text: "key" in text)
        give(driver, "ps_wrong")
        until(driver, "#key-dialog[open]")
        give(driver, guarded.key)
        until(driver, "#images").send_keys(str(section.path))
        driver.find_element("css selector", "button.main").click()
        until(driver, "canvas.map")

        assert driver.execute_script(STORED) == guarded.key
        assert driver.execute_script("return localStorage.length") == 0
        assert driver.get_cookies() == []
        driver.refresh()
        until(driver, "canvas.map")
        taken = taken_away(driver, "modal.csv")
        result_id = driver.current_url.rpartition("/")[2]
        direct = httpx.get(
            f"{guarded.address}/v1/analyses/{result_id}/modal.csv",
            headers={"Authorization": f"Bearer {guarded.key}"},
        )
        assert taken == [direct.text, f"{result_id[:8]}-modal.csv"]
        assert faults(driver, refused="401") == []

        driver.find_element("css selector", "#forget-key").click()
        until(driver, "#key-dialog[open]")
        assert driver.execute_script(STORED) is None


def taken_away(driver: Any, name: str) -> list[str]:
    """What a click on a file of the list would save: its text and its name."""
    return list(
        in_page(
            driver,
            """
            let content = null;
            const make = URL.createObjectURL;
            URL.createObjectURL = (blob) => { content = blob; return make.call(URL, blob); };
            const saved = new Promise((seen) => {
                HTMLAnchorElement.prototype.click = function () { seen(this.download); };
            });
            const link = [...document.querySelectorAll("#files a")]
                .find((one) => one.textContent === given[0]);
            link.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
            const name = await saved;
            return [await content.text(), name];
            """,
            name,
        )
    )


def test_who_gives_no_key_is_told_why_nothing_is_shown(guarded: Guarded) -> None:
    with opened(f"{guarded.address}/#/analyses") as driver:
        until(driver, "#key-dialog[open]")
        driver.find_element("css selector", "#key-cancel").click()

        assert "urn:petroserve:problem:unauthenticated" in until(driver, ".problem").text


def test_a_key_that_only_reads_is_told_what_it_may_not(guarded: Guarded, section: Section) -> None:
    with opened(f"{guarded.address}/") as driver:
        give(driver, guarded.reading)
        until(driver, "#images").send_keys(str(section.path))
        driver.find_element("css selector", "button.main").click()

        assert "scope analyse" in until(driver, ".problem").text
        assert not driver.find_elements("css selector", "#key-dialog[open]")


def test_a_busy_service_is_asked_again_when_it_said(address: str) -> None:
    with opened(f"{address}/") as driver:
        until(driver, "#images")
        body = """
            const {askJson} = await import("/web/service.js");
            const [plain, asked] = [window.fetch, []];
            const busy = {status: 503, headers: {"Retry-After": "1"}};
            window.fetch = (...request) => {
                asked.push(performance.now());
                if (asked.length > 2) return plain(...request);
                return Promise.resolve(new Response('{"title": "Busy", "detail": "Full."}', busy));
            };
            const asking = askJson("v1/models");
            await new Promise((later) => setTimeout(later, 500));
            const said = document.getElementById("status").textContent;
            const {models} = await asking;
            return [said, models[0].name, asked[1] - asked[0], asked[2] - asked[1]];
        """
        said, name, *waits = in_page(driver, body)

        assert said == "Full. Asking again in 1 s."
        assert name == "tiny"
        assert all(900 < wait < 5000 for wait in waits)
        assert text_of(driver, "#status") == ""


def test_events_go_on_behind_the_last_one_after_a_broken_stream(address: str) -> None:
    with opened(f"{address}/") as driver:
        until(driver, "#images")
        body = """
            const {follow} = await import("/web/event_stream.js");
            const asked = [], told = [];
            const streams = [
                ['id: 7\\nevent: progress\\ndata: {"progress', '_fraction": 0.5}\\n\\n: still here\\n\\n'],
                ['id: 9\\r\\nevent: done\\r\\ndata: {"state": "done"}\\r\\n\\r\\n'],
            ];
            window.fetch = (_address, {headers}) => {
                asked.push(headers["Last-Event-ID"] ?? null);
                return Promise.resolve(new Response(streams[asked.length - 1].join("")));
            };
            const last = await follow("x/events", (state) => told.push(state), new AbortController().signal);
            return [asked, told, last];
        """
        asked, told, last = in_page(driver, body)

    assert asked == [None, "7"]
    assert told == [{"progress_fraction": 0.5}]
    assert last == {"state": "done"}

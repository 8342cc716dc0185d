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
from tests.page.browser import faults, in_page, needs_browser, opened, press, text_of, until
from tests.page.conftest import Section
from tests.page.sending import choose, send
from tests.page.serving import serving

pytestmark = needs_browser

STORED = "return sessionStorage.getItem('petroserve-key')"


@dataclass(frozen=True)
class Guarded:
    """A service with keys: two of one tenant, one of another."""

    address: str
    key: str
    reading: str
    strange: str


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    now = dt.datetime.now(dt.UTC)
    content, key = create_key(empty_key_file(), tenant="lab", scopes=["read", "analyse"], now=now)
    content, reading = create_key(content, tenant="lab", scopes=["read"], now=now)
    content, strange = create_key(content, tenant="other", scopes=["read"], now=now)
    folder = tmp_path_factory.mktemp("guarded")
    write_key_file(folder / "keys.json", content)
    with serving(folder, PETROSERVE_API_KEYS=str(folder / "keys.json")) as address:
        yield Guarded(address, key, reading, strange)


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
        choose(driver, section.path)
        send(driver)
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

        press(driver, "#forget-key")
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


def test_what_the_browser_has_kept_is_not_for_the_next_person(
    guarded: Guarded, section: Section
) -> None:
    """Files never change and are kept by the browser: only for the key that they were sent to."""
    shown = {"Authorization": f"Bearer {guarded.key}"}
    place = f"{guarded.address}/v1/analyses"
    sent = httpx.post(place, files={"image": section.path.read_bytes()}, headers=shown)
    asking = """
        const {address} = await import("/web/service.js");
        const keys = given[1].map((key) => key && {Authorization: `Bearer ${key}`});
        const told = [];
        for (const headers of keys) {
            const answer = await fetch(address(given[0]), {headers: headers ?? {}});
            await answer.arrayBuffer();
            told.push(answer.status);
        }
        return told;
    """
    keys = [guarded.key, guarded.strange, None, guarded.reading]
    with opened(f"{guarded.address}/") as driver:
        path = f"v1/analyses/{sent.json()['id']}/labels.png"

        assert in_page(driver, asking, path, keys) == [200, 404, 401, 200]


def test_what_no_header_can_carry_is_no_key(guarded: Guarded) -> None:
    """A browser sends nothing at all then, as if the service were not there."""
    with opened(f"{guarded.address}/") as driver:
        for wrong in ("ps_кey", "ps_two words"):
            give(driver, wrong)
            until(driver, "#key-detail", lambda text: text.startswith("This is no key"))
            driver.find_element("css selector", "#key-input").clear()
        assert driver.execute_script(STORED) is None
        give(driver, guarded.key)
        until(driver, "#images")


def test_a_refusal_that_comes_late_asks_for_no_other_key(guarded: Guarded) -> None:
    with opened(f"{guarded.address}/") as driver:
        give(driver, guarded.reading)
        until(driver, "#images")
        late = """
            const {askJson} = await import("/web/service.js");
            const plain = window.fetch;
            let asked = 0;
            window.fetch = async (where, how) => {
                asked += 1;
                if (asked > 1) return plain(where, how);
                const answer = await plain(where, {...how, headers: {}});
                window.dispatchEvent(new Event("refused"));
                await new Promise((later) => setTimeout(later, 300));
                return answer;
            };
            const {forgetKey, askForKey} = await import("/web/access_key.js");
            forgetKey();
            const asking = askJson("v1/models");
            await new Promise((seen) => window.addEventListener("refused", seen, {once: true}));
            const other = askForKey("another asks", "");
            document.getElementById("key-input").value = given[0];
            document.getElementById("key-form").requestSubmit();
            await other;
            const {models} = await asking;
            return [models[0].name, document.getElementById("key-dialog").open];
        """
        assert in_page(driver, late, guarded.key) == ["tiny", False]


def test_who_gives_no_key_is_told_why_nothing_is_shown(guarded: Guarded) -> None:
    with opened(f"{guarded.address}/#/analyses") as driver:
        until(driver, "#key-dialog[open]")
        press(driver, "#key-cancel")

        assert "urn:petroserve:problem:unauthenticated" in until(driver, ".problem").text


def test_a_key_that_only_reads_is_told_what_it_may_not(guarded: Guarded, section: Section) -> None:
    with opened(f"{guarded.address}/") as driver:
        give(driver, guarded.reading)
        choose(driver, section.path)
        send(driver)

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


def test_a_wait_that_is_ended_says_nothing_any_more(address: str) -> None:
    with opened(f"{address}/") as driver:
        until(driver, "#images")
        body = """
            const {askJson} = await import("/web/service.js");
            const busy = {status: 429, headers: {"Retry-After": "30"}};
            window.fetch = () => Promise.resolve(new Response('{"detail": "Full."}', busy));
            const ending = new AbortController();
            const asking = askJson("v1/models", {signal: ending.signal}).catch((why) => why.name);
            await new Promise((later) => setTimeout(later, 300));
            const said = document.getElementById("status");
            window.scrollTo(0, document.body.scrollHeight);
            const seen = said.getBoundingClientRect().top;
            const told = [said.textContent];
            ending.abort();
            return [...told, seen >= 0, await asking, said.textContent];
        """
        said, seen, ended, after = in_page(driver, body)

    assert said == "Full. Asking again in 30 s."
    assert seen
    assert ended == "AbortError"
    assert after == ""


def test_a_service_that_starts_again_behind_a_proxy_is_waited_for(address: str) -> None:
    with opened(f"{address}/") as driver:
        until(driver, "#images")
        body = """
            const {follow} = await import("/web/event_stream.js");
            const answers = [
                new Response("<h1>Bad gateway</h1>", {status: 502}),
                new Response("", {status: 503}),
                new Response('event: done\\ndata: {"state": "done"}\\n\\n'),
            ];
            const said = [];
            new MutationObserver(() => said.push(document.getElementById("status").textContent))
                .observe(document.getElementById("status"), {childList: true});
            window.fetch = () => Promise.resolve(answers.shift());
            const last = await follow("x/events", () => {}, new AbortController().signal);
            return [last, said.filter(Boolean).length, document.getElementById("status").textContent];
        """
        last, waits, after = in_page(driver, body)

    assert (last, waits, after) == ({"state": "done"}, 2, "")


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

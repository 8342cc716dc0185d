"""The web page as files: what a browser is sent, and under which rules."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import httpx
import pytest

from petrography.minerals import ASSOCIATIONS, MINERALS
from service.access import create_key, empty_key_file, write_key_file
from tests.http_service import running_service, settings_for

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "service" / "web" / "files"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


async def test_every_file_of_the_page_is_sent_with_its_type_and_the_policy(
    client: httpx.AsyncClient,
) -> None:
    names = [path.name for path in FILES.iterdir() if path.suffix in TYPES]
    addresses = {f"/web/{name}": TYPES[Path(name).suffix] for name in names}

    assert "/web/app.js" in addresses
    for address, media_type in {**addresses, "/": "text/html"}.items():
        answer = await client.get(address, headers=BROWSER)
        assert answer.status_code == 200, address
        assert answer.headers["content-type"].partition(";")[0] == media_type
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"].split("; ")
        assert "default-src 'self'" in policy
        assert "img-src 'self' blob: data:" in policy
        assert "unsafe" not in answer.headers["content-security-policy"]


async def test_the_page_is_asked_for_again_only_if_it_changed(client: httpx.AsyncClient) -> None:
    for address in ("/", "/web/app.js", "/web/choices.json"):
        first = await client.get(address, headers=BROWSER)
        etag = first.headers["etag"]
        for known in (etag, f'W/{etag}, "other"', "*"):
            again = await client.get(address, headers={**BROWSER, "If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), known
            assert again.headers["etag"] == etag
            assert "content-security-policy" in again.headers
        changed = await client.get(address, headers={**BROWSER, "If-None-Match": '"other"'})
        assert changed.content == first.content


async def test_head_tells_what_get_would(client: httpx.AsyncClient) -> None:
    for address in ("/", "/web/style.css"):
        got, head = [await client.request(one, address, headers=BROWSER) for one in ("GET", "HEAD")]
        assert head.content == b""
        for name in ("content-type", "content-length", "etag", "content-security-policy"):
            assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("application/json;q=0.5,text/html", "text/html"),
        ("application/json, text/html", "application/json"),
        ("text/html;level=1;q=0", "application/json"),
        ("TEXT/HTML", "text/html"),
        ("*/*", "application/json"),
        ("", "application/json"),
    ],
)
async def test_page_or_json_by_what_is_wanted_most(
    accept: str, wanted: str, client: httpx.AsyncClient
) -> None:
    answer = await client.get("/", headers={"Accept": accept})

    assert answer.headers["content-type"].partition(";")[0] == wanted
    assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    "name", ["nothing.js", "index.html", "../pyproject.toml", "%2e%2e/page_files.py", "", "a/b.js"]
)
async def test_nothing_else_is_sent(name: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/web/{name}")

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:petroserve:problem:not-found"


async def test_its_addresses_are_one_line_of_the_metrics_and_none_of_the_documentation(
    client: httpx.AsyncClient,
) -> None:
    for name in ("app.js", "style.css", "nothing.js"):
        await client.get(f"/web/{name}")
    counted = re.findall(
        r'http_requests_total\{.*route="(/web[^"]*)"', (await client.get("/metrics")).text
    )

    assert set(counted) == {"/web/{name}"}
    assert not [
        path for path in (await client.get("/openapi.json")).json()["paths"] if "web" in path
    ]


async def test_the_page_needs_no_key(model_folder: Path, tmp_path: Path) -> None:
    content, _ = create_key(
        empty_key_file(), tenant="lab", scopes=["read"], now=dt.datetime.now(dt.UTC)
    )
    write_key_file(tmp_path / "keys.json", content)
    settings = settings_for(model_folder, tmp_path / "artefacts", api_keys=tmp_path / "keys.json")
    async with running_service(settings) as (client, _):
        for address in ("/", "/web/app.js", "/web/choices.json"):
            assert (await client.get(address, headers=BROWSER)).status_code == 200
        for address in ("/webs", "/web", "/v1/models"):
            assert (await client.get(address)).status_code == 401


async def test_it_knows_the_minerals_of_the_service(client: httpx.AsyncClient) -> None:
    known = (await client.get("/web/choices.json")).json()

    colours = {one["code"]: tuple(one["colour_rgb"]) for one in known["minerals"]}
    assert colours == {code: phase.colour_rgb for code, phase in MINERALS.items()}
    assert known["associations"] == json.loads(json.dumps(ASSOCIATIONS))
    assert "labels.png" in known["outputs"]["default"]
    assert "report.pdf" in known["outputs"]["on_request"]


def test_the_page_names_its_files_relative_and_only_what_is_there() -> None:
    page = (FILES / "index.html").read_text()
    named = set(re.findall(r'(?:src|href)="(web/[^"]+)"', page))

    assert {"web/app.js", "web/style.css"} <= named
    assert all((FILES / name.removeprefix("web/")).is_file() for name in named)
    # No address of another machine, and none that loses the prefix of a proxy.
    assert not re.findall(r'(?:src|href)="(?:/|https?:)[^"]*"', page)
    # What the policy would refuse.
    assert not re.findall(r"<script(?! type=\"module\" src=)|<style|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize("path", sorted(FILES.glob("*.js")), ids=lambda path: path.name)
def test_a_module_imports_what_is_there_and_makes_no_markup(path: Path) -> None:
    text = path.read_text()
    imported = re.findall(r'from "\./([^"]+)"', text)

    assert imported == re.findall(r'from "([^"]+)"', text.replace('"./', '"'))
    assert all((FILES / name).is_file() for name in imported)
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert len(text.splitlines()) <= 400
    exported = re.findall(r"(\*/)?\n(?:export (?:async )?function\*?|export class) (\w+)", text)
    assert [name for documented, name in exported if not documented] == []

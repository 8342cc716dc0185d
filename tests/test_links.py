"""Every relative link of every page leads to a file, and to a heading, that is there."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "deploy", "benchmarks", "examples", "models", "training")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(p for one in FOLDERS for p in (ROOT / one).rglob("*.md")))
)
# Of [text](target "title") and of [name]: target.
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
IN_LINE_CODE = re.compile(r"(`+)(?:(?!`).|(?!\1)`)+?\1")


def prose_of(text: str) -> str:
    """The text without blocks of code, in which nothing is a heading."""
    return FENCED.sub("", text)


def links_of(text: str) -> list[str]:
    """What the relative links of a page lead to."""
    told = IN_LINE_CODE.sub("", prose_of(text))
    targets = [first or second for first, second in LINK.findall(told)]
    return [one for one in targets if not re.match(r"[a-z][a-z0-9+.-]*:", one)]


def anchors_of(text: str) -> set[str]:
    """What GitHub calls the headings of a page: the second of a name is ``name-1``."""
    found, seen = set(), Counter[str]()
    for heading in re.findall(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", prose_of(text), re.MULTILINE):
        shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


@cache
def anchors_at(path: Path) -> set[str]:
    return anchors_of(path.read_text(encoding="utf-8"))


def leads_nowhere(page: Path, link: str) -> bool:
    file, _, anchor = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    if not target.exists():
        return True
    return bool(anchor) and (target.suffix != ".md" or anchor not in anchors_at(target))


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(page: str) -> None:
    path = ROOT / page
    links = links_of(path.read_text(encoding="utf-8"))
    assert [one for one in links if leads_nowhere(path, one)] == []


def test_pages_are_found_and_most_of_them_link() -> None:
    assert {"README.md", "docs/jobs.md", "docs/decisions/0002-bentoml-as-shell.md"} <= set(PAGES)
    assert "docs/images/section.jpg" in links_of((ROOT / "README.md").read_text("utf-8"))
    assert sum(len(links_of((ROOT / one).read_text("utf-8"))) for one in PAGES) > 100


def test_headings_are_called_as_github_calls_them() -> None:
    text = "# A `b-c` & d_e\n## Größe (µm)\n## Same\n## Same\n```\n# no heading\n```\n## [Link](x.md)!\n"
    named = {"a-b-c--d_e", "größe-µm", "same", "same-1", "link"}
    assert anchors_of(text) == named


@pytest.mark.parametrize("link", ["absent.md", "README.md#absent", "#absent", "LICENSE#absent"])
def test_a_link_that_leads_nowhere_is_found(link: str) -> None:
    assert leads_nowhere(ROOT / "README.md", link)


def test_links_in_code_and_to_other_sites_are_passed_over() -> None:
    text = (
        "[a](b.md) `[c](d.md)` [e](https://f.org)\n```\n[g](h.md)\n```\n![i](j.png)\n\n[k]: l.md\n"
    )
    assert links_of(text) == ["b.md", "j.png", "l.md"]

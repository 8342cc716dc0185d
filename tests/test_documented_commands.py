"""Every command, option and setting that a page names is there."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from petroserve import build_parser
from service.settings import Settings
from tests.test_links import PAGES, ROOT

# In code only: in prose the word is the name of the service.
CODE = re.compile(
    r"^ {0,3}```.*?\n(.*?)^ {0,3}```|(?<!`)`([^`\n]+)`(?!`)", re.MULTILINE | re.DOTALL
)
COMMAND = re.compile(r"(?:^|(?<!--tag)[\s;|&$(])petroserve((?:[ \t]+[^\s|;&)#]+)+)")
# The stroke between choices, which a table of Markdown has to escape, as one sign.
OR = "\x01"
# Read by the tests, not by the service.
FOREIGN = {"PETROSERVE_LUMENSTONE", "PETROSERVE_REAL_DATA"}


@cache
def parser() -> argparse.ArgumentParser:
    return build_parser()


def commands_of(text: str) -> Iterator[list[str]]:
    """The words behind ``petroserve`` wherever code calls it."""
    for fenced, quoted in CODE.findall(text):
        code = (fenced or quoted).replace("\\\n", " ").replace("\\|", OR)
        for words in COMMAND.findall(code):
            yield words.split()


def below(described: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands of a parser, which has some or none."""
    for action in described._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def unknown_in(words: list[str]) -> list[str]:
    """What is no command or option of ours among the words of a command."""
    chosen, unknown = [parser()], []
    for word in words:
        names = word.strip("[]").split(OR)
        groups = [below(one) for one in chosen]
        if any(groups):
            unknown += [name for name in names if not any(name in group for group in groups)]
            chosen = [group[name] for group in groups for name in names if name in group]
            if not chosen:
                break
        elif word.strip("[]").startswith("--"):
            option = re.split(r"[=\]]", word.strip("["))[0]
            known = {one for each in chosen for one in each._option_string_actions}
            unknown += [option] if option not in known else []
    return unknown


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    wrong = {" ".join(words): unknown_in(words) for words in commands_of(text)}
    assert {told: unknown for told, unknown in wrong.items() if unknown} == {}


@pytest.mark.parametrize("page", PAGES)
def test_settings_are_there(page: str) -> None:
    known = {f"PETROSERVE_{name.upper()}" for name in Settings.model_fields} | FOREIGN
    named = set(re.findall(r"\bPETROSERVE_[A-Z0-9_]*[A-Z0-9]\b", Path(ROOT, page).read_text()))
    assert named - known == set()


def test_what_is_not_there_is_seen() -> None:
    text = "`petroserve analyse x --otu d`, `petroserve analyze`, `petroserve keys list\\|make`"
    found = [unknown_in(words) for words in commands_of(text)]
    assert found == [["--otu"], ["analyze"], ["make"]]

"""What people do with the forms of the page, and a name that must stay text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.page.browser import press, until

__all__ = ["HOSTILE", "choose", "send"]

HOSTILE = "<img src=x onerror=alert(1)>"


def choose(driver: Any, *paths: Path) -> None:
    """Choose photographs."""
    until(driver, "#images").send_keys("\n".join(map(str, paths)))


def send(driver: Any) -> None:
    """Press the button that sends the form."""
    press(driver, "button.main")

"""A service with the tiny model, and painted sections to send to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.http_service import png
from tests.page.browser import opened
from tests.page.serving import serving
from tests.tiny_model import CODES, paint

SHAPE = (90, 120)


@dataclass(frozen=True)
class Section:
    """A painted section as a file, and the codes that it was painted from."""

    path: Path
    codes: NDArray[np.int64]


@pytest.fixture(scope="session")
def section(tmp_path_factory: pytest.TempPathFactory) -> Section:
    """Blocks of 10 px of four classes; those of a corner are one class."""
    blocks = np.random.default_rng(8).integers(0, len(CODES), (9, 12))
    blocks[:3, :4] = 1
    indices = np.kron(blocks, np.ones((10, 10), dtype=np.int64))
    path = tmp_path_factory.mktemp("section") / "section.png"
    path.write_bytes(png(paint(indices)))
    return Section(path, np.asarray(CODES)[indices])


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service on a free port, for all tests of the page that need no other."""
    with serving(tmp_path_factory.mktemp("served")) as where:
        yield where


@pytest.fixture(scope="session")
def started_browser() -> Iterator[Any]:
    """A browser for all tests of the page that need no other."""
    with opened("about:blank") as driver:
        yield driver


@pytest.fixture
def browser(started_browser: Any, address: str) -> Any:
    """The browser with the first page, as if it had just been started."""
    started_browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    # Its address may differ from the one before by its fragment only, which loads nothing.
    started_browser.get("about:blank")
    started_browser.get_log("browser")
    started_browser.get(f"{address}/")
    return started_browser


@pytest.fixture
def analysed(address: str, section: Section) -> dict[str, Any]:
    """An analysis that was asked for elsewhere: content of its result.json."""
    answer = httpx.post(
        f"{address}/v1/analyses",
        files={"image": section.path.read_bytes()},
        data={"request": '{"um_per_px": 0.5, "sample": {"id": "SEC-7"}}'},
    )
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result

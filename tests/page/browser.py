"""A real browser without a window, that reaches this machine only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

__all__ = [
    "WITHIN_S",
    "faults",
    "in_page",
    "map_pixel",
    "needs_browser",
    "opened",
    "point_at",
    "press",
    "text_of",
    "type_into",
    "until",
]

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
WITHIN_S = 30.0
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="chromium and chromedriver are not installed (apt-get install chromium chromium-driver)",
)
_SWITCHES = (
    "--headless=new",
    "--window-size=1400,1000",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--no-proxy-server",
    # Whatever else a page asks for fails, and is seen in the log.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@contextmanager
def opened(address: str) -> Iterator[Any]:
    """A browser with a page; gives the driver."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    # Chromium has no sandbox for root, which containers run tests as.
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    for switch in (*_SWITCHES, *root):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # With both paths given, Selenium's manager does not look for a browser on the network.
    driver = webdriver.Chrome(options=options, service=Service(executable_path=str(DRIVER)))
    try:
        driver.set_script_timeout(WITHIN_S)
        driver.get(address)
        yield driver
    finally:
        driver.quit()


def until(driver: Any, selector: str, fits: Callable[[str], bool] = bool) -> Any:
    """Wait for an element whose text fits; every text, where none is asked for."""
    from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    def found(_: Any) -> Any:
        elements = driver.find_elements("css selector", selector)
        return elements[0] if elements and (fits is bool or fits(elements[0].text)) else None

    def told() -> str:
        page = driver.find_element("css selector", "body").text
        return f"no {selector!r} that fits; the page says:\n{page[:2000]}"

    try:
        # The page may put another element into the place of one between two looks.
        passing = (StaleElementReferenceException,)
        return WebDriverWait(driver, WITHIN_S, 0.05, passing).until(found)
    except TimeoutException as error:
        raise AssertionError(told()) from error


def press(driver: Any, selector: str, *, by: str = "css selector") -> None:
    """Click at an element as soon as that can be; the page may put another into its place."""
    from selenium.common.exceptions import (
        ElementNotInteractableException,
        NoSuchElementException,
        StaleElementReferenceException,
    )
    from selenium.webdriver.support.ui import WebDriverWait

    def pressed(_: Any) -> bool:
        driver.find_element(by, selector).click()
        return True

    passing = (
        ElementNotInteractableException,
        NoSuchElementException,
        StaleElementReferenceException,
    )
    WebDriverWait(driver, WITHIN_S, 0.05, passing).until(pressed)


def type_into(driver: Any, selector: str, text: str) -> None:
    """Put text into a field, as soon as it is there."""
    field = until(driver, selector)
    field.clear()
    field.send_keys(text)


def text_of(driver: Any, selector: str) -> str:
    """Text of an element that is there, as it is when nothing takes its place meanwhile."""
    from selenium.common.exceptions import StaleElementReferenceException

    while True:
        try:
            text: str = driver.find_element("css selector", selector).text
        except StaleElementReferenceException:
            continue
        return text


def in_page(driver: Any, body: str, *arguments: object) -> Any:
    """Run the body of an asynchronous function in the page; gives what it returns."""
    script = f"""
        const given = [...arguments];
        const done = given.pop();
        (async () => {{ {body} }})().then(
            (value) => done({{value}}), (error) => done({{error: String(error)}}));
    """
    answer = driver.execute_async_script(script, *arguments)
    assert "error" not in answer, answer
    return answer.get("value")


def faults(driver: Any, *, refused: str = "none") -> list[str]:
    """What the console holds: errors, breaches of the policy; not answers of a status that is due."""
    messages = [entry["message"] for entry in driver.get_log("browser")]
    due = f"the server responded with a status of {refused} "
    return [one for one in messages if due not in one]


def point_at(driver: Any, row: int, column: int, shape: tuple[int, int]) -> None:
    """Move the mouse to the middle of a pixel of a map of which all is seen."""
    from selenium.webdriver.common.action_chains import ActionChains

    canvas = driver.find_element("css selector", "canvas.map")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    scale = min(canvas.size["width"] / shape[1], canvas.size["height"] / shape[0])
    right = (column + 0.5 - shape[1] / 2) * scale
    down = (row + 0.5 - shape[0] / 2) * scale
    ActionChains(driver).move_to_element_with_offset(canvas, round(right), round(down)).perform()


def map_pixel(driver: Any, row: int, column: int, shape: tuple[int, int]) -> list[int]:
    """Colour (red, green, blue, alpha) at the middle of a pixel of a map of which all is seen."""
    body = """
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
        const [row, column, height, width] = given;
        const canvas = document.querySelector("canvas.map");
        const scale = Math.min(canvas.width / width, canvas.height / height);
        const x = canvas.width / 2 + (column + 0.5 - width / 2) * scale;
        const y = canvas.height / 2 + (row + 0.5 - height / 2) * scale;
        const copy = document.createElement("canvas");
        const context = copy.getContext("2d", {willReadFrequently: true});
        context.drawImage(canvas, Math.floor(x), Math.floor(y), 1, 1, 0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    """
    colour: list[int] = in_page(driver, body, row, column, *shape)
    return colour

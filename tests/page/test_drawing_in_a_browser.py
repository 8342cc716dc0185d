"""An annotation in the page: strokes by a real pointer and by keys, and what the service keeps."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from petrography.minerals import MINERALS, UNLABELLED_CODE
from tests.page.browser import (
    faults,
    in_page,
    map_pixel,
    needs_browser,
    point_at,
    press,
    text_of,
    type_into,
    until,
)
from tests.page.conftest import SHAPE, Section
from tests.page.sending import HOSTILE, choose, send

pytestmark = needs_browser

# In the corner of the section that is one class, and what else lies there.
ACROSS = [(10, 8), (12, 20), (10, 32)]
# Of the mark of the place that was gone to.
PINK = [255, 61, 242]
Place = tuple[int, int]


@pytest.fixture
def begun(address: str, section: Section) -> str:
    """The address of an annotation that was begun elsewhere."""
    answer = httpx.post(
        f"{address}/v1/annotations",
        files={"image": section.path.read_bytes()},
        data={"request": '{"association": "0,1,2,6", "um_per_px": 0.5}'},
    )
    assert answer.status_code == 201, answer.text
    return f"{address}{answer.headers['location']}"


@pytest.fixture
def drawing(browser: Any, address: str, begun: str) -> Any:
    """The browser with the annotation, its labels covering the photograph."""
    browser.get(f"{address}/#/annotations/{begun.rpartition('/')[2]}")
    until(browser, "canvas.map")
    cover(browser)
    return browser


def cover(driver: Any) -> None:
    """Let labels hide the photograph, so that the colour of a pixel tells its label."""
    driver.execute_script(
        "const input = document.querySelector('.slider input'); input.value = 100;"
        "input.dispatchEvent(new Event('input', {bubbles: true}))"
    )


def draw(driver: Any, places: Sequence[Place]) -> None:
    """Press at the first place, go over the others, lift at the last."""
    from selenium.webdriver.common.action_chains import ActionChains

    point_at(driver, *places[0], SHAPE)
    ActionChains(driver).click_and_hold().perform()
    for place in places[1:]:
        point_at(driver, *place, SHAPE)
    ActionChains(driver).release().perform()


def drawn(driver: Any, steps: int) -> None:
    """Wait until the page says that so many steps stand."""
    said = f", {steps} {'step' if steps == 1 else 'steps'}."
    until(driver, "#annotated", lambda text: said in text)


def labels_of(begun: str) -> NDArray[np.uint8]:
    content = httpx.get(f"{begun}/labels.png").content
    return np.asarray(Image.open(io.BytesIO(content)))


def entries_of(begun: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = httpx.get(f"{begun}/steps").json()["entries"]
    return entries


def strokes_of(begun: str) -> list[dict[str, Any]]:
    return [stroke for entry in entries_of(begun) for stroke in entry["strokes"]]


def shown_as(begun: str, section: Section) -> Callable[[Place], list[int]]:
    """What the page must show: the colour of the label, the photograph where there is none."""
    labels = labels_of(begun)
    photograph = np.asarray(Image.open(section.path).convert("RGB"))

    def colour(place: Place) -> list[int]:
        code = int(labels[place])
        rgb = photograph[place].tolist() if code == UNLABELLED_CODE else MINERALS[code].colour_rgb
        return [*rgb, 255]

    return colour


def require_shown(driver: Any, begun: str, section: Section) -> None:
    """Hold the picture against the labels of the service, in the middle of every block."""
    point_at(driver, SHAPE[0] - 1, SHAPE[1] - 1, SHAPE)
    wanted = shown_as(begun, section)
    places = [(row, column) for row in range(4, 85, 20) for column in range(4, 115, 20)]
    shown = {place: map_pixel(driver, *place, SHAPE) for place in places}
    assert shown == {place: wanted(place) for place in places}


def test_an_annotation_is_begun_and_opened_again_by_its_address(
    address: str, browser: Any, section: Section
) -> None:
    press(browser, "Annotate", by="link text")
    until(browser, "button.main", lambda text: text == "Begin")
    choose(browser, section.path)
    press(browser, "#association option[value=S1]")
    type_into(browser, "#umPerPx", "0,5")
    type_into(browser, "#sample", HOSTILE)
    send(browser)
    until(browser, "canvas.map")

    assert text_of(browser, "h1") == HOSTILE
    assert browser.find_elements("css selector", "main img") == []
    begun = f"{address}/v1/annotations/{browser.current_url.rpartition('/')[2]}"
    kept = httpx.get(begun).json()
    assert (kept["sample"]["id"], kept["um_per_px"], kept["association"]) == (HOSTILE, 0.5, "S1")
    offered = [one.text.split("\n")[0] for one in browser.find_elements("css selector", ".phase")]
    assert offered == [f"{one['name']} {one['symbol']}" for one in kept["classes"]]

    browser.refresh()
    until(browser, "canvas.map")
    assert text_of(browser, "h1") == HOSTILE
    links = [one.get_attribute("href") for one in browser.find_elements("css selector", "#files a")]
    assert links == [f"{begun}/{one['name']}" for one in kept["artefacts"]] + [f"{begun}/steps"]
    assert all(httpx.get(link).status_code == 200 for link in links)
    assert faults(browser) == []


def test_a_stroke_spreads_as_in_the_service_and_is_taken_back(
    drawing: Any, begun: str, section: Section
) -> None:
    require_shown(drawing, begun, section)
    draw(drawing, ACROSS)
    drawn(drawing, 1)

    labels = labels_of(begun)
    assert labels[12, 20] == 1
    assert (labels == 1).sum() > 600
    require_shown(drawing, begun, section)
    told = httpx.get(begun).json()
    share = f"{100 * told['annotated_fraction']:.1f} % of the photograph annotated"
    assert share in text_of(drawing, "#annotated")
    assert "100.00 %" in text_of(drawing, "[data-code='1']")
    point_at(drawing, 12, 20, SHAPE)
    until(drawing, "#readout", lambda text: text.startswith(MINERALS[1].name))

    press(drawing, "[data-code='6']")
    at = next(tuple(map(int, one)) for one in np.argwhere(section.codes == 6) if one[0] > 40)
    draw(drawing, [(at[0] + 4, at[1] + 2), (at[0] + 4, at[1] + 7)])
    drawn(drawing, 2)
    require_shown(drawing, begun, section)
    assert [one["code"] for one in strokes_of(begun)] == [1, 6]

    press(drawing, "#undo")
    drawn(drawing, 1)
    require_shown(drawing, begun, section)
    drawing.find_element("css selector", "canvas.map").send_keys("\ue009z")
    drawn(drawing, 0)
    assert (labels_of(begun) == UNLABELLED_CODE).all()
    require_shown(drawing, begun, section)
    assert not drawing.find_element("css selector", "#undo").is_enabled()
    assert faults(drawing) == []


def test_the_points_of_a_stroke_are_where_it_was_drawn(drawing: Any, begun: str) -> None:
    draw(drawing, ACROSS)
    drawn(drawing, 1)

    (stroke,) = strokes_of(begun)
    points = np.array(stroke["points"])
    # The driver moves the mouse to whole pixels of the screen.
    for place in ACROSS:
        assert np.abs(points - place).max(axis=1).min() < 0.3
    np.testing.assert_allclose(points[[0, -1]], [ACROSS[0], ACROSS[-1]], atol=0.3)


def test_tools_are_chosen_by_keys(drawing: Any, begun: str, section: Section) -> None:
    canvas = drawing.find_element("css selector", "canvas.map")
    canvas.send_keys("3x]]")
    draw(drawing, [(20, 10), (20, 30)])
    drawn(drawing, 1)
    canvas.send_keys("e[")
    draw(drawing, [(20, 20)])
    drawn(drawing, 2)

    chosen, erased = strokes_of(begun)
    assert (chosen["code"], chosen["exact"], chosen["width_px"]) == (2, True, 9.0)
    assert (erased["code"], erased["exact"], erased["width_px"]) == (None, True, 7.0)
    labels = labels_of(begun)
    assert labels[20, 12] == 2
    assert labels[20, 20] == UNLABELLED_CODE
    assert (labels == 2).sum() < 9 * 31
    require_shown(drawing, begun, section)
    assert faults(drawing) == []


def test_the_hand_and_space_move_and_draw_nothing(drawing: Any, begun: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    canvas = drawing.find_element("css selector", "canvas.map")
    canvas.send_keys("+++")
    middle = until(drawing, "#readout", lambda text: "row 45" in text).text
    assert "column 60" in middle

    def row_at_the_middle() -> str:
        canvas.send_keys("+-")
        return str(text_of(drawing, "#readout").split("row ")[1].split(",")[0])

    def drag() -> None:
        away = ActionChains(drawing).move_to_element(canvas).click_and_hold()
        away.move_by_offset(0, 100).release().perform()

    ActionChains(drawing).key_down(" ").perform()
    drag()
    ActionChains(drawing).key_up(" ").perform()
    by_space = int(row_at_the_middle())
    canvas.send_keys("h")
    drag()
    by_hand = int(row_at_the_middle())
    assert 45 > by_space > by_hand
    assert entries_of(begun) == []


def test_dots_are_drawn_by_the_keyboard_alone(drawing: Any, begun: str) -> None:
    canvas = drawing.find_element("css selector", "canvas.map")
    # The first shows where the middle is.
    canvas.send_keys("2\ue007")
    assert entries_of(begun) == []
    canvas.send_keys("\ue007")
    drawn(drawing, 1)

    (stroke,) = strokes_of(begun)
    assert stroke["code"] == 1
    np.testing.assert_allclose(stroke["points"], [[44.5, 59.5]], atol=0.11)


def test_another_writer_is_noticed(drawing: Any, begun: str, section: Section) -> None:
    theirs = {"strokes": [{"code": 2, "points": [[70, 90]], "width_px": 15, "exact": True}]}
    assert httpx.post(f"{begun}/steps", json=theirs).status_code == 200
    draw(drawing, ACROSS)

    said = until(drawing, "#drawing-trouble .notice").text
    assert "Somebody else has drawn meanwhile" in said
    assert "Your last stroke was not drawn." in said
    assert [one["code"] for one in strokes_of(begun)] == [2]
    assert labels_of(begun)[70, 90] == 2
    require_shown(drawing, begun, section)
    assert map_pixel(drawing, 70, 90, SHAPE) == [*MINERALS[2].colour_rgb, 255]

    draw(drawing, ACROSS)
    drawn(drawing, 2)
    assert text_of(drawing, "#drawing-trouble") == ""
    assert [one["code"] for one in strokes_of(begun)] == [2, 1]
    require_shown(drawing, begun, section)
    assert faults(drawing, refused="412") == []


def test_a_stroke_whose_answer_is_lost_is_not_said_to_be_missing(
    drawing: Any, begun: str, section: Section
) -> None:
    lost_answer = """
        const asked = window.fetch;
        window.fetch = async (where, how) => {
            if (how.method !== "POST") return asked(where, how);
            window.fetch = asked;
            await asked(where, how);
            throw new TypeError("the connection broke");
        };
    """
    drawing.execute_script(lost_answer)
    draw(drawing, ACROSS)

    said = until(drawing, "#drawing-trouble .problem").text
    assert "No answer came to your last stroke: it may be drawn or not." in said
    assert [one["code"] for one in strokes_of(begun)] == [1]
    require_shown(drawing, begun, section)


def test_a_refused_stroke_is_taken_away_in_the_words_of_the_service(
    drawing: Any, begun: str, section: Section
) -> None:
    other_code = """
        const asked = window.fetch;
        window.fetch = (where, how) => {
            if (how.method !== "POST") return asked(where, how);
            window.fetch = asked;
            return asked(where, {...how, body: how.body.replace('"code":1', '"code":12')});
        };
    """
    drawing.execute_script(other_code)
    wrong = {"strokes": [{"code": 12, "points": [[1, 1]]}]}
    direct = httpx.post(f"{begun}/steps", json=wrong)
    draw(drawing, ACROSS)

    said = until(drawing, "#drawing-trouble .problem").text
    assert direct.json()["detail"] in said
    assert entries_of(begun) == []
    require_shown(drawing, begun, section)
    draw(drawing, ACROSS)
    drawn(drawing, 1)
    assert faults(drawing, refused=str(direct.status_code)) == []


def test_strokes_are_sent_in_their_order_while_one_is_on_its_way(drawing: Any, begun: str) -> None:
    slow = """
        const asked = window.fetch;
        window.fetch = async (where, how) => {
            if (["POST", "DELETE"].includes(how.method)) await new Promise((later) => setTimeout(later, 700));
            return asked(where, how);
        };
    """
    drawing.execute_script(slow)
    canvas = drawing.find_element("css selector", "canvas.map")
    for key, row in (("2", 5), ("3", 15), ("4", 25)):
        canvas.send_keys(key)
        draw(drawing, [(row, 10), (row, 30)])
    assert len(entries_of(begun)) < 3
    canvas.send_keys("\ue009z")
    drawn(drawing, 3)
    drawn(drawing, 2)

    assert [one["code"] for one in strokes_of(begun)] == [1, 2, 6]
    assert entries_of(begun)[-1]["takes_back"] == 3
    assert faults(drawing) == []


def colours_along(driver: Any, corner: Place) -> list[list[int]]:
    """Colours of the screen from the pixel above and left of a corner to that within."""
    body = """
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
        const [[row, column], [height, width]] = given;
        const canvas = document.querySelector("canvas.map");
        const scale = Math.min(canvas.width / width, canvas.height / height);
        const x = canvas.width / 2 + (column - width / 2) * scale;
        const y = canvas.height / 2 + (row + 0.5 - height / 2) * scale;
        const copy = document.createElement("canvas");
        [copy.width, copy.height] = [13, 1];
        const context = copy.getContext("2d", {willReadFrequently: true});
        context.drawImage(canvas, Math.round(x) - 6, Math.round(y), 13, 1, 0, 0, 13, 1);
        const seen = [...context.getImageData(0, 0, 13, 1).data];
        return Array.from({length: 13}, (_, k) => seen.slice(4 * k, 4 * k + 3));
    """
    colours: list[list[int]] = in_page(driver, body, corner, SHAPE)
    return colours


def test_places_that_are_worth_a_stroke_are_gone_to(drawing: Any, begun: str) -> None:
    draw(drawing, ACROSS)
    drawn(drawing, 1)
    whole = text_of(drawing, ".scale-bar")
    proposed = httpx.get(f"{begun}/proposals?budget_percent=5").json()["proposals"]
    press(drawing, "#next")

    until(drawing, "#places button[aria-pressed=true]", lambda text: text == "1")
    buttons = drawing.find_elements("css selector", "#places button[aria-pressed]")
    assert len(buttons) == min(len(proposed), 12)
    assert text_of(drawing, ".scale-bar") != whole
    drawing.find_element("css selector", "canvas.map").send_keys("0")
    assert text_of(drawing, ".scale-bar") == whole
    region = proposed[0]["region"]
    corner = region["row"], region["column"]
    assert PINK in colours_along(drawing, corner)
    drawing.find_elements("css selector", "#places button")[-1].click()
    assert PINK not in colours_along(drawing, corner)
    assert faults(drawing) == []


def test_a_narrow_screen_has_room_for_all_of_it(drawing: Any) -> None:
    narrow = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    drawing.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    assert drawing.execute_script("return document.documentElement.scrollWidth") <= 360
    palette, canvas = (
        drawing.find_element("css selector", one).rect["y"] for one in (".palette", "canvas.map")
    )
    assert palette < canvas

"""The page's own strokes and label pictures, held against numpy."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.http_service import png
from tests.page.browser import in_page, needs_browser

pytestmark = needs_browser


def encoded(pixels: NDArray[np.uint8]) -> str:
    return base64.b64encode(png(pixels)).decode()


LAY = """
    const {readGreyPng} = await import("/web/grey_png.js");
    const {LabelMap} = await import("/web/label_map.js");
    const bytes = Uint8Array.from(atob(given[0]), (one) => one.charCodeAt(0));
    const grid = await readGreyPng(new Blob([bytes]).stream(), given[1]);
    const map = new LabelMap(grid, new Uint32Array(256).map((_, k) => 0xff000000 + k));
    await map.lay(given[2], given[3]);
    const seen = map.picture.getContext("2d").getImageData(0, 0, grid.columns, grid.rows).data;
    return [grid.step, [...grid.values], [...seen].filter((_, k) => k % 4 === 0)];
"""


@pytest.mark.parametrize("most", [10**6, 2000, 315])
@pytest.mark.parametrize("part", [(0, 0, 61, 43), (7, 5, 20, 11), (60, 42, 1, 1), (13, 0, 1, 43)])
def test_a_part_is_laid_into_whole_and_thinned_labels(
    most: int, part: tuple[int, int, int, int], browser: Any
) -> None:
    random = np.random.default_rng(3)
    before = random.integers(0, 38, (61, 43), dtype=np.uint8)
    row, column, height, width = part
    patch = random.integers(100, 138, (height, width), dtype=np.uint8)
    after = before.copy()
    after[row : row + height, column : column + width] = patch
    rectangle = {"row": row, "column": column, "height": height, "width": width}

    step, values, seen = in_page(browser, LAY, encoded(before), most, encoded(patch), rectangle)

    assert step == {10**6: 1, 2000: 2, 315: 3}[most]
    assert values == after[::step, ::step].ravel().tolist()
    assert seen == values


LONG = """
    const {Pencil} = await import("/web/pencil.js");
    let lifted = null;
    const pencil = new Pencil({width: 4000, height: 3000}, {
        tool: () => ({code: 1, widthPx: 5, exact: false}),
        onStroke: (stroke) => { lifted = stroke; },
        onChange: () => {},
    });
    pencil.begin({button: 0, pointerType: "mouse", buttons: 1}, [0.5, 0.5]);
    for (let k = 1; k <= given[0]; k += 1) pencil.draw([0.5 + k * 0.6, 5000], 1.8);
    pencil.lift();
    return lifted.points;
"""


def test_a_long_stroke_stays_one_step_on_the_image(browser: Any) -> None:
    points = np.array(in_page(browser, LONG, 6000))

    assert 1000 < len(points) <= 2001
    assert points[0].tolist() == [0.0, 0.0]
    assert points[-1, 1] == pytest.approx(3600, abs=5)
    assert points[1:, 0].tolist() == [2999.4] * (len(points) - 1)
    assert np.diff(points[:, 1]).max() < 8

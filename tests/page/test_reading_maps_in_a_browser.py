"""The page's own reading of label images gives what was written, whole or thinned."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.http_service import png
from tests.page.browser import in_page, needs_browser, until

pytestmark = needs_browser

READ = """
    const {readGreyPng} = await import("/web/grey_png.js");
    const bytes = Uint8Array.from(atob(given[0]), (one) => one.charCodeAt(0));
    const pieces = [];
    for (let k = 0; k < bytes.length; k += 997) pieces.push(bytes.slice(k, k + 997));
    const body = new ReadableStream({
        pull(to) { pieces.length ? to.enqueue(pieces.shift()) : to.close(); },
    });
    const grid = await readGreyPng(body, given[1]);
    return [grid.height, grid.width, grid.step, grid.rows, grid.columns, [...grid.values]];
"""


def read(driver: Any, content: bytes, most: int = 10**9) -> tuple[list[int], NDArray[np.uint8]]:
    """Size and step, and the values by rows and columns."""
    encoded = base64.b64encode(content).decode()
    height, width, step, rows, columns, values = in_page(driver, READ, encoded, most)
    return [height, width, step], np.array(values, dtype=np.uint8).reshape(rows, columns)


def filtered(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG whose rows use all five filters in turn, as the specification defines them."""
    height, width = pixels.shape
    wide = np.pad(pixels.astype(int), ((1, 0), (1, 0)))
    here, left, up, corner = wide[1:, 1:], wide[1:, :-1], wide[:-1, 1:], wide[:-1, :-1]
    estimate = left + up - corner
    apart = np.abs(np.stack([estimate - left, estimate - up, estimate - corner]))
    paeth = np.take_along_axis(np.stack([left, up, corner]), apart.argmin(0)[None], 0)[0]
    differences = [here, here - left, here - up, here - (left + up) // 2, here - paeth]
    rows = b"".join(
        bytes([row % 5]) + differences[row % 5][row].astype(np.uint8).tobytes()
        for row in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(rows)
    chunks = [(b"IHDR", head), (b"IDAT", packed[:50]), (b"IDAT", packed[50:]), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )  # fmt: skip


def test_every_filter_is_undone(browser: Any) -> None:
    until(browser, "#images")
    rows, columns = np.mgrid[0:61, 0:43]
    pixels = ((rows * columns + 3 * rows) % 256).astype(np.uint8)
    pixels[20:40] = np.random.default_rng(1).integers(0, 256, (20, 43))
    content = filtered(pixels)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), pixels)

    size, values = read(browser, content)

    assert size == [61, 43, 1]
    np.testing.assert_array_equal(values, pixels)


@pytest.mark.parametrize(("most", "step"), [(61 * 43, 1), (61 * 43 - 1, 2), (315, 3), (4, 31)])
def test_a_large_map_is_thinned_by_a_whole_number(most: int, step: int, browser: Any) -> None:
    until(browser, "#images")
    pixels = np.random.default_rng(2).integers(0, 38, (61, 43), dtype=np.uint8)

    size, values = read(browser, png(pixels), most)

    assert size == [61, 43, step]
    np.testing.assert_array_equal(values, pixels[::step, ::step])


def test_what_is_no_map_is_refused(browser: Any) -> None:
    until(browser, "#images")
    grey = png(np.zeros((30, 40), dtype=np.uint8))
    for content in (
        png(np.zeros((3, 4, 3), dtype=np.uint8)),
        grey[:40],
        b"no image at all, but long enough",
    ):
        with pytest.raises(AssertionError, match=r"wanted a PNG|breaks off|ends after"):
            read(browser, content)

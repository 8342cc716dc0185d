"""Plots: what stands in them, equal bytes, and every odd report."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from petrography.minerals import MINERALS
from petrography.report import Contacts, Result, exports, label_image_result
from petrography.report.plots import association_map, modal_bars, rendered, size_curves
from petrography.statistics import Grains, measure_grains, modal_composition


def painted(seed: int = 0, codes: tuple[int, ...] = (0, 0, 1, 6, 8)) -> np.ndarray[Any, Any]:
    blocks = np.random.default_rng(seed).choice(codes, (24, 30))
    return np.kron(blocks, np.ones((6, 6), dtype=np.int64)).astype(np.uint8)


def report(labels: np.ndarray[Any, Any], um_per_px: float | None = 0.5) -> tuple[Result, Grains]:
    grains = measure_grains(labels)
    result = label_image_result(
        modal_composition(labels), grains, identity="a1", um_per_px=um_per_px
    )
    return result, grains


def texts(figure: Figure) -> str:
    FigureCanvasAgg(figure).draw()
    shown = (one.get_text() for one in figure.findobj(Text) if one.get_visible())
    return " ".join(" ".join(shown).split())


CONTACTS = Contacts(codes=(0, 1, 8), length_px=((0, 30, 10), (30, 0, 90), (10, 90, 0)))
EMPTY = np.zeros((60, 80), dtype=np.uint8)
ALL_PHASES = np.kron(
    np.resize(np.array(list(MINERALS), dtype=np.uint8), (8, 8)), np.ones((6, 6), dtype=np.uint8)
)


# --- what stands in them ---------------------------------------------------------------------


def test_bars_are_the_shares_and_numbers_stand_beside_them() -> None:
    result, _ = report(painted())
    figure = modal_bars(result)
    (axes,) = figure.axes
    by_share = sorted(result.modal, key=lambda one: -one.area_percent)
    bars = axes.containers
    assert [bar[0].get_width() for bar in bars] == [one.area_percent for one in by_share]
    copper = [one.code for one in by_share].index(1)
    colour = bars[copper][0].get_facecolor()[:3]
    np.testing.assert_allclose(colour, np.array(MINERALS[1].colour_rgb) / 255)
    text = texts(figure)
    for one in by_share:
        assert one.ci95 is not None
        assert f"{one.area_percent:.2f}" in text
        assert f"{one.ci95[0]:.2f} – {one.ci95[1]:.2f}" in text
    assert "n = 25 920 px of one image" in text
    assert "95 % interval by block bootstrap" in text


def test_intervals_reach_from_bound_to_bound() -> None:
    result, _ = report(painted())
    (axes,) = modal_bars(result).axes
    by_share = sorted(result.modal, key=lambda one: -one.area_percent)
    lines = [tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2]
    assert lines == [one.ci95 for one in by_share]


@pytest.mark.parametrize(("um_per_px", "unit"), [(None, "px"), (0.5, "µm")])
def test_curves_pass_through_the_quantiles_of_the_report(
    um_per_px: float | None, unit: str
) -> None:
    result, grains = report(painted(), um_per_px)
    figure = size_curves(result, grains)
    for axes, by in zip(figure.axes, ("number", "area"), strict=True):
        assert unit in axes.get_xlabel()
        curves = [line for line in axes.lines if len(line.get_xdata()) > 3]
        entries = sorted(result.grains.values(), key=lambda one: one.code)
        assert len(curves) == len(entries) == 3
        for curve, entry in zip(curves, entries, strict=True):
            sizes = entry.ecd_px if um_per_px is None else entry.ecd_um
            assert sizes is not None
            size, passing = (np.asarray(one, dtype=np.float64) for one in curve.get_data())
            assert (np.diff(passing) >= 0).all()
            assert passing[-1] == pytest.approx(100.0)
            for share in (20, 50, 80):
                found = np.interp(share, passing, np.log(size))
                # Quantiles by number are interpolated on the size itself, the axis is its log.
                assert np.exp(found) == pytest.approx(getattr(sizes, f"{by}_p{share}"), rel=0.02)
    assert f"n = {len(grains)} grains of one image" in texts(figure)


def test_long_curves_are_thinned_and_keep_their_shape() -> None:
    labels = np.zeros((1200, 1200), dtype=np.uint8)
    rng = np.random.default_rng(5)
    for row in range(0, 1200, 24):
        for column in range(0, 1200, 24):
            side = rng.integers(4, 23)
            labels[row : row + side, column : column + rng.integers(4, 23)] = 1
    result, grains = report(labels)
    assert len(grains) == 2500
    number, area = size_curves(result, grains).axes
    for axes, by in ((number, "number"), (area, "area")):
        (curve,) = (line for line in axes.lines if len(line.get_xdata()) > 3)
        size, passing = (np.asarray(one, dtype=np.float64) for one in curve.get_data())
        assert len(size) < 500
        sizes = result.grains["Ccp"].ecd_um
        for share in (20, 50, 80):
            found = np.interp(share, passing, size)
            assert found == pytest.approx(getattr(sizes, f"{by}_p{share}"), rel=0.01)


def test_cells_of_the_map_are_shares_of_the_boundary_of_their_row() -> None:
    result, _ = report(painted())
    figure = association_map(result, CONTACTS)
    (image,) = figure.axes[0].images
    percent = np.asarray(image.get_array())
    np.testing.assert_allclose(percent, [[0, 75, 25], [25, 0, 75], [10, 90, 0]])
    text = texts(figure)
    assert "chalcopyrite (Ccp), 60 µm" in text
    assert "n = 65 µm of contacts" in text


# --- every odd report ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "um_per_px"),
    [(EMPTY, None), (ALL_PHASES, 1e-3), (np.ones((4, 4), dtype=np.uint8), 100.0)],
)
def test_odd_reports_have_plots(labels: np.ndarray[Any, Any], um_per_px: float | None) -> None:
    result, grains = report(labels, um_per_px)
    assert "Modal composition" in texts(modal_bars(result))
    assert "Grain size by area" in texts(size_curves(result, grains))


def test_nothing_in_contact_is_said() -> None:
    result, _ = report(EMPTY)
    alone = Contacts(codes=(0,), length_px=((0.0,),))
    assert "no contacts" in texts(association_map(result, alone))
    assert "no grains" in texts(size_curves(*report(EMPTY)))


# --- pictures --------------------------------------------------------------------------------


def drawn(write: Callable[[BinaryIO], None]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


@pytest.mark.parametrize("name", ["modal", "sizes", "association"])
def test_pictures_are_equal_bytes_of_the_stated_form(name: str) -> None:
    result, grains = report(painted())
    result = result.model_copy(update={"contacts": CONTACTS})
    writers = exports(result, grains, identity="a1")
    svg, png = (drawn(writers[f"{name}.{form}"]) for form in ("svg", "png"))
    assert (svg, png) == tuple(drawn(writers[f"{name}.{form}"]) for form in ("svg", "png"))
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert b"<dc:date>" not in svg
    picture = Image.open(io.BytesIO(png))
    # 180 mm at twice the 96 px to the inch of a screen.
    assert picture.width == pytest.approx(180 / 25.4 * 192, abs=1)


def test_many_threads_draw_the_same_and_leave_the_style_alone() -> None:
    result, _ = report(painted())
    before = dict(mpl.rcParams)
    alone = rendered(lambda: modal_bars(result), "svg", title="t")
    ready = threading.Barrier(4)

    def draw(_: int) -> bytes:
        ready.wait()
        return rendered(lambda: modal_bars(result), "svg", title="t")

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(draw, range(4))) == {alone}
    assert dict(mpl.rcParams) == before


def test_plots_of_contacts_are_offered_where_there_are_contacts() -> None:
    result, grains = report(painted())
    assert "association.svg" not in exports(result, grains, identity="a1")

"""Simulated strokes on images whose truth is known: how much they label, and how right."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench_annotation import COUNTS, figures_of, photographed
from petrography.phantoms import phantom

LABELLED, RIGHT, CONFIDENCE, BY_COLOUR, BY_PLACE = range(5)


@pytest.mark.parametrize(("recipe", "right"), [("S1", 0.96), ("S2", 0.94)])
def test_strokes_on_phantoms_label_most_and_that_right(recipe: str, right: float) -> None:
    scene = phantom(recipe, seed=0, height_px=637, width_px=849)
    rows = np.array(figures_of(scene.image, scene.labels))
    assert rows[0, LABELLED] >= 0.3
    assert rows[-1, LABELLED] >= 0.7
    assert (rows[COUNTS.index(40) :, RIGHT] >= right).all()
    assert rows[-1, RIGHT] > max(rows[-1, BY_COLOUR], rows[-1, BY_PLACE])


@pytest.mark.lumenstone
def test_strokes_on_photographs_are_as_right_as_they_say() -> None:
    folder = os.environ.get("PETROSERVE_LUMENSTONE")
    if folder is None:
        pytest.skip("PETROSERVE_LUMENSTONE names no folder of real images")
    figures = np.array([figures_of(*one) for one in photographed(Path(folder), 6)])
    of_forty = np.median(figures, axis=0)[COUNTS.index(40)]
    assert of_forty[LABELLED] >= 0.6
    assert of_forty[RIGHT] >= 0.97
    assert of_forty[RIGHT] > max(of_forty[BY_COLOUR], of_forty[BY_PLACE])
    assert of_forty[CONFIDENCE] == pytest.approx(of_forty[RIGHT], abs=0.02)

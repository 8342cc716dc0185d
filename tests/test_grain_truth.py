"""Shares, P80 and contact lengths of grains of known size, by `petroserve measure`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.known_grains import compare, scatter_grains
from petrography.image_codec import encode_png
from petrography.report import Result
from tests.command_runs import Run

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.mark.parametrize(
    ("scatter", "median_px", "a_side"),
    [("ellipses", 12.0, 12), ("squares", 12.0, 12), ("rimmed discs", 48.0, 4)],
)
def test_grains_of_known_size_are_measured_within_their_bounds(
    run: Run, tmp_path: Path, scatter: str, median_px: float, a_side: int
) -> None:
    known = scatter_grains(scatter, median_px, 1, a_side=a_side)
    labels, out = tmp_path / "labels.png", tmp_path / "out"
    labels.write_bytes(encode_png(known.labels))
    assert run("measure", labels, "--out", out)[0] == 0
    result = Result.model_validate_json((out / "result.json").read_bytes())

    for entry in result.modal:
        assert entry.area_px == np.count_nonzero(known.labels == entry.code)
        # Percentages are written with four decimals.
        counted = entry.area_px / known.labels.size
        assert entry.area_percent / 100 == pytest.approx(counted, abs=0.501e-6)
    compared = list(compare(known, result))
    assert {one.figure for one in compared} == {"share of the field", "P80", "contact length"}
    for one in compared:
        assert one.is_within, one
        # What is allowed is a matter of per cents, not whatever comes out.
        assert one.bound + abs(one.bias) < 0.05

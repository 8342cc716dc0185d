"""The benchmark of the 2021 paper's run trains on what it paints."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from benchmarks import bench_training
from benchmarks.bench_training import painted, table, timed

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:.*tensorboard.*:DeprecationWarning"),
]


def test_the_whole_run_is_the_steps_measured_times_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many fields, so that they are split as they will be; small ones are painted sooner.
    monkeypatch.setattr(bench_training, "HEIGHT_PX", 256)
    monkeypatch.setattr(bench_training, "WIDTH_PX", 256)

    one = timed(painted(tmp_path / "data"), tmp_path, workers=0, mixed_precision=False, steps=1)

    assert one.seconds_per_step > 0.0
    assert 0.0 <= one.waiting_fraction <= 1.0
    hours = one.seconds_per_step * 26 * 375 / 3600.0
    assert f"| {hours:.1f} |" in table([one], 1)

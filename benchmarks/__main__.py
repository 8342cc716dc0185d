"""``make bench``: run the benchmarks that need nothing from elsewhere and append the tables.

That takes some hours on two cores; each script also runs by itself. What is left out says why in
`NEEDING_MORE`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = (
    "bench_networks.py",
    "bench_phantoms.py",
    "bench_annotation.py",
    "bench_modal_intervals.py",
    "bench_calibration.py",
    "bench_contacts.py",
    "bench_grains.py",
    "bench_grain_truth.py",
    "bench_registration.py",
    "bench_stitching.py",
    "bench_panorama_labels.py",
    "bench_annotation_steps.py",
    "bench_training.py",
    "bench_exports.py",
    "bench_concurrency.py",
    "bench_inference_protocol.py",
    "bench_telemetry.py",
    "bench_switches.py",
    "bench_submissions.py",
    "bench_kill.py",
    "bench_memory.py",
    "bench_start.py",
)
NEEDING_MORE = {
    "bench_batch.py": "Ray (extra batch)",
    "bench_folds.py": "photographs of sandstones and of LumenStone (CONFIG.toml...)",
    "bench_map_errors.py": "LumenStone's validation images (--data)",
    "bench_tiling.py": "LumenStone's validation images (PETROSERVE_LUMENSTONE)",
    "bench_xpl_fusion.py": "a model trained as the twin of the one that is judged (--twin)",
}


def main() -> None:
    """Run the benchmarks one after the other."""
    for model in sorted(one.name for one in (HERE.parent / "models").iterdir() if one.is_dir()):
        command = [sys.executable, str(HERE / "bench_analysis.py"), "--model", model, "--record"]
        subprocess.run(command, check=True)
    for script in SCRIPTS:
        subprocess.run([sys.executable, str(HERE / script), "--record"], check=True)


if __name__ == "__main__":
    main()

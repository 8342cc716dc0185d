"""Schemathesis makes requests from the OpenAPI document; every answer is as the document says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.http_service import settings_for
from tests.served import served
from tests.tiny_model import write_model

WITHIN_S = 300.0


def test_answers_are_as_the_document_says(tmp_path: Path) -> None:
    write_model(tmp_path / "models")
    settings = settings_for(tmp_path / "models", tmp_path / "artefacts", queue_length=20)
    with served(settings) as address:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"),
                *("--phases", "fuzzing", "--max-examples", "2", "--seed", "6", "--no-color"),
                *("--suppress-health-check", "all"),
                # Whether an image can be analysed no schema says: bytes that are none are refused.
                *("--exclude-checks", "positive_data_acceptance"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Operations:" in done.stdout

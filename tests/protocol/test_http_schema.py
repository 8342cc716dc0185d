"""The OpenAPI document has every route; Schemathesis asks as it says, and so is every answer."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.http_service import settings_for
from tests.served import served
from tests.tiny_model import write_model

WITHIN_S = 300.0
OPEN_INFERENCE = {
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/repository/index",
    "/v2/models/stats",
    *(
        f"/v2/models/{{model}}{version}{what}"
        for version in ("", "/versions/{version}")
        for what in ("", "/ready", "/config", "/stats", "/infer")
    ),
}
LIMS_FILES = ("senaite.csv", "edd-long.csv", "edd-wide.csv")


@pytest.mark.anyio
async def test_the_openapi_document_describes_what_is_there(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    kept = {
        f"/v1/{kind}"
        for kind in (
            *("analyses", "calibrations", "registrations", "panoramas", "evaluations"),
            "annotations",
        )
    }
    assert {
        *kept,
        *(f"{root}/{{result_id}}" for root in kept),
        *(f"{root}/{{result_id}}/{{artefact}}" for root in kept),
        *(f"/v1/analyses/{{result_id}}/{name}" for name in LIMS_FILES),
        "/v1/analyses/{result_id}/result.json",
        "/v1/analyses/{result_id}/events",
        "/v1/analyses/{result_id}/corrections",
        "/v1/analyses/{result_id}/callbacks",
        "/v1/analyses/{result_id}/callbacks/redeliveries",
        "/v1/annotations/{result_id}/steps",
        "/v1/annotations/{result_id}/steps/{number}",
        "/v1/annotations/{result_id}/proposals",
        "/v1/estimate",
        "/v1/models",
        "/v1/models/{name}",
        "/",
        "/livez",
        "/readyz",
        "/metrics",
        *OPEN_INFERENCE,
    } == set(document["paths"])
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)))
    assert {
        f"components/schemas/{name}Request"
        for name in (
            *("Analysis", "Calibration", "Registration", "PanoramaJob", "Evaluation"),
            *("Annotation", "Step"),
        )
    } <= references
    for reference in references:
        node = document
        for step in reference.split("/"):
            node = node[step]
    file = document["paths"]["/v1/analyses/{result_id}/{artefact}"]["get"]["responses"]
    assert {"image/png", "text/csv", "application/geo+json"} <= set(file["200"]["content"])
    docs = await client.get("/docs")
    assert "swagger-ui" in docs.text


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

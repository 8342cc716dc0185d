"""Results of painted label images, for the tests of what laboratories are given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrography.report import (
    ModelReference,
    Quality,
    Result,
    Sample,
    Scale,
    Uncertainty,
    definitions,
    grain_entries,
    modal_basis,
    modal_entries,
    modal_uncertainty,
    not_found,
    rounded_element_intervals,
    rounded_elements,
)
from petrography.statistics import measure_grains, modal_composition, summarise_grains

POSSIBLE = (0, 1, 2, 4, 6, 8)


def painted_labels() -> NDArray[np.uint8]:
    """64 grains of two minerals on background: chalcopyrite 8.33 %, sphalerite 6.25 %."""
    labels = np.zeros((240, 320), dtype=np.uint8)
    for row in range(8):
        for column in range(8):
            top, left = row * 30, column * 40
            code, side = ((1, 20), (8, 14))[(row + column) % 2]
            labels[top : top + side, left + 3 * (row % 3) : left + 3 * (row % 3) + side] = code
    return labels


def painted_result(
    sample: str | None = "SEC-0001", *, um_per_px: float | None = 0.5, **fields: Any
) -> Result:
    """The result of `painted_labels`, of a model that looked for six phases."""
    labels = painted_labels()
    composition, grains = modal_composition(labels, looked_for=POSSIBLE), measure_grains(labels)
    known: dict[str, Any] = {
        "id": "4d7f6f2e-0000-4000-8000-000000000001",
        # Not validated: what the formats do with a name must not rest on who checked it before.
        "sample": Sample.model_construct(
            id=sample, section="A", operator="Ada", instrument="Axio-1"
        ),
        "model": ModelReference(name="tiny", version=2, sha256="0" * 64),
        "scale": None if um_per_px is None else Scale(um_per_px=um_per_px, source="request"),
        "modal": modal_entries(
            composition,
            um_per_px=um_per_px,
            uncertainties=modal_uncertainty(composition),
        ),
        "not_found": not_found(composition),
        "modal_basis": modal_basis(composition),
        "element_percent": rounded_elements(composition),
        "element_ci95": rounded_element_intervals(composition),
        "grains": grain_entries(summarise_grains(grains), um_per_px=um_per_px),
        "quality": Quality(
            focus=0.1,
            clipping=0.0,
            dark_fraction=0.0,
            hue_distance=None,
            calibrate_first=False,
            colour_distance=None,
            warnings=(),
        ),
        "degradations": (),
        "uncertainty": Uncertainty(mean_confidence=0.9, ece=0.01),
        "timings_s": {},
        "artefacts": (),
        "definitions": definitions(composition, grains),
        "provenance": {
            "started_utc": "2026-11-20T21:04:00+00:00",
            "finished_utc": "2026-11-20T21:09:30+00:00",
            "image": {"fields": 1},
            "parameters": {"possible_codes": list(POSSIBLE)},
        },
    }
    return Result(**(known | fields))

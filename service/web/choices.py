"""What the page lets people choose from, and the colours of minerals: ``choices.json``."""

from __future__ import annotations

import json

from petrography.minerals import ASSOCIATIONS, MINERALS, UNLABELLED_CODE
from petrography.pipeline import MEDIA_TYPES, ON_REQUEST

__all__ = ["choices_json"]

# No choice: they describe the analysis, and every one has them.
_ALWAYS = frozenset({"result.json", "provenance.json"})


def choices_json() -> bytes:
    """Write the minerals with their colours, the associations, and the files of an analysis.

    Returns
    -------
    bytes
        JSON in UTF-8: ``minerals`` (code, symbol, name, colour_rgb as sRGB 0-255),
        ``unlabelled_code``, ``associations`` (codes by name), and ``outputs`` that are made by
        ``default`` and ``on_request``.
    """
    named = [name for name in MEDIA_TYPES if name not in _ALWAYS]
    document = {
        "minerals": [
            {
                "code": phase.code,
                "symbol": phase.symbol,
                "name": phase.name,
                "colour_rgb": phase.colour_rgb,
            }
            for phase in MINERALS.values()
        ],
        "unlabelled_code": UNLABELLED_CODE,
        "associations": ASSOCIATIONS,
        "outputs": {
            "default": [name for name in named if name not in ON_REQUEST],
            "on_request": [name for name in named if name in ON_REQUEST],
        },
    }
    return json.dumps(document, ensure_ascii=False).encode()

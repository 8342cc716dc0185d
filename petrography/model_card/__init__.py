"""The card that travels with every model: what goes in, what comes out, how good it is.

`model.json` beside `model.onnx` is this class as JSON. Export writes it, the service refuses a
model without it, training and the pipeline read the same fields, so they cannot drift apart.
"""

from petrography.model_card.card import (
    ModelCard,
    TileGeometry,
    newest_version,
    parse_card,
    sha256_hex,
)
from petrography.model_card.card_fields import Precision
from petrography.model_card.measurements import (
    Calibration,
    Evaluation,
    ImageScores,
    JudgedBy,
    Parity,
    TrainingRecord,
)
from petrography.model_card.proofs import (
    Derivation,
    GridShift,
    HaloProof,
    Timing,
    VariantScore,
)

__all__ = [
    "Calibration",
    "Derivation",
    "Evaluation",
    "GridShift",
    "HaloProof",
    "ImageScores",
    "JudgedBy",
    "ModelCard",
    "Parity",
    "Precision",
    "TileGeometry",
    "Timing",
    "TrainingRecord",
    "VariantScore",
    "newest_version",
    "parse_card",
    "sha256_hex",
]

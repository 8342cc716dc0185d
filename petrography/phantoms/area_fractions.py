"""What a label image holds."""

from __future__ import annotations

import numpy as np

from petrography.images import Labels

__all__ = ["area_fractions"]


def area_fractions(labels: Labels) -> dict[str, float]:
    """Share of the area of each code that occurs, by the code as text."""
    codes, counts = np.unique(labels, return_counts=True)
    return {str(code): int(count) / labels.size for code, count in zip(codes, counts, strict=True)}

"""Temperature scaling: one number that makes confidence mean what it says.

References
----------
Guo, Pleiss, Sun & Weinberger 2017, doi:10.48550/arXiv.1706.04599.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch import nn

from petrography.errors import ConfigurationError
from petrography.minerals import class_index_table
from petrography.model_card import Calibration, TileGeometry
from petrography.tiling import plan_tiles, read_window
from training.batches import IGNORED_INDEX
from training.lumenstone import Field

__all__ = ["ScoredPixels", "calibrate", "expected_calibration_error", "fit_temperature"]

BINS = 15  # as in the paper
# Neighbouring pixels say the same twice: a few thousand a tile fit one number as well as all.
PIXELS_PER_TILE = 2000
_LOG_TEMPERATURE_BOUNDS = (-2.0, 2.0)  # e^-2 to e^2: beyond, something else is wrong


@dataclass(frozen=True)
class ScoredPixels:
    """A sample of annotated pixels of one field.

    Attributes
    ----------
    logits : ndarray of float32, shape (n, K)
        Scores at temperature 1; classes that may not occur are at -inf.
    target : ndarray of intp, shape (n,)
        True class indices.
    """

    logits: NDArray[np.float32]
    target: NDArray[np.intp]


def calibrate(
    network: nn.Module,
    fields: Sequence[Field],
    *,
    classes: Sequence[int],
    geometry: TileGeometry,
    data: str,
    same_ore: Sequence[Sequence[str]] = (),
) -> Calibration:
    """Fit the temperature on validation fields and measure the calibration error.

    The error after scaling is cross-fitted: one half of the ores is judged with the temperature of
    the other and the other way round, so that no pixel is judged by itself or by its like. The
    published temperature is that of all fields; where scaling does not lower the cross-fitted error
    it stays 1.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, on the CPU; maps (N, C, H, W), 0-255, to logits.
    fields : sequence of Field
        At least two, none of them trained on.
    classes : sequence of int
        Codes of the outputs.
    geometry : TileGeometry
        How fields are cut.
    data : str
        Description of the fields, for the card.
    same_ore : sequence of sequence of str
        Names of fields that show the same ore: they stay in one half.

    Raises
    ------
    ConfigurationError
        If there are fewer than two fields of different ore.
    """
    half_of = _halves([field.name for field in fields], same_ore)
    if len(set(half_of)) < 2:
        msg = (
            "calibration wants at least two validation fields of different ore, given "
            f"{len(fields)}{' of one' if fields else ''}"
        )
        raise ConfigurationError(msg)
    scored = [
        _scored_pixels(network, field, classes, geometry, seed) for seed, field in enumerate(fields)
    ]
    halves = [[one for one, half in zip(scored, half_of, strict=True) if half == k] for k in (0, 1)]
    crossed = [(half, fit_temperature(other)) for half, other in (halves, halves[::-1])]
    before, after = _error([(scored, 1.0)]), _error(crossed)
    helps = after < before
    return Calibration(
        temperature=fit_temperature(scored) if helps else 1.0,
        bins=BINS,
        ece_before=before,
        ece_after=after if helps else before,
        data=data,
    )


def _halves(names: Sequence[str], same_ore: Sequence[Sequence[str]]) -> list[int]:
    """Give every field to one of two halves, ores in turn."""
    ore_of = {name: min(group) for group in same_ore for name in group}
    ores = list(dict.fromkeys(ore_of.get(name, name) for name in names))
    return [ores.index(ore_of.get(name, name)) % 2 for name in names]


def fit_temperature(scored: Sequence[ScoredPixels]) -> float:
    """Temperature of least negative log-likelihood of the true classes."""

    def loss(log_temperature: float) -> float:
        return sum(_log_loss(one, np.exp(log_temperature)) for one in scored)

    found = minimize_scalar(loss, bounds=_LOG_TEMPERATURE_BOUNDS, method="bounded")
    return float(np.exp(found.x))


def expected_calibration_error(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = BINS
) -> float:
    """Mean difference of confidence and accuracy over equal bins of confidence, weighted by pixels.

    Parameters
    ----------
    confidence : ndarray of float, shape (n,)
        Highest probability, in [0, 1].
    correct : ndarray of bool, shape (n,)
        Whether that class is the true one.
    bins : int
        Equal bins of [0, 1].

    Returns
    -------
    float
        In [0, 1]; 0 is perfect.

    Examples
    --------
    >>> expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    index = np.minimum((confidence * bins).astype(np.intp), bins - 1)
    gaps = np.bincount(index, weights=confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def _error(groups: Sequence[tuple[Sequence[ScoredPixels], float]]) -> float:
    confidence, correct = [], []
    for scored, temperature in groups:
        for one in scored:
            probabilities = np.exp(log_softmax(one.logits / temperature, axis=1))
            confidence.append(probabilities.max(axis=1))
            correct.append(probabilities.argmax(axis=1) == one.target)
    return expected_calibration_error(np.concatenate(confidence), np.concatenate(correct))


def _log_loss(scored: ScoredPixels, temperature: float) -> float:
    log_probabilities = log_softmax(scored.logits / temperature, axis=1)
    return -float(log_probabilities[np.arange(len(scored.target)), scored.target].sum())


@torch.inference_mode()
def _scored_pixels(
    network: nn.Module, field: Field, classes: Sequence[int], geometry: TileGeometry, seed: int
) -> ScoredPixels:
    """Score a random sample of the annotated pixels of every tile."""
    rng = np.random.default_rng(seed)
    index_of = class_index_table(classes, other=IGNORED_INDEX)
    impossible = np.array([code not in field.annotated for code in classes])
    logits, targets = [], []
    for row in plan_tiles(field.truth.shape[0], field.truth.shape[1], geometry):
        for tile in row:
            pixels = np.ascontiguousarray(read_window(field.image, tile.read).transpose(2, 0, 1))
            scores = network(torch.from_numpy(pixels)[None].float())[0].numpy()
            write, read = tile.write, tile.read
            truth = field.truth[
                write.row : write.row + write.height, write.col : write.col + write.width
            ]
            rows, cols = np.nonzero(index_of[truth] != IGNORED_INDEX)
            chosen = rng.permutation(len(rows))[:PIXELS_PER_TILE]
            rows, cols = rows[chosen], cols[chosen]
            targets.append(index_of[truth[rows, cols]].astype(np.intp))
            logits.append(scores[:, rows + write.row - read.row, cols + write.col - read.col].T)
    scores = np.concatenate(logits)
    scores[:, impossible] = -np.inf
    return ScoredPixels(scores, np.concatenate(targets))

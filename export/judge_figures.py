"""Held-out figures for a network that was trained on all images.

Such a network has no images left to be judged on. An earlier version, trained by the same recipe
without the validation images, lends it what was measured on them; its card says whose figures
they are. Network, classes, channels, tiles, images and split must be the same; where the rest of the
recipe is another (seed, epochs, learning rate, augmentation), log and card say so.
"""

from __future__ import annotations

import logging
from pathlib import Path

from export.config_lines import config_of_card
from export.judging import verified_model
from export.recipe_differences import recipe_differences
from petrography.errors import ConfigurationError
from petrography.model_card import JudgedBy, ModelCard, TileGeometry
from training.config import TrainingConfig
from training.earlier_runs import doubts_about_told_runs
from training.lumenstone import data_sha256
from training.networks.description import described
from training.splitting import split_paths

__all__ = ["judge_of", "judged_by"]

_LOG = logging.getLogger(__name__)


def judge_of(
    config: TrainingConfig, geometry: TileGeometry, folder: Path | None
) -> ModelCard | None:
    """Read the card of the version that judges a network; None where it needs no judge.

    Parameters
    ----------
    config : TrainingConfig
        Of the network that is exported; its `data` lie where they are now.
    geometry : TileGeometry
        How its tiles are cut.
    folder : Path or None
        ``models/<name>/<version>`` of the judge.

    Raises
    ------
    ConfigurationError
        If a judge is missing, not wanted, of another kind, saw other images than those of the
        split, or started from a run that did.
    ModelCardError
        If its folder is broken.
    """
    if folder is None and not config.data.train_on_all:
        return None
    if folder is None:
        msg = (
            f"{config.name} was trained on all images, its validation images among them; wanted a "
            "version that was trained without them (--judged-by MODELS/NAME/VERSION)"
        )
        raise ConfigurationError(msg)
    if not config.data.train_on_all:
        msg = f"{config.name} has validation images of its own; wanted no --judged-by {folder}"
        raise ConfigurationError(msg)
    card, _ = verified_model(folder)
    _require_same_kind(card, config, geometry, folder)
    _require_same_split(card, config, folder)
    return card


def _require_same_kind(
    card: ModelCard, config: TrainingConfig, geometry: TileGeometry, folder: Path
) -> None:
    given = (card.architecture, card.classes, card.channels, card.tile, card.precision)
    wanted = (
        described(config.network), config.data.classes, config.channels, geometry, "float32",
    )  # fmt: skip
    if given != wanted:
        msg = f"{folder} is {given}; its figures can stand for {wanted} only"
        raise ConfigurationError(msg)


def _require_same_split(card: ModelCard, config: TrainingConfig, folder: Path) -> None:
    data = config.data.model_copy(update={"train_on_all": False})
    train, validation = split_paths(data)
    judged = {name for one in card.evaluations for name in one.images}
    if card.judged_by is not None or card.training.data_sha256 != data_sha256(train):
        msg = f"{folder} was not trained on the training images of this split and nothing else"
        raise ConfigurationError(msg)
    if judged != {path.name for path in validation}:
        msg = f"{folder} was judged on {sorted(judged)}, not on the validation images of this split"
        raise ConfigurationError(msg)
    for doubt in doubts_about_told_runs(card.training.started_from, data.root, validation):
        _LOG.warning("whether %s saw its validation images before is not known: %s", folder, doubt)


def judged_by(card: ModelCard, config: TrainingConfig) -> JudgedBy:
    """Name a version, for the card of the one that it judges, and how its recipe was another.

    Parameters
    ----------
    card : ModelCard
        Of the judge.
    config : TrainingConfig
        Of the network that it judges.
    """
    differences = recipe_differences(config_of_card(card), config)
    if differences:
        _LOG.warning("the judge was trained by another recipe: %s", "; ".join(differences))
    return JudgedBy(
        name=card.name,
        version=card.version,
        onnx_sha256=card.onnx_sha256,
        differences=differences,
    )

"""From the section ``[data]`` to the fields on both sides of the split."""

from __future__ import annotations

from collections.abc import Sequence

from training.config import DataConfig
from training.field_checks import require_enough_fields
from training.lumenstone import FieldPaths, Layout, find_fields
from training.splits import Split, deal_folds, split_fields

__all__ = ["split_paths"]


def split_paths(data: DataConfig) -> tuple[tuple[FieldPaths, ...], tuple[FieldPaths, ...]]:
    """Find the fields of a configuration to train on and those to validate on.

    With ``train_on_all`` the former are all fields, the latter among them.

    Raises
    ------
    ConfigurationError
        If the folder is not as the configuration says, or one side of the split is too small.
    """
    layout = Layout(data.images, data.masks, data.mask_codes, data.views)
    paths = find_fields(data.root, data.subsets, layout=layout)
    train, validation = _split(data, paths)
    require_enough_fields(train, validation)
    return (tuple(paths) if data.train_on_all else train), validation


def _split(data: DataConfig, paths: Sequence[FieldPaths]) -> Split:
    if data.folds is not None and data.fold is not None:
        return deal_folds(
            paths,
            folds=data.folds,
            fold=data.fold,
            same_ore=data.same_ore,
            seed=data.split_seed,
        )
    return split_fields(
        paths,
        validation_fraction=data.validation_fraction,
        same_ore=data.same_ore,
        seed=data.split_seed,
    )

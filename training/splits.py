"""Which images are trained on and which are kept for validation: by image, never by patch.

Images that show the same ore stay together. Within every association the groups are ordered by a
hash of seed and name, so that adding an image moves few others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from petrography.errors import ConfigurationError
from training.lumenstone import FieldPaths

__all__ = ["Split", "deal_folds", "split_fields"]

Split = tuple[tuple[FieldPaths, ...], tuple[FieldPaths, ...]]


def split_fields(
    paths: Sequence[FieldPaths],
    *,
    validation_fraction: float,
    same_ore: Iterable[Sequence[str]] = (),
    seed: int = 0,
) -> Split:
    """Keep a fraction of the images of every association for validation.

    Parameters
    ----------
    paths : sequence of FieldPaths
        All fields.
    validation_fraction : float
        Share of the images of every association, in (0, 1).
    same_ore : iterable of sequence of str
        Names of images that show the same ore.
    seed : int
        Another one gives another split.

    Returns
    -------
    tuple of FieldPaths, tuple of FieldPaths
        Training and validation, each in the order of `paths`.

    Raises
    ------
    ConfigurationError
        If `same_ore` names an image that is not there, or one in two groups.
    """
    validation: set[str] = set()
    for names, groups in _ordered_groups(paths, same_ore, seed):
        for group in groups:
            if len(validation & names) >= round(validation_fraction * len(names)):
                break
            validation |= group
    return _divided(paths, validation)


def deal_folds(
    paths: Sequence[FieldPaths],
    *,
    folds: int,
    fold: int,
    same_ore: Iterable[Sequence[str]] = (),
    seed: int = 0,
) -> Split:
    """Deal the images of every association into folds and keep one of them for validation.

    Every image is in exactly one fold. A group goes to the fold that has the fewest images of its
    association so far.

    Parameters
    ----------
    paths : sequence of FieldPaths
        All fields.
    folds : int
        Number of folds, at least 2.
    fold : int
        The one that is kept, from 0.
    same_ore : iterable of sequence of str
        Names of images that show the same ore.
    seed : int
        Another one deals otherwise.

    Returns
    -------
    tuple of FieldPaths, tuple of FieldPaths
        Training and validation, each in the order of `paths`.

    Raises
    ------
    ConfigurationError
        If an association has fewer groups than there are folds, or `same_ore` is wrong.
    """
    dealt: list[set[str]] = [set() for _ in range(folds)]
    for names, groups in _ordered_groups(paths, same_ore, seed):
        if len(groups) < folds:
            msg = (
                f"{len(groups)} groups of images, {min(names)} among them, make no {folds} folds; "
                "wanted fewer folds"
            )
            raise ConfigurationError(msg)
        # Large groups first, and none twice: it may have been dealt with another association.
        for group in sorted(groups, key=len, reverse=True):
            if not any(group <= part for part in dealt):
                min(dealt, key=lambda part: len(part & names)).update(group)
    return _divided(paths, dealt[fold])


def _divided(paths: Sequence[FieldPaths], validation: set[str]) -> Split:
    kept = tuple(path for path in paths if path.name not in validation)
    return kept, tuple(path for path in paths if path.name in validation)


def _ordered_groups(
    paths: Sequence[FieldPaths], same_ore: Iterable[Sequence[str]], seed: int
) -> Iterator[tuple[set[str], list[set[str]]]]:
    """Images of every association, and the groups with such images in the order of the seed."""
    group_of = _groups(paths, same_ore)
    members: dict[str, set[str]] = {}
    for name, group in group_of.items():
        members.setdefault(group, set()).add(name)
    for annotated in dict.fromkeys(path.annotated for path in paths):
        names = {path.name for path in paths if path.annotated == annotated}
        groups = sorted({group_of[name] for name in names}, key=lambda one: _digest(seed, one))
        yield names, [members[group] for group in groups]


def _groups(paths: Sequence[FieldPaths], same_ore: Iterable[Sequence[str]]) -> dict[str, str]:
    """Name of the group of every field; a field that shares its ore with none is its own."""
    group_of = {path.name: path.name for path in paths}
    grouped: set[str] = set()
    for group in same_ore:
        unknown = [name for name in group if name not in group_of]
        repeated = [name for name in group if name in grouped]
        if unknown or repeated:
            msg = (
                f"same_ore names {unknown}, which are not among the images, and {repeated} in two "
                "groups; wanted each name once, and that of an image"
            )
            raise ConfigurationError(msg)
        grouped.update(group)
        group_of.update(dict.fromkeys(group, min(group)))
    return group_of


def _digest(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()

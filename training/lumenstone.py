"""Images with masks in the layout of LumenStone, and their split.

::

    <root>/<subset>/imgs/train/<stem>.jpg
    <root>/<subset>/masks/train/<stem>.png      codes in one channel or in three equal ones

A subset annotates the minerals of its association only. A pixel that it calls background may be a
mineral of the other subsets, so every loaded field carries the codes that its subset annotates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from petrography.errors import ConfigurationError, LabelImageError, PetroserveError
from petrography.image_codec import decode_image, decode_labels
from petrography.images import Image, Labels, resample_image, resample_labels
from petrography.minerals import ASSOCIATIONS, UNLABELLED_CODE

__all__ = [
    "Field",
    "FieldPaths",
    "data_sha256",
    "find_fields",
    "load_field",
    "load_fields",
    "split_fields",
]

_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")


@dataclass(frozen=True)
class FieldPaths:
    """One photographed field on disk: its image, its mask and what its subset annotates."""

    name: str
    image: Path
    mask: Path
    association: str


@dataclass(frozen=True)
class Field:
    """One photographed field in memory.

    Attributes
    ----------
    name : str
        ``subset/stem``.
    image : ndarray of uint8, shape (H, W, 3)
        The photograph at the pixel of the model.
    truth : ndarray of uint8, shape (H, W)
        Codes, 255 where nothing is annotated.
    annotated : tuple of int
        Codes that the subset annotates.
    """

    name: str
    image: Image
    truth: Labels
    annotated: tuple[int, ...]


def find_fields(
    root: Path, subsets: Mapping[str, str], *, split: str = "train"
) -> tuple[FieldPaths, ...]:
    """List the images of a LumenStone-layout folder that have a mask, sorted by name.

    Parameters
    ----------
    root : Path
        The folder that holds the subsets.
    subsets : mapping of str to str
        Sub-folder to association, such as ``{"S1v1": "S1"}``.
    split : str
        ``train`` or ``test``.

    Raises
    ------
    ConfigurationError
        If a folder, an association or a mask is missing, or nothing is found.
    """
    found: list[FieldPaths] = []
    for subset, association in subsets.items():
        if association not in ASSOCIATIONS:
            msg = f"subset {subset} has association {association!r}; wanted {list(ASSOCIATIONS)}"
            raise ConfigurationError(msg)
        images = root / subset / "imgs" / split
        if not images.is_dir():
            msg = f"{images} is no folder; wanted <root>/<subset>/imgs/{split} with images"
            raise ConfigurationError(msg)
        found += [
            _paths_of(image, root, subset, split, association) for image in _images_in(images)
        ]
    if not found:
        msg = f"{root} holds no images in <subset>/imgs/{split} for subsets {list(subsets)}"
        raise ConfigurationError(msg)
    return tuple(found)


def _images_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _IMAGE_SUFFIXES)


def _paths_of(image: Path, root: Path, subset: str, split: str, association: str) -> FieldPaths:
    mask = root / subset / "masks" / split / f"{image.stem}.png"
    if not mask.is_file():
        msg = f"{image} has no mask; wanted {mask}"
        raise ConfigurationError(msg)
    return FieldPaths(f"{subset}/{image.stem}", image, mask, association)


def load_field(paths: FieldPaths, *, resampling_factor: float = 1.0) -> Field:
    """Read an image and its mask and check that they belong together.

    Raises
    ------
    ConfigurationError
        If a file cannot be read, the sizes differ, or the mask has codes that the association
        does not annotate; the message names the file.
    """
    try:
        image = decode_image(paths.image.read_bytes(), name=str(paths.image)).pixels
        truth = decode_labels(paths.mask.read_bytes(), name=str(paths.mask))
        annotated = ASSOCIATIONS[paths.association]
        _check_pair(image, truth, annotated)
    except (PetroserveError, OSError) as error:
        msg = f"{paths.image} and {paths.mask} cannot be used: {error}"
        raise ConfigurationError(msg) from error
    image = resample_image(image, resampling_factor)
    truth = resample_labels(truth, (image.shape[0], image.shape[1]))
    return Field(paths.name, image, truth, annotated)


def _check_pair(image: Image, truth: Labels, annotated: Sequence[int]) -> None:
    if image.shape[:2] != truth.shape:
        msg = f"image is {image.shape[:2]}, mask is {truth.shape}; wanted equal (height, width)"
        raise LabelImageError(msg)
    codes = set(np.unique(truth).tolist()) - {*annotated, UNLABELLED_CODE}
    if codes:
        msg = f"mask holds codes {sorted(codes)}; its subset annotates {list(annotated)} and 255"
        raise LabelImageError(msg)


def load_fields(
    paths: Sequence[FieldPaths], *, resampling_factor: float = 1.0
) -> tuple[Field, ...]:
    """Load many fields, several at a time, in the order given."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return tuple(
            pool.map(lambda one: load_field(one, resampling_factor=resampling_factor), paths)
        )


def split_fields(
    paths: Sequence[FieldPaths],
    *,
    validation_fraction: float,
    same_ore: Iterable[Sequence[str]] = (),
    seed: int = 0,
) -> tuple[tuple[FieldPaths, ...], tuple[FieldPaths, ...]]:
    """Split fields into training and validation, by image, groups of the same ore kept together.

    Within every association the groups are ordered by a hash of seed and name and taken for
    validation until the fraction of images is reached, so that adding an image moves few others.

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
    group_of = _groups(paths, same_ore)
    validation: set[str] = set()
    for association in sorted({path.association for path in paths}):
        names = [path.name for path in paths if path.association == association]
        groups = sorted({group_of[name] for name in names}, key=lambda one: _digest(seed, one))
        for group in groups:
            if len(validation & set(names)) >= round(validation_fraction * len(names)):
                break
            validation |= {name for name, its_group in group_of.items() if its_group == group}
    kept = tuple(path for path in paths if path.name not in validation)
    return kept, tuple(path for path in paths if path.name in validation)


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


def data_sha256(paths: Sequence[FieldPaths]) -> str:
    """Digest of the images and masks of a split, for the model card."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.image.read_bytes()).digest())
        digest.update(hashlib.sha256(path.mask.read_bytes()).digest())
    return digest.hexdigest()

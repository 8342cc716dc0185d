"""Images with masks in the layout of LumenStone, or in another that is told by two patterns.

::

    <root>/<subset>/imgs/train/<stem>.jpg
    <root>/<subset>/masks/train/<stem>.png      codes in one channel or in three equal ones

A subset annotates the minerals of its association only. A pixel that it calls background may be a
mineral of the other subsets, so every loaded field carries the codes that its subset annotates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from petrography.channels import RGB_CHANNELS
from petrography.errors import (
    ConfigurationError,
    InvalidParameterError,
    LabelImageError,
    PetroserveError,
)
from petrography.image_codec import decode_bands, decode_image, decode_labels
from petrography.images import Image, Labels, resample_image, resample_labels
from petrography.minerals import UNLABELLED_CODE, association_codes

__all__ = [
    "LUMENSTONE",
    "Field",
    "FieldPaths",
    "Layout",
    "data_sha256",
    "find_fields",
    "load_field",
    "load_fields",
]

_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".npy")


@dataclass(frozen=True)
class Layout:
    """Where images and masks lie below a root, and what the numbers in the masks mean.

    Attributes
    ----------
    images, masks : str
        Folders, in which ``{subset}`` and ``{split}`` stand for their names; a mask is
        ``<stem>.png``.
    mask_codes : mapping of int to int
        From the masks' own codes to mineral codes; empty where they are mineral codes. 255 is
        never annotated.
    """

    images: str = "{subset}/imgs/{split}"
    masks: str = "{subset}/masks/{split}"
    mask_codes: Mapping[int, int] = field(default_factory=dict)


LUMENSTONE = Layout()


@dataclass(frozen=True)
class FieldPaths:
    """One photographed field on disk: its image, its mask and what its subset annotates."""

    name: str
    image: Path
    mask: Path
    annotated: tuple[int, ...]
    mask_codes: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """One photographed field in memory.

    Attributes
    ----------
    name : str
        ``subset/stem``.
    image : ndarray of uint8, shape (H, W, C)
        The photograph, or stack of bands, at the pixel of the model.
    truth : ndarray of uint8, shape (H, W)
        Codes, 255 where nothing is annotated.
    annotated : tuple of int
        Codes that the subset annotates.
    phantom : bool
        Whether it was painted, not photographed.
    warnings : tuple of str
        What had to be assumed or left out when the image was read.
    """

    name: str
    image: Image
    truth: Labels
    annotated: tuple[int, ...]
    phantom: bool = False
    warnings: tuple[str, ...] = ()


def find_fields(
    root: Path, subsets: Mapping[str, str], *, split: str = "train", layout: Layout = LUMENSTONE
) -> tuple[FieldPaths, ...]:
    """List the images of a folder that have a mask, sorted by name.

    Parameters
    ----------
    root : Path
        The folder that holds the subsets.
    subsets : mapping of str to str
        Sub-folder to what it annotates: an association or mineral codes, such as
        ``{"S1v1": "S1", "mine": "0,1,6"}``.
    split : str
        ``train`` or ``test``.
    layout : Layout
        Where the files lie; LumenStone's by default.

    Raises
    ------
    ConfigurationError
        If a folder, an association or a mask is missing, two images share a stem and so a mask, or
        nothing is found.
    """
    found: list[FieldPaths] = []
    for subset, association in subsets.items():
        annotated = _annotated(subset, association)
        names = {"subset": subset, "split": split}
        images = root / _filled(layout.images, names)
        masks = root / _filled(layout.masks, names)
        if not images.is_dir():
            msg = f"{images} is no folder; wanted <root>/{layout.images} with images"
            raise ConfigurationError(msg)
        found += [
            FieldPaths(
                f"{subset}/{image.stem}",
                image,
                _mask_of(image, masks),
                annotated,
                layout.mask_codes,
            )
            for image in _images_in(images)
        ]
    if not found:
        msg = f"{root} holds no images in {layout.images} for subsets {list(subsets)}"
        raise ConfigurationError(msg)
    return tuple(found)


def _annotated(subset: str, association: str) -> tuple[int, ...]:
    try:
        return association_codes(association)
    except InvalidParameterError as error:
        msg = f"subset {subset}: {error}"
        raise ConfigurationError(msg) from None


def _filled(pattern: str, names: Mapping[str, str]) -> str:
    try:
        return pattern.format_map(names)
    except (KeyError, ValueError, IndexError) as error:
        msg = f"pattern {pattern!r} cannot be filled ({error!r}); it may name {{subset}} and {{split}}"
        raise ConfigurationError(msg) from None


def _images_in(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _IMAGE_SUFFIXES)
    by_stem: dict[str, Path] = {}
    for path in found:
        other = by_stem.setdefault(path.stem, path)
        if other is not path:
            msg = f"{other} and {path} have one name and one mask; wanted one image of a stem"
            raise ConfigurationError(msg)
    return found


def _mask_of(image: Path, masks: Path) -> Path:
    mask = masks / f"{image.stem}.png"
    if not mask.is_file():
        msg = f"{image} has no mask; wanted {mask}"
        raise ConfigurationError(msg)
    return mask


def load_field(
    paths: FieldPaths,
    *,
    resampling_factor: float = 1.0,
    channels: Sequence[str] = RGB_CHANNELS,
) -> Field:
    """Read an image and its mask and check that they belong together.

    Raises
    ------
    ConfigurationError
        If a file cannot be read, the sizes differ, or the mask has codes that the association
        does not annotate; the message names the file.
    """
    try:
        image, warnings = _decoded(paths.image, channels)
        truth = decode_labels(paths.mask.read_bytes(), name=str(paths.mask))
        truth = _recoded(truth, paths.mask_codes)
        _check_pair(image, truth, paths.annotated)
    except (PetroserveError, OSError) as error:
        msg = f"{paths.image} and {paths.mask} cannot be used: {error}"
        raise ConfigurationError(msg) from error
    image = resample_image(image, resampling_factor)
    truth = resample_labels(truth, (image.shape[0], image.shape[1]))
    return Field(paths.name, image, truth, paths.annotated, warnings=warnings)


def _recoded(truth: Labels, mask_codes: Mapping[int, int]) -> Labels:
    if not mask_codes:
        return truth
    known = {**mask_codes, UNLABELLED_CODE: UNLABELLED_CODE}
    unknown = sorted(set(np.unique(truth).tolist()) - set(known))
    if unknown:
        msg = f"mask holds codes {unknown}; mask_codes tells the meaning of {sorted(mask_codes)}"
        raise LabelImageError(msg)
    table = np.zeros(256, dtype=np.uint8)
    table[list(known)] = list(known.values())
    return np.asarray(table[truth], dtype=np.uint8)


def _decoded(path: Path, channels: Sequence[str]) -> tuple[Image, tuple[str, ...]]:
    """Read a photograph, or a stack of just so many bands, and what is to be said of it."""
    if tuple(channels) == RGB_CHANNELS:
        photograph = decode_image(path.read_bytes(), name=str(path))
        return photograph.pixels, photograph.warnings
    stack = decode_bands(path.read_bytes(), count=len(channels), name=str(path))
    return stack.pixels, stack.warnings


def _check_pair(image: Image, truth: Labels, annotated: Sequence[int]) -> None:
    if image.shape[:2] != truth.shape:
        msg = f"image is {image.shape[:2]}, mask is {truth.shape}; wanted equal (height, width)"
        raise LabelImageError(msg)
    codes = set(np.unique(truth).tolist()) - {*annotated, UNLABELLED_CODE}
    if codes:
        msg = (
            f"mask holds codes {sorted(codes)}; its subset annotates {list(annotated)} and 255; "
            "masks with codes of their own want a table, mask_codes"
        )
        raise LabelImageError(msg)


def load_fields(
    paths: Sequence[FieldPaths],
    *,
    resampling_factor: float = 1.0,
    channels: Sequence[str] = RGB_CHANNELS,
) -> tuple[Field, ...]:
    """Load many fields, several at a time, in the order given."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return tuple(
            pool.map(
                lambda one: load_field(one, resampling_factor=resampling_factor, channels=channels),
                paths,
            )
        )


def data_sha256(paths: Sequence[FieldPaths]) -> str:
    """Digest of the images and masks of a split, for the model card."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.image.read_bytes()).digest())
        digest.update(hashlib.sha256(path.mask.read_bytes()).digest())
    return digest.hexdigest()

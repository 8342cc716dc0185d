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
from petrography.fusion import FUSED_CHANNELS
from petrography.image_codec import IMAGE_SUFFIXES, decode_bands, decode_image, decode_labels
from petrography.images import Image, Labels, resample_image, resample_labels
from petrography.minerals import UNLABELLED_CODE, association_codes
from training.crossed_views import ViewPath, fused_photograph, view_paths

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

# With those of stacks of bands.
_FIELD_SUFFIXES = (*IMAGE_SUFFIXES, ".npy")


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
    views : mapping of str to str
        Folders, as of `images`, of further photographs of every field, by how they were taken
        (`training.crossed_views.parsed_view`).
    """

    images: str = "{subset}/imgs/{split}"
    masks: str = "{subset}/masks/{split}"
    mask_codes: Mapping[int, int] = field(default_factory=dict)
    views: Mapping[str, str] = field(default_factory=dict)


LUMENSTONE = Layout()


@dataclass(frozen=True)
class FieldPaths:
    """One photographed field on disk: its image, its mask and what its subset annotates."""

    name: str
    image: Path
    mask: Path
    annotated: tuple[int, ...]
    mask_codes: Mapping[int, int] = field(default_factory=dict)
    views: tuple[ViewPath, ...] = ()


@dataclass(frozen=True)
class Field:
    """One photographed field in memory.

    Attributes
    ----------
    name : str
        ``subset/stem``.
    image : ndarray of uint8, shape (H, W, C)
        The photograph, or stack of bands, or photograph fused with its views, at the pixel of the
        model.
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
        If a folder, an association, a mask or a view is missing, two images share a stem and so a
        mask, or nothing is found.
    """
    found: list[FieldPaths] = []
    for subset, association in subsets.items():
        annotated = _annotated(subset, association)
        names = {"subset": subset, "split": split}
        images = root / _filled(layout.images, names)
        masks = root / _filled(layout.masks, names)
        views = {
            taken: _views_in(root / _filled(one, names), taken)
            for taken, one in layout.views.items()
        }
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
                view_paths(image, views),
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


def _views_in(folder: Path, taken: str) -> tuple[Path, dict[str, Path]]:
    """List the views in a folder by their stems."""
    if not folder.is_dir():
        msg = f"{folder} is no folder; wanted one with the views {taken}"
        raise ConfigurationError(msg)
    return folder, {path.stem: path for path in _images_in(folder, IMAGE_SUFFIXES)}


def _images_in(folder: Path, suffixes: Sequence[str] = _FIELD_SUFFIXES) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
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
        image, warnings = _decoded(paths, channels)
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


def _decoded(paths: FieldPaths, channels: Sequence[str]) -> tuple[Image, tuple[str, ...]]:
    """Read a photograph, one with its views, or just so many bands, and what is to be said of it."""
    data, name = paths.image.read_bytes(), str(paths.image)
    if tuple(channels) not in {RGB_CHANNELS, FUSED_CHANNELS}:
        stack = decode_bands(data, count=len(channels), name=name)
        return stack.pixels, stack.warnings
    photograph = decode_image(data, name=name)
    if tuple(channels) == RGB_CHANNELS:
        return photograph.pixels, photograph.warnings
    fused, doubts = fused_photograph(photograph.pixels, paths.views)
    return fused, (*photograph.warnings, *doubts)


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
    """Digest of the images, masks and views of a split, for the model card."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.image.read_bytes()).digest())
        digest.update(hashlib.sha256(path.mask.read_bytes()).digest())
        for view in path.views:
            digest.update(f"{view.light}:{view.stage_angle_deg}".encode())
            digest.update(hashlib.sha256(view.path.read_bytes()).digest())
    return digest.hexdigest()

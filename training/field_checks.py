"""What the fields of a run must have before anything is trained on them.

Whatever can be seen now would otherwise end the run after its first epoch, or stay unseen and make
its scores mean something else.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from petrography.errors import ConfigurationError
from petrography.minerals import UNLABELLED_CODE
from training.lumenstone import Field, FieldPaths

__all__ = [
    "reading_warnings",
    "require_different_images",
    "require_enough_fields",
    "require_known_codes",
]

# The temperature is fitted on one half of them and judged on the other.
_LEAST_VALIDATION_FIELDS = 2


def require_enough_fields(train: Sequence[FieldPaths], validation: Sequence[FieldPaths]) -> None:
    """Check that a split leaves something to train on and something to judge by.

    Parameters
    ----------
    train, validation : sequence of FieldPaths
        The two sides of the split.

    Raises
    ------
    ConfigurationError
        If there is no field to train on, or fewer than two to validate on.
    """
    if train and len(validation) >= _LEAST_VALIDATION_FIELDS:
        return
    msg = (
        f"the split leaves {len(train)} images to train on and {len(validation)} to validate on; "
        f"wanted at least 1 and {_LEAST_VALIDATION_FIELDS}: give more images, another "
        "validation_fraction or number of folds, or smaller groups in same_ore"
    )
    raise ConfigurationError(msg)


def require_different_images(
    train: Sequence[Field], validation: Sequence[Field], *, channels: int | None = None
) -> None:
    """Check that no image, under whatever name, is on both sides of a split.

    Parameters
    ----------
    train, validation : sequence of Field
        Fields of the two sides; of images, not of sections painted by one seed.
    channels : int, optional
        How many of the first channels make the image; all of them without it. Views between
        crossed polars make no other image of a photograph.

    Raises
    ------
    ConfigurationError
        If all pixels of two images are the same; the message names them.
    """
    trained = {_pixel_digest(one, channels): one.name for one in train}
    for one in validation:
        same = trained.get(_pixel_digest(one, channels))
        if same is not None:
            msg = (
                f"{same}, which is trained on, and {one.name}, which is kept for validation, are "
                "one image; leave one of them out, or name both in a group of data.same_ore"
            )
            raise ConfigurationError(msg)


def _pixel_digest(field: Field, channels: int | None) -> bytes:
    pixels = np.ascontiguousarray(field.image[..., :channels])
    return hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).digest()


def require_known_codes(
    fields: Sequence[Field], paths: Sequence[FieldPaths], classes: Sequence[int]
) -> None:
    """Check that masks hold classes of the network, and at least a pixel of them.

    Parameters
    ----------
    fields : sequence of Field
        As loaded, before anything is taken out of their masks.
    paths : sequence of FieldPaths
        Where each comes from, in the same order.
    classes : sequence of int
        Codes of the network outputs.

    Raises
    ------
    ConfigurationError
        If a mask holds a code that is no class, or no annotated pixel; the message names the file.
    """
    for field, path in zip(fields, paths, strict=True):
        counted = np.bincount(field.truth.ravel(), minlength=UNLABELLED_CODE + 1)
        found = set(np.flatnonzero(counted).tolist()) - {UNLABELLED_CODE}
        unknown = sorted(found - set(classes))
        if unknown:
            msg = (
                f"{path.mask} holds codes {unknown}, which are not among the classes "
                f"{list(classes)}; add them to data.classes, or map them to 255, which teaches "
                "nothing, by data.mask_codes"
            )
            raise ConfigurationError(msg)
        if not found:
            msg = f"{path.mask} has no annotated pixel; leave the image out of the subset"
            raise ConfigurationError(msg)


def reading_warnings(told: Iterable[tuple[str, Sequence[str]]]) -> tuple[str, ...]:
    """Say what was assumed or left out when images were read, each kind of it once.

    Parameters
    ----------
    told : iterable of (str, sequence of str)
        Name and warnings of every image.

    Returns
    -------
    tuple of str
        The first of every kind, with its image and how many more there are.
    """
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for name, warnings in told:
        for warning in warnings:
            # Of one kind are those that differ in their numbers alone.
            kind = re.sub(r"[\d.]+", "", warning)
            first.setdefault(kind, f"{name}: {warning}")
            counts[kind] += 1
    return tuple(
        f"{text} (so {counts[kind] - 1} images more)" if counts[kind] > 1 else text
        for kind, text in first.items()
    )

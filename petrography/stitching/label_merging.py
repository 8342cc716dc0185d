"""Label images of the fields, joined along the seams of their panorama."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from petrography.errors import LabelImageError
from petrography.images import Labels, require_labels
from petrography.stitching.panorama import Stitching
from petrography.stitching.rendering import render_labels

__all__ = ["UNKNOWN", "merge_labels"]

# The code of "not annotated".
UNKNOWN = 255


def merge_labels(
    stitching: Stitching,
    label_fields: Sequence[Labels],
    *,
    unknown: int = UNKNOWN,
) -> Iterator[Labels]:
    """Join label images of the fields along the seams of the panorama.

    Parameters
    ----------
    stitching : Stitching
        The panorama.
    label_fields : sequence of ndarray of uint8, shape (height, width)
        Of all fields given to `stitch`, in their order and of their sizes. Those that are drawn are
        asked for once for every strip that they touch, so a sequence that reads files keeps memory
        small. Their confidence is joined in the same way.
    unknown : int
        Code where no field reaches.

    Yields
    ------
    ndarray of uint8, shape (rows, width)
        From top to bottom.

    Raises
    ------
    LabelImageError
        If their number or a size is another than that of the fields.
    """
    if len(label_fields) != len(stitching.fields):
        msg = f"{len(label_fields)} label images for {len(stitching.fields)} fields; wanted as many"
        raise LabelImageError(msg)

    def load(index: int) -> Labels:
        labels, shape = require_labels(label_fields[index]), stitching.field_shapes[index]
        if labels.shape != shape:
            name = stitching.fields[index].name
            msg = f"{name}: labels of shape {labels.shape} for a field of {shape}"
            raise LabelImageError(msg)
        return labels

    return render_labels(
        stitching.placed,
        stitching.ownership,
        stitching.shape,
        load,
        unknown=unknown,
    )

"""Which files an analysis writes: those that are wanted, and no PNG of a map too large for one."""

from __future__ import annotations

from petrography.pipeline.request import MEDIA_TYPES, ON_REQUEST, ArtefactName

__all__ = ["MAX_PNG_PX", "files_to_write", "without_png"]

# A PNG has no tiles: whoever opens it holds all of it. Pillow, and what reads with it, refuses
# more pixels than this as a decompression bomb; a map of so many takes 171 MiB as it is.
MAX_PNG_PX = 178_956_970
_INSTEAD_OF_PNG: dict[str, str] = {
    "labels.png": "labels.ome.tif",
    "confidence.png": "confidence.ome.tif",
}


def files_to_write(outputs: tuple[ArtefactName, ...] | None, image_px: int) -> frozenset[str]:
    """Names of the files of an analysis.

    Parameters
    ----------
    outputs : tuple of str or None
        What the request names; None is all but those that are made on request.
    image_px : int
        Pixels of the map. Above `MAX_PNG_PX` a pyramid stands in for each PNG of its size.

    Examples
    --------
    >>> sorted(files_to_write(("labels.png", "modal.csv"), 200_000_000))
    ['labels.ome.tif', 'modal.csv']
    """
    wanted = _wanted(outputs)
    too_large = _too_large(wanted, image_px)
    return (wanted - too_large.keys()) | {*too_large.values()}


def without_png(outputs: tuple[ArtefactName, ...] | None, image_px: int) -> tuple[str, ...]:
    """Tell which files stand in for a PNG, for the degradations of a result.

    Examples
    --------
    >>> without_png(None, MAX_PNG_PX)
    ()
    """
    too_large = _too_large(_wanted(outputs), image_px)
    said = (
        f"the map has {image_px} pixels and a PNG of it at most {MAX_PNG_PX}, which is what common "
        f"readers open: there is {', '.join(too_large.values())} instead of {', '.join(too_large)}"
    )
    return (said,) if too_large else ()


def _wanted(outputs: tuple[ArtefactName, ...] | None) -> frozenset[str]:
    return frozenset(MEDIA_TYPES.keys() - ON_REQUEST if outputs is None else outputs)


def _too_large(wanted: frozenset[str], image_px: int) -> dict[str, str]:
    if image_px <= MAX_PNG_PX:
        return {}
    return {png: other for png, other in _INSTEAD_OF_PNG.items() if png in wanted}

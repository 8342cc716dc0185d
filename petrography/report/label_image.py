"""The report of a label image alone, without photograph and model."""

from __future__ import annotations

from collections.abc import Collection

from petrography.report.definitions import UNSCALED, definitions
from petrography.report.entries import (
    grain_entries,
    modal_basis,
    modal_entries,
    rounded_elements,
)
from petrography.report.exports import EXPORTS, EXPORTS_ON_REQUEST, exports
from petrography.report.result import Quality, Result, Scale, result_json
from petrography.statistics import Composition, Grains, Particles, summarise_grains

__all__ = ["label_image_files", "label_image_result"]


def label_image_result(
    composition: Composition,
    grains: Grains,
    *,
    identity: str,
    um_per_px: float | None = None,
    particles: Particles | None = None,
) -> Result:
    """Write what is measured on a label image as a result without a model.

    Parameters
    ----------
    composition, grains : Composition, Grains
        Measured on the same label image.
    identity : str
        Name of the measurement.
    um_per_px : float, optional
        Pixel size; physical fields are null without it.
    particles : Particles, optional
        Touching grains told apart.
    """
    return Result(
        id=identity,
        model=None,
        scale=None if um_per_px is None else Scale(um_per_px=um_per_px, source="request"),
        modal=modal_entries(composition, um_per_px=um_per_px),
        modal_basis=modal_basis(composition),
        element_percent=rounded_elements(composition),
        grains=grain_entries(summarise_grains(grains, particles), um_per_px=um_per_px),
        quality=Quality(
            focus=None,
            clipping=None,
            dark_fraction=None,
            hue_distance=None,
            calibrate_first=False,
            colour_distance=None,
            warnings=composition.warnings,
        ),
        degradations=(UNSCALED,) if um_per_px is None else (),
        uncertainty=None,
        timings_s={},
        artefacts=(),
        definitions=definitions(composition, grains),
        provenance={},
    )


def label_image_files(
    result: Result, grains: Grains, outputs: Collection[str] | None = None
) -> dict[str, bytes]:
    """Write the tables, outlines and plots of a label image.

    Parameters
    ----------
    result : Result
        From `label_image_result`.
    grains : Grains
        The grains of the same label image.
    outputs : collection of str, optional
        Names of `EXPORTS` that are wanted; those that are cheap without it.

    Returns
    -------
    dict of str to bytes
        The files by name, ``result.json`` always among them.
    """
    wanted = EXPORTS.keys() - EXPORTS_ON_REQUEST if outputs is None else outputs
    writers = exports(result, grains, identity=result.id)
    files = {name: write() for name, write in writers.items() if name in wanted}
    return {"result.json": result_json(result), **files}

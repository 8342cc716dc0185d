"""The report of a label image alone, without photograph and model."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping

from petrography.report.contact_entries import contact_definitions, contact_entry
from petrography.report.definitions import UNSCALED, definitions
from petrography.report.entries import (
    grain_entries,
    modal_basis,
    modal_entries,
    rounded_element_intervals,
    rounded_elements,
)
from petrography.report.exports import EXPORTS, EXPORTS_ON_REQUEST, WriteExport, exports
from petrography.report.grain_bands import undrawn_grains
from petrography.report.grain_figure_entries import uncorrected_edges
from petrography.report.modal_uncertainty import modal_uncertainty, not_found, rough_coverage
from petrography.report.result import Quality, Result, Scale, result_json
from petrography.report.texture_definitions import texture_definitions
from petrography.report.texture_entries import liberation_entry, texture_entry
from petrography.statistics import (
    Composition,
    Contacts,
    Grains,
    Particles,
    TextureStatistics,
    summarise_grains,
)
from petrography.statistics.representative_area import WANTED_ERROR_PERCENT

__all__ = ["label_image_files", "label_image_result"]


def label_image_result(
    composition: Composition,
    grains: Grains,
    contacts: Contacts | None = None,
    textures: TextureStatistics | None = None,
    *,
    identity: str,
    um_per_px: float | None = None,
    particles: Particles | None = None,
    other_percent: Mapping[str, float] | None = None,
    wanted_error_percent: float = WANTED_ERROR_PERCENT,
) -> Result:
    """Write what is measured on a label image as a result without a model.

    Parameters
    ----------
    composition, grains : Composition, Grains
        Measured on a label image.
    contacts, textures : Contacts, TextureStatistics, optional
        Measured on the same.
    identity : str
        Name of the measurement.
    um_per_px : float, optional
        Pixel size; physical fields are null without it.
    particles : Particles, optional
        Touching grains told apart.
    other_percent : mapping of str to float, optional
        Further standard uncertainties by name, in per cent of each share.
    wanted_error_percent : float
        For the representative area, in per cent of each share.

    Raises
    ------
    InvalidParameterError
        If an uncertainty is negative or the wanted error not above 0.
    """
    boundaries = None if contacts is None else contact_entry(contacts, um_per_px=um_per_px)
    liberation = None if textures is None else liberation_entry(textures, um_per_px=um_per_px)
    uncertainties = modal_uncertainty(
        composition,
        other_percent=other_percent,
        wanted_error_percent=wanted_error_percent,
        um_per_px=um_per_px,
    )
    return Result(
        id=identity,
        model=None,
        scale=None if um_per_px is None else Scale(um_per_px=um_per_px, source="request"),
        modal=modal_entries(composition, um_per_px=um_per_px, uncertainties=uncertainties),
        modal_basis=modal_basis(composition),
        element_percent=rounded_elements(composition),
        element_ci95=rounded_element_intervals(composition),
        not_found=not_found(composition),
        grains=grain_entries(summarise_grains(grains, particles), um_per_px=um_per_px),
        contacts=boundaries,
        textures=None if textures is None else texture_entry(textures),
        liberation=liberation,
        quality=_unjudged(composition, rough_coverage(uncertainties)),
        degradations=(
            *((UNSCALED,) if um_per_px is None else ()),
            *uncorrected_edges(grains),
            *undrawn_grains(grains),
        ),
        uncertainty=None,
        timings_s={},
        artefacts=(),
        definitions={
            **definitions(composition, grains),
            **({} if boundaries is None else contact_definitions(boundaries)),
            **({} if liberation is None else texture_definitions(liberation)),
        },
        provenance={},
    )


def _unjudged(composition: Composition, doubts: tuple[str, ...]) -> Quality:
    """Without a photograph there is nothing to judge but the map."""
    return Quality(
        focus=None,
        clipping=None,
        dark_fraction=None,
        hue_distance=None,
        calibrate_first=False,
        colour_distance=None,
        warnings=(*composition.warnings, *doubts),
    )


def label_image_files(
    result: Result,
    grains: Grains,
    textures: TextureStatistics | None = None,
    outputs: Collection[str] | None = None,
    *,
    file_name: str | None = None,
) -> dict[str, bytes]:
    """Write the tables, outlines and plots of a label image.

    Parameters
    ----------
    result : Result
        From `label_image_result`.
    grains : Grains
        Of the same label image.
    textures : TextureStatistics, optional
        Of the same.
    outputs : collection of str, optional
        Names of `EXPORTS` that are wanted; those that are cheap without it.
    file_name : str, optional
        Of the label image, a plain name.

    Returns
    -------
    dict of str to bytes
        The files by name, ``result.json`` always among them.
    """
    wanted = EXPORTS.keys() - EXPORTS_ON_REQUEST if outputs is None else outputs
    writers = exports(result, grains, textures, identity=result.id, file_name=file_name)
    files = {name: _content(write) for name, write in writers.items() if name in wanted}
    return {"result.json": result_json(result), **files}


def _content(write: WriteExport) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()

"""The report of a label image alone, without photograph and model."""

from __future__ import annotations

from petrography.report.contact_entries import contact_definitions, contact_entry
from petrography.report.definitions import UNSCALED, definitions
from petrography.report.entries import (
    grain_entries,
    modal_basis,
    modal_entries,
    rounded_elements,
)
from petrography.report.geojson import grains_geojson
from petrography.report.result import Quality, Result, Scale
from petrography.report.tables import grains_csv, modal_csv
from petrography.report.texture_definitions import texture_definitions
from petrography.report.texture_entries import liberation_entry, texture_entry
from petrography.report.texture_files import texture_files
from petrography.statistics import (
    Composition,
    Contacts,
    Grains,
    TextureStatistics,
    summarise_grains,
)

__all__ = ["label_image_files", "label_image_result"]


def label_image_result(
    composition: Composition,
    grains: Grains,
    contacts: Contacts,
    textures: TextureStatistics,
    *,
    identity: str,
    um_per_px: float | None = None,
) -> Result:
    """Write what is measured on a label image as a result without a model.

    Parameters
    ----------
    composition, grains, contacts, textures : Composition, Grains, Contacts, TextureStatistics
        Measured on the same label image.
    identity : str
        Name of the measurement.
    um_per_px : float, optional
        Pixel size; physical fields are null without it.
    """
    boundaries = contact_entry(contacts, um_per_px=um_per_px)
    liberation = liberation_entry(textures, um_per_px=um_per_px)
    return Result(
        id=identity,
        model=None,
        scale=None if um_per_px is None else Scale(um_per_px=um_per_px, source="request"),
        modal=modal_entries(composition, um_per_px=um_per_px),
        modal_basis=modal_basis(composition),
        element_percent=rounded_elements(composition),
        grains=grain_entries(summarise_grains(grains), um_per_px=um_per_px),
        contacts=boundaries,
        textures=texture_entry(textures),
        liberation=liberation,
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
        definitions={
            **definitions(composition, grains),
            **contact_definitions(boundaries),
            **texture_definitions(liberation),
        },
        provenance={},
    )


def label_image_files(
    result: Result, grains: Grains, textures: TextureStatistics
) -> dict[str, bytes]:
    """Write the tables and outlines of a label image.

    Parameters
    ----------
    result : Result
        From `label_image_result`.
    grains, textures : Grains, TextureStatistics
        Of the same label image.

    Returns
    -------
    dict of str to bytes
        ``modal.csv``, ``grains.csv``, ``grains.geojson``, ``contacts.csv``, ``locking.csv``,
        ``intergrowths.csv`` and ``liberation.csv``.
    """
    um_per_px = None if result.scale is None else result.scale.um_per_px
    return {
        **{name: write() for name, write in texture_files(result, textures).items()},
        "modal.csv": modal_csv(result).encode(),
        "grains.csv": grains_csv(grains, um_per_px=um_per_px).encode(),
        "grains.geojson": grains_geojson(grains, identity=result.id, um_per_px=um_per_px),
    }

"""What leaves the laboratory: result.json, tables, outlines and a picture.

`result` is result.json as a model; `entries` fills it from measurements; `tables`, `geojson` and
`overlay` write the other artefacts; `label_image` reports a label image alone. Equal input gives
equal bytes.
"""

from petrography.report.contact_entries import contact_definitions, contact_entry
from petrography.report.contact_models import Contacts
from petrography.report.definitions import UNSCALED, definitions
from petrography.report.entries import (
    grain_entries,
    modal_basis,
    modal_correction,
    modal_entries,
    rounded_elements,
)
from petrography.report.geojson import grains_geojson
from petrography.report.label_image import label_image_files, label_image_result
from petrography.report.outlines import grain_polygons
from petrography.report.overlay import overlay
from petrography.report.result import (
    Artefact,
    GrainEntry,
    ModalBasis,
    ModalCorrection,
    ModalEntry,
    ModelReference,
    PhaseAnisotropy,
    Quality,
    Result,
    Sample,
    Scale,
    Sizes,
    Uncertainty,
    result_json,
    result_schema,
    result_schema_json,
)
from petrography.report.tables import grains_csv, modal_csv, modal_table
from petrography.report.texture_definitions import texture_definitions
from petrography.report.texture_entries import liberation_entry, texture_entry
from petrography.report.texture_files import texture_files

__all__ = [
    "UNSCALED",
    "Artefact",
    "Contacts",
    "GrainEntry",
    "ModalBasis",
    "ModalCorrection",
    "ModalEntry",
    "ModelReference",
    "PhaseAnisotropy",
    "Quality",
    "Result",
    "Sample",
    "Scale",
    "Sizes",
    "Uncertainty",
    "contact_definitions",
    "contact_entry",
    "definitions",
    "grain_entries",
    "grain_polygons",
    "grains_csv",
    "grains_geojson",
    "label_image_files",
    "label_image_result",
    "liberation_entry",
    "modal_basis",
    "modal_correction",
    "modal_csv",
    "modal_entries",
    "modal_table",
    "overlay",
    "result_json",
    "result_schema",
    "result_schema_json",
    "rounded_elements",
    "texture_definitions",
    "texture_entry",
    "texture_files",
]

"""What leaves the laboratory: result.json, tables, outlines and a picture.

`result` is result.json as a model; `entries` fills it from measurements; `tables`, `geojson` and
`overlay` write the other artefacts; `label_image` reports a label image alone. Equal input gives
equal bytes.
"""

from petrography.report.definitions import UNSCALED, definitions
from petrography.report.entries import (
    grain_entries,
    modal_basis,
    modal_correction,
    modal_entries,
    rounded_element_intervals,
    rounded_elements,
)
from petrography.report.geojson import grains_geojson
from petrography.report.label_image import label_image_files, label_image_result
from petrography.report.modal_uncertainty import ModalUncertainty, modal_uncertainty, not_found
from petrography.report.outlines import grain_polygons
from petrography.report.overlay import overlay
from petrography.report.result import (
    Artefact,
    Contacts,
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
from petrography.report.several_fields import (
    FieldsReport,
    NamedResult,
    fields_csv,
    fields_report,
    fields_table,
)
from petrography.report.tables import grains_csv, modal_csv, modal_table

__all__ = [
    "UNSCALED",
    "Artefact",
    "Contacts",
    "FieldsReport",
    "GrainEntry",
    "ModalBasis",
    "ModalCorrection",
    "ModalEntry",
    "ModalUncertainty",
    "ModelReference",
    "NamedResult",
    "PhaseAnisotropy",
    "Quality",
    "Result",
    "Sample",
    "Scale",
    "Sizes",
    "Uncertainty",
    "definitions",
    "fields_csv",
    "fields_report",
    "fields_table",
    "grain_entries",
    "grain_polygons",
    "grains_csv",
    "grains_geojson",
    "label_image_files",
    "label_image_result",
    "modal_basis",
    "modal_correction",
    "modal_csv",
    "modal_entries",
    "modal_table",
    "modal_uncertainty",
    "not_found",
    "overlay",
    "result_json",
    "result_schema",
    "result_schema_json",
    "rounded_element_intervals",
    "rounded_elements",
]

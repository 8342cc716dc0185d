"""What leaves the laboratory: result.json, tables, outlines and a picture.

`result` is result.json as a model; `entries` fills it from measurements; `csv_tables`, `geojson` and
`overlay` write the other artefacts; `label_image` reports a label image alone. Equal input gives
equal bytes.
"""

from petrography.report.coco import write_grains_coco
from petrography.report.contact_entries import contact_definitions, contact_entry
from petrography.report.contact_models import Contacts
from petrography.report.csv_tables import modal_table, write_csv
from petrography.report.definitions import UNSCALED, definitions
from petrography.report.entries import (
    grain_entries,
    modal_basis,
    modal_correction,
    modal_entries,
    rounded_element_intervals,
    rounded_elements,
)
from petrography.report.exports import (
    EXPORTS,
    EXPORTS_ON_REQUEST,
    ExportName,
    exports,
    write_whole,
)
from petrography.report.geojson import write_grains_geojson
from petrography.report.grain_bands import too_large_to_draw, undrawn_grains
from petrography.report.grain_columns import tabulated_grains
from petrography.report.grain_figure_entries import uncorrected_edges
from petrography.report.grain_text import grain_size_table
from petrography.report.label_image import label_image_files, label_image_result
from petrography.report.modal_columns import tabulated_modal
from petrography.report.modal_uncertainty import (
    ModalUncertainty,
    NotFound,
    modal_uncertainty,
    not_found,
    rough_coverage,
)
from petrography.report.outlines import grain_polygons
from petrography.report.overlay import overlay
from petrography.report.provenance import provenance_json
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
    parse_result,
    result_json,
    result_schema,
    result_schema_json,
)
from petrography.report.review import Review
from petrography.report.review_rules import TRANSITIONS, reviewed
from petrography.report.several_fields import (
    FieldsReport,
    NamedResult,
    fields_csv,
    fields_report,
    fields_table,
)
from petrography.report.sieve_columns import tabulated_sieves
from petrography.report.size_columns import tabulated_sizes
from petrography.report.table import Column, Table
from petrography.report.texture_columns import (
    tabulated_contacts,
    tabulated_intergrowths,
    tabulated_liberation,
    tabulated_locking,
)
from petrography.report.texture_definitions import texture_definitions
from petrography.report.texture_entries import liberation_entry, texture_entry

__all__ = [
    "EXPORTS",
    "EXPORTS_ON_REQUEST",
    "TRANSITIONS",
    "UNSCALED",
    "Artefact",
    "Column",
    "Contacts",
    "ExportName",
    "FieldsReport",
    "GrainEntry",
    "ModalBasis",
    "ModalCorrection",
    "ModalEntry",
    "ModalUncertainty",
    "ModelReference",
    "NamedResult",
    "NotFound",
    "PhaseAnisotropy",
    "Quality",
    "Result",
    "Review",
    "Sample",
    "Scale",
    "Sizes",
    "Table",
    "Uncertainty",
    "contact_definitions",
    "contact_entry",
    "definitions",
    "exports",
    "fields_csv",
    "fields_report",
    "fields_table",
    "grain_entries",
    "grain_polygons",
    "grain_size_table",
    "label_image_files",
    "label_image_result",
    "liberation_entry",
    "modal_basis",
    "modal_correction",
    "modal_entries",
    "modal_table",
    "modal_uncertainty",
    "not_found",
    "overlay",
    "parse_result",
    "provenance_json",
    "result_json",
    "result_schema",
    "result_schema_json",
    "reviewed",
    "rough_coverage",
    "rounded_element_intervals",
    "rounded_elements",
    "tabulated_contacts",
    "tabulated_grains",
    "tabulated_intergrowths",
    "tabulated_liberation",
    "tabulated_locking",
    "tabulated_modal",
    "tabulated_sieves",
    "tabulated_sizes",
    "texture_definitions",
    "texture_entry",
    "too_large_to_draw",
    "uncorrected_edges",
    "undrawn_grains",
    "write_csv",
    "write_grains_coco",
    "write_grains_geojson",
    "write_whole",
]

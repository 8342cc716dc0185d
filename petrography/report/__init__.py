"""What leaves the laboratory: result.json, tables, outlines and a picture.

`result` is result.json as a model; `entries` fills it from measurements; `tables`, `geojson` and
`overlay` write the other artefacts; `label_image` reports a label image alone. Equal input gives
equal bytes.
"""

from petrography.report.coco import grains_coco, write_grains_coco
from petrography.report.definitions import UNSCALED, definitions
from petrography.report.entries import (
    grain_entries,
    modal_basis,
    modal_correction,
    modal_entries,
    rounded_elements,
)
from petrography.report.exports import EXPORTS, EXPORTS_ON_REQUEST, exports
from petrography.report.geojson import grains_geojson, write_grains_geojson
from petrography.report.grain_bands import too_large_to_draw
from petrography.report.grain_columns import tabulated_grains
from petrography.report.grain_text import grain_size_table
from petrography.report.label_image import label_image_files, label_image_result
from petrography.report.modal_columns import tabulated_modal
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
from petrography.report.review import Review
from petrography.report.reviewing import TRANSITIONS, reviewed
from petrography.report.size_columns import tabulated_sizes
from petrography.report.table import Column, Table
from petrography.report.tables import csv_text, grains_csv, modal_csv, modal_table, write_csv

__all__ = [
    "EXPORTS",
    "EXPORTS_ON_REQUEST",
    "TRANSITIONS",
    "UNSCALED",
    "Artefact",
    "Column",
    "Contacts",
    "GrainEntry",
    "ModalBasis",
    "ModalCorrection",
    "ModalEntry",
    "ModelReference",
    "PhaseAnisotropy",
    "Quality",
    "Result",
    "Review",
    "Sample",
    "Scale",
    "Sizes",
    "Table",
    "Uncertainty",
    "csv_text",
    "definitions",
    "exports",
    "grain_entries",
    "grain_polygons",
    "grain_size_table",
    "grains_coco",
    "grains_csv",
    "grains_geojson",
    "label_image_files",
    "label_image_result",
    "modal_basis",
    "modal_correction",
    "modal_csv",
    "modal_entries",
    "modal_table",
    "overlay",
    "result_json",
    "result_schema",
    "result_schema_json",
    "reviewed",
    "rounded_elements",
    "tabulated_grains",
    "tabulated_modal",
    "tabulated_sizes",
    "too_large_to_draw",
    "write_csv",
    "write_grains_coco",
    "write_grains_geojson",
]

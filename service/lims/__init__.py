"""Results into laboratory information systems (LIMS): files, messages, SENAITE's JSON API.

Of Petroserve it knows result.json only. Files named after steps: `profile` (words and digits of
one laboratory), `measurands` (the numbers that are reported),
`fields_of_sample` (several fields as one sample), `reported_number` (one number), `two_dimension`, `edd` and `lis2`
(formats), `two_dimension_check` (what SENAITE would make of a file), `senaite_client`,
`senaite_files` and `senaite_delivery` (its JSON API), `senaite_imports` (its import log), `import_names` (names that it
reads anew), `watched_folder`, `sidecar` and
`stated_cells` (for systems that know only files).
"""

from service.lims.edd import LONG_COLUMNS, WIDE_COLUMNS, long_csv, wide_csv
from service.lims.fields_of_sample import FieldsOfSample, Reportable, by_sample, join_fields
from service.lims.import_names import require_file_stem, write_for_import
from service.lims.lis2 import frames, is_plain, lis2_message
from service.lims.measurands import detection_limit_percent, reported
from service.lims.plain_text import on_one_line
from service.lims.profile import STANDARD, LimsProfile, parse_profile
from service.lims.reported_number import Reported
from service.lims.senaite_client import Patience, SenaiteClient
from service.lims.senaite_delivery import Delivered, deliver
from service.lims.senaite_imports import Imported, read_imports
from service.lims.senaite_records import Analysis, SenaiteSample
from service.lims.stated_cells import StatedCells, read_cells
from service.lims.two_dimension import two_dimension_csv
from service.lims.two_dimension_check import SampleInLims, Verdict, check_two_dimension
from service.lims.watched_folder import Dropped, Handled, Handler, WatchedFolder

__all__ = [
    "LONG_COLUMNS",
    "STANDARD",
    "WIDE_COLUMNS",
    "Analysis",
    "Delivered",
    "Dropped",
    "FieldsOfSample",
    "Handled",
    "Handler",
    "Imported",
    "LimsProfile",
    "Patience",
    "Record",
    "Reportable",
    "Reported",
    "SampleInLims",
    "SenaiteClient",
    "SenaiteSample",
    "StatedCells",
    "Verdict",
    "WatchedFolder",
    "by_sample",
    "check_two_dimension",
    "deliver",
    "detection_limit_percent",
    "frames",
    "is_plain",
    "join_fields",
    "lis2_message",
    "long_csv",
    "on_one_line",
    "parse_profile",
    "read_cells",
    "read_imports",
    "reported",
    "require_file_stem",
    "two_dimension_csv",
    "wide_csv",
    "write_for_import",
]

"""From the bytes of a photograph to a result with its artefacts, in the order of the steps.

`request` says what can be asked, `model_view` what the model sees, `seeing` makes the mineral map,
`turning` lays other views over it, `measurement` its statistics, `recording` the result, `writing`
the `wanted_files` (`map_files` by rows) into a `file_sink`; `analysis` leads through them. The
command line and every protocol of the service come through here, so the same bytes give the same
labels everywhere.
"""

from petrography.pipeline.analysis import (
    Analysis,
    AnalysisOptions,
    analyse,
    analyse_into,
    require_possible,
)
from petrography.pipeline.circumstances import Circumstances
from petrography.pipeline.file_sink import FileSink, FilesInMemory
from petrography.pipeline.measurement import Measured, MeasuringOptions, measure
from petrography.pipeline.modal_options import ModalOptions
from petrography.pipeline.named_parts import PartReaders
from petrography.pipeline.request import (
    MEDIA_TYPES,
    ON_REQUEST,
    AnalysisRequest,
    ArtefactName,
    StageAngleDeg,
    UmPerPx,
    ViewRequest,
)
from petrography.pipeline.seeing import Covered, InParts, OnProgress, SegmentImage
from petrography.pipeline.stop_watch import OnStage

__all__ = [
    "MEDIA_TYPES",
    "ON_REQUEST",
    "Analysis",
    "AnalysisOptions",
    "AnalysisRequest",
    "ArtefactName",
    "Circumstances",
    "Covered",
    "FileSink",
    "FilesInMemory",
    "InParts",
    "Measured",
    "MeasuringOptions",
    "ModalOptions",
    "OnProgress",
    "OnStage",
    "PartReaders",
    "SegmentImage",
    "StageAngleDeg",
    "UmPerPx",
    "ViewRequest",
    "analyse",
    "analyse_into",
    "measure",
    "require_possible",
]

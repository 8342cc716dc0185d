"""All behaviour of the service, without any protocol."""

from __future__ import annotations

from service.engine.annotations import (
    AnnotationDocument,
    AnnotationRequest,
    Proposals,
    StepAnswer,
    StepList,
    Stepped,
    StepRequest,
)
from service.engine.artefact_store import ArtefactStore
from service.engine.asked_analyses import analyse_upload
from service.engine.auditing import Auditing
from service.engine.barcodes import read_barcode_patterns
from service.engine.bucket_silence import BucketSilence
from service.engine.calibrating import CalibrationRequest
from service.engine.correcting import CorrectionRequest, correct
from service.engine.course import LAST_STAGE, AnalysisEvent
from service.engine.dividing import model_for
from service.engine.engine import Engine, Finished
from service.engine.estimating import Estimate, EstimateRequest, OtherRate, estimate
from service.engine.evaluating import Evaluation, EvaluationRequest
from service.engine.field_maps import (
    ONE_PHOTOGRAPH,
    JoinedFields,
    covered_by_fields,
    segment_fields,
)
from service.engine.guarding import guard_of
from service.engine.image_priority import priority_of, size_if_known, size_of, with_scale_of
from service.engine.kinds import (
    ANALYSES,
    ANNOTATIONS,
    CALIBRATIONS,
    EVALUATIONS,
    PANORAMAS,
    REGISTRATIONS,
    Kind,
)
from service.engine.model_list import (
    MineralClass,
    ServedModel,
    UnservedModel,
    summarise,
    unserved_models,
)
from service.engine.one_image import analyse_image
from service.engine.open_artefact import OpenArtefact
from service.engine.optics import FlatFieldCalibration, LensCalibration
from service.engine.readiness import Readiness
from service.engine.recorded_analyses import (
    OnEvent,
    RecordedAnalyses,
    asked_analysis,
    digest_of_upload,
)
from service.engine.registering import Registration, RegistrationRequest, ViewDescription
from service.engine.replaying import (
    Compared,
    compared,
    corrections_of,
    flat_field_of,
    kept_result,
    model_of,
    replay,
    request_of,
)
from service.engine.scratch_files import ScratchFiles
from service.engine.source_files import NamedFile, Placed, Readable, require_distinct_names
from service.engine.stitching import Panorama, PanoramaRequest
from service.engine.versions import newest_version, open_version

__all__ = [
    "ANALYSES",
    "ANNOTATIONS",
    "CALIBRATIONS",
    "EVALUATIONS",
    "LAST_STAGE",
    "ONE_PHOTOGRAPH",
    "PANORAMAS",
    "REGISTRATIONS",
    "AnalysisEvent",
    "AnnotationDocument",
    "AnnotationRequest",
    "ArtefactStore",
    "Auditing",
    "BucketSilence",
    "CalibrationRequest",
    "Compared",
    "CorrectionRequest",
    "Engine",
    "Estimate",
    "EstimateRequest",
    "Evaluation",
    "EvaluationRequest",
    "Finished",
    "FlatFieldCalibration",
    "JoinedFields",
    "Kind",
    "LensCalibration",
    "MineralClass",
    "NamedFile",
    "OnEvent",
    "OpenArtefact",
    "OtherRate",
    "Panorama",
    "PanoramaRequest",
    "Placed",
    "Proposals",
    "Readable",
    "Readiness",
    "RecordedAnalyses",
    "Registration",
    "RegistrationRequest",
    "ScratchFiles",
    "ServedModel",
    "StepAnswer",
    "StepList",
    "StepRequest",
    "Stepped",
    "UnservedModel",
    "ViewDescription",
    "analyse_image",
    "analyse_upload",
    "asked_analysis",
    "compared",
    "correct",
    "corrections_of",
    "covered_by_fields",
    "digest_of_upload",
    "estimate",
    "flat_field_of",
    "guard_of",
    "kept_result",
    "model_for",
    "model_of",
    "newest_version",
    "open_version",
    "priority_of",
    "read_barcode_patterns",
    "replay",
    "request_of",
    "require_distinct_names",
    "segment_fields",
    "size_if_known",
    "size_of",
    "summarise",
    "unserved_models",
    "with_scale_of",
]

"""The multipart bodies of all requests."""

from __future__ import annotations

from petrography.pipeline import AnalysisRequest
from service.engine import (
    AnnotationRequest,
    CalibrationRequest,
    CorrectionRequest,
    EstimateRequest,
    EvaluationRequest,
    PanoramaRequest,
    RegistrationRequest,
    StepRequest,
)
from service.jobs import JobRequest, PanoramaJobRequest
from service.uploads import ANALYSIS, FilePart, UploadForm

__all__ = [
    "ANALYSIS",
    "ANNOTATION",
    "CALIBRATION",
    "ESTIMATE",
    "EVALUATION",
    "JOB",
    "PANORAMA",
    "PANORAMA_JOB",
    "REGISTRATION",
    "REQUEST_MODELS",
]

JOB = UploadForm(JobRequest, ANALYSIS.parts, named_by=lambda request: request.named_parts)
ESTIMATE = UploadForm(
    EstimateRequest,
    (
        FilePart(
            "image",
            "the image, or its begin (head -c 262144 field.png | curl -F 'image=@-;filename=f')",
            required=False,
        ),
    ),
    named_by=lambda request: request.named_parts,
)
CALIBRATION = UploadForm(
    CalibrationRequest,
    (
        FilePart(
            "image",
            "one photograph, or several of one series (curl -F image=@field.png)",
            series=True,
        ),
        FilePart(
            "labels",
            "the label image of each photograph, in the same order: LumenStone codes, 255 where "
            "nothing is labelled (curl -F labels=@labels.png); none when white_rgb is stated",
            required=False,
            series=True,
        ),
        FilePart(
            "dark",
            "for a flat field: one photograph without light (curl -F dark=@dark.png)",
            required=False,
        ),
    ),
)
REGISTRATION = UploadForm(
    RegistrationRequest,
    (
        FilePart("reference", "what the views are laid over (curl -F reference=@ppl.jpg)"),
        FilePart(
            "view",
            "photographs of the same place, each with a filename of its own (curl -F view=@a.jpg "
            "-F view=@b.jpg)",
            series=True,
        ),
    ),
)
PANORAMA = UploadForm(
    PanoramaRequest,
    (
        FilePart(
            "field",
            "the overlapping fields, each with a filename of its own (curl -F field=@a.jpg "
            "-F field=@b.jpg)",
            series=True,
        ),
        FilePart(
            "flat_field",
            "a measured flat field as JSON (curl -F flat_field=@flat.json)",
            required=False,
        ),
    ),
)
PANORAMA_JOB = UploadForm(PanoramaJobRequest, PANORAMA.parts)
EVALUATION = UploadForm(
    EvaluationRequest,
    (
        FilePart(
            "truth",
            "what an expert drew, one label image or several: LumenStone codes, 255 where nothing "
            "is annotated (curl -F truth=@truth.png)",
            series=True,
        ),
        FilePart(
            "prediction",
            "the label image of each truth, in the same order (curl -F prediction=@labels.png); "
            "none when the request names analyses",
            required=False,
            series=True,
        ),
        FilePart(
            "image",
            "the photograph of each truth, in the same order, for the panels; or none "
            "(curl -F image=@field.png)",
            required=False,
            series=True,
        ),
    ),
)
ANNOTATION = UploadForm(
    AnnotationRequest,
    (FilePart("image", "the photograph that is drawn upon (curl -F image=@field.png)"),),
)
REQUEST_MODELS = (
    CorrectionRequest,
    AnalysisRequest,
    JobRequest,
    EstimateRequest,
    CalibrationRequest,
    RegistrationRequest,
    PanoramaJobRequest,
    EvaluationRequest,
    AnnotationRequest,
    StepRequest,
)

"""One table from error class to HTTP status and gRPC code, for every protocol.

The row of a class is the row of the nearest of its ancestors that has one, so a new error class
has a sensible status before anybody thinks of it; a test asks for a row of its own all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from petrography import errors

__all__ = [
    "HTTP_PROBLEMS",
    "STATUS_TABLE",
    "HttpProblem",
    "Status",
    "http_problem",
    "problem_members",
    "status_of",
]

GrpcCode = Literal[
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "FAILED_PRECONDITION",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "CANCELLED",
    "DATA_LOSS",
    "UNAVAILABLE",
    "INTERNAL",
]


@dataclass(frozen=True)
class Status:
    """How an error is told to a client.

    Attributes
    ----------
    http : int
        HTTP status code.
    grpc : str
        Name of the gRPC status code.
    slug : str
        Stable name of the problem, the end of its type URI.
    title : str
        What is wrong, the same for every occurrence.
    public : bool
        Whether the message is for the client; otherwise it goes to the log only.
    """

    http: int
    grpc: GrpcCode
    slug: str
    title: str
    public: bool = True

    @property
    def type_uri(self) -> str:
        """Type of the problem, RFC 9457 section 3.1.1."""
        return f"urn:petroserve:problem:{self.slug}"


_INTERNAL = Status(500, "INTERNAL", "internal-error", "Internal error", public=False)

STATUS_TABLE: dict[type[BaseException], Status] = {
    errors.PetroserveError: _INTERNAL,
    errors.InputError: Status(400, "INVALID_ARGUMENT", "bad-request", "Bad request"),
    errors.MalformedRequestError: Status(
        400, "INVALID_ARGUMENT", "malformed-request", "Malformed request"
    ),
    errors.InvalidParameterError: Status(
        422, "INVALID_ARGUMENT", "invalid-parameter", "Invalid parameter"
    ),
    errors.MissingPartError: Status(
        400, "INVALID_ARGUMENT", "missing-part", "Missing request part"
    ),
    errors.ImageError: Status(
        422, "INVALID_ARGUMENT", "image-not-usable", "Image cannot be analysed"
    ),
    errors.UnsupportedImageError: Status(
        415, "INVALID_ARGUMENT", "unsupported-image", "Unsupported image format"
    ),
    errors.DamagedImageError: Status(422, "INVALID_ARGUMENT", "damaged-image", "Image is damaged"),
    errors.ImageTooLargeError: Status(
        413, "INVALID_ARGUMENT", "image-too-large", "Image too large"
    ),
    errors.ImageChannelsError: Status(
        422, "INVALID_ARGUMENT", "other-channels", "Image channels do not match the model"
    ),
    errors.RegistrationError: Status(
        422, "INVALID_ARGUMENT", "images-do-not-fit", "Images cannot be registered"
    ),
    errors.BodyTooLargeError: Status(
        413, "INVALID_ARGUMENT", "body-too-large", "Request body too large"
    ),
    errors.LabelImageError: Status(
        422, "INVALID_ARGUMENT", "label-image-not-usable", "Label image cannot be used"
    ),
    errors.ConflictError: Status(
        409, "FAILED_PRECONDITION", "conflict", "Conflict with current state"
    ),
    errors.IdempotencyConflictError: Status(
        409, "ALREADY_EXISTS", "idempotency-conflict", "Idempotency key reused for another request"
    ),
    errors.AnalysisEndedError: Status(
        409, "FAILED_PRECONDITION", "analysis-ended", "Analysis has ended"
    ),
    errors.AnalysisCancelledError: Status(
        409, "CANCELLED", "analysis-cancelled", "Analysis was cancelled"
    ),
    errors.OtherStateError: Status(
        412, "FAILED_PRECONDITION", "precondition-failed", "Precondition failed"
    ),
    errors.NothingToUndoError: Status(
        409, "FAILED_PRECONDITION", "nothing-to-undo", "Nothing to undo"
    ),
    errors.WebhookSignatureError: Status(
        400, "INVALID_ARGUMENT", "webhook-not-signed", "Invalid webhook signature"
    ),
    errors.NotFoundError: Status(404, "NOT_FOUND", "not-found", "Not found"),
    errors.ModelNotFoundError: Status(404, "NOT_FOUND", "model-not-found", "Model not found"),
    errors.AnalysisNotFoundError: Status(
        404, "NOT_FOUND", "analysis-not-found", "Analysis not found"
    ),
    errors.CalibrationNotFoundError: Status(
        404, "NOT_FOUND", "calibration-not-found", "Calibration not found"
    ),
    errors.RegistrationNotFoundError: Status(
        404, "NOT_FOUND", "registration-not-found", "Registration not found"
    ),
    errors.PanoramaNotFoundError: Status(
        404, "NOT_FOUND", "panorama-not-found", "Panorama not found"
    ),
    errors.EvaluationNotFoundError: Status(
        404, "NOT_FOUND", "evaluation-not-found", "Evaluation not found"
    ),
    errors.AnnotationNotFoundError: Status(
        404, "NOT_FOUND", "annotation-not-found", "Annotation not found"
    ),
    errors.ArtefactNotFoundError: Status(
        404, "NOT_FOUND", "artefact-not-found", "Artefact not found"
    ),
    errors.AccessError: Status(403, "PERMISSION_DENIED", "no-access", "Access denied"),
    errors.UnauthenticatedError: Status(
        401, "UNAUTHENTICATED", "unauthenticated", "Valid API key or token required"
    ),
    errors.ForbiddenError: Status(
        403, "PERMISSION_DENIED", "forbidden", "Insufficient permissions"
    ),
    errors.RateLimitError: Status(429, "RESOURCE_EXHAUSTED", "rate-limited", "Rate limit exceeded"),
    errors.OverloadedError: Status(429, "RESOURCE_EXHAUSTED", "overloaded", "Service is busy"),
    errors.LimsError: Status(502, "UNAVAILABLE", "lims-error", "LIMS error"),
    errors.LimsUnreachableError: Status(
        502, "UNAVAILABLE", "lims-unreachable", "LIMS is not responding"
    ),
    errors.LimsRefusedError: Status(502, "UNAVAILABLE", "lims-refused", "LIMS rejected the data"),
    errors.NotReadyError: Status(503, "UNAVAILABLE", "not-ready", "Service is not ready"),
    errors.AuditUnavailableError: Status(
        503, "UNAVAILABLE", "audit-unavailable", "Audit log unavailable"
    ),
    errors.BucketUnavailableError: Status(
        503, "UNAVAILABLE", "bucket-unavailable", "Object storage unavailable"
    ),
    errors.DatabaseUnavailableError: Status(
        503, "UNAVAILABLE", "database-unavailable", "Database unavailable"
    ),
    errors.StorageUnavailableError: Status(
        503, "UNAVAILABLE", "storage-unavailable", "Disk is full or unavailable"
    ),
    errors.JobError: Status(500, "INTERNAL", "job-failed", "Job failed"),
    errors.DamagedJobError: Status(500, "INTERNAL", "job-damaged", "Job files are damaged"),
    errors.JobAbandonedError: Status(500, "INTERNAL", "job-abandoned", "Job abandoned"),
    errors.DamagedResultError: Status(503, "DATA_LOSS", "result-damaged", "Result is damaged"),
    errors.TileTooLargeError: _INTERNAL,
    errors.ConfigurationError: _INTERNAL,
    errors.ModelCardError: _INTERNAL,
    errors.InternalError: _INTERNAL,
}


@dataclass(frozen=True)
class HttpProblem:
    """How a refusal is told that HTTP alone knows, such as a method that an address does not take.

    Attributes
    ----------
    slug : str
        Stable name of the problem, the end of its type URI.
    title : str
        What is wrong, the same for every occurrence.
    """

    slug: str
    title: str

    @property
    def type_uri(self) -> str:
        """Type of the problem, RFC 9457 section 3.1.1."""
        return f"urn:petroserve:problem:{self.slug}"


def _as_row(error_class: type[BaseException]) -> HttpProblem:
    row = STATUS_TABLE[error_class]
    return HttpProblem(row.slug, row.title)


# Fixed here, because the phrases of `http.HTTPStatus` change from one Python to the next.
HTTP_PROBLEMS: dict[int, HttpProblem] = {
    400: _as_row(errors.InputError),
    404: _as_row(errors.NotFoundError),
    405: HttpProblem("method-not-allowed", "Method not allowed"),
    412: _as_row(errors.OtherStateError),
    413: _as_row(errors.BodyTooLargeError),
    415: HttpProblem("unsupported-media-type", "Unsupported media type"),
    416: HttpProblem("requested-range-not-satisfiable", "Requested range not satisfiable"),
}


def http_problem(status: int) -> HttpProblem:
    """Find the problem of a status that the web framework answers with.

    Examples
    --------
    >>> http_problem(405).type_uri
    'urn:petroserve:problem:method-not-allowed'
    >>> http_problem(418).slug, http_problem(505).slug
    ('bad-request', 'internal-error')
    """
    unknown = HTTP_PROBLEMS[400] if status < 500 else _as_row(errors.InternalError)
    return HTTP_PROBLEMS.get(status, unknown)


def status_of(error: BaseException) -> Status:
    """Find the row of an error along its class's method resolution order.

    Examples
    --------
    >>> from petrography.errors import ModelNotFoundError
    >>> status_of(ModelNotFoundError("no such model")).http
    404
    >>> status_of(ZeroDivisionError()).title
    'Internal error'
    """
    for ancestor in type(error).__mro__:
        if ancestor in STATUS_TABLE:
            return STATUS_TABLE[ancestor]
    return _INTERNAL


def problem_members(error: BaseException) -> dict[str, str | int]:
    """Describe an error as members of a problem document (RFC 9457), without its instance.

    Examples
    --------
    >>> from petrography.errors import ModelNotFoundError
    >>> problem_members(ModelNotFoundError("no such model"))["type"]
    'urn:petroserve:problem:model-not-found'
    """
    status = status_of(error)
    detail = str(error) if status.public else "The service failed; its log says why."
    return {
        "type": status.type_uri,
        "title": status.title,
        "status": status.http,
        "detail": detail,
    }

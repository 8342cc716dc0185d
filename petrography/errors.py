"""Every error that Petroserve raises on purpose, in one tree.

::

    PetroserveError
    ├── InputError                      the caller can mend it
    │   ├── MalformedRequestError       the request cannot be read at all (JSON, multipart)
    │   ├── InvalidParameterError       a readable value that makes no sense (scale, association)
    │   ├── MissingPartError            an image or a field that must be there is not
    │   ├── ImageError
    │   │   ├── UnsupportedImageError   the bytes are no image format that is read
    │   │   ├── DamagedImageError       an image format, but truncated or inconsistent
    │   │   ├── ImageTooLargeError      over the pixel limit
    │   │   ├── ImageChannelsError      other channels than the model was trained on
    │   │   └── RegistrationError       images that cannot be laid over each other with certainty
    │   ├── BodyTooLargeError           over the byte limit
    │   ├── LabelImageError             a mask with another size, codes or layout than wanted
    │   ├── ConflictError               right by itself, but not with what there is already
    │   │   ├── IdempotencyConflictError    a key that was used for something else
    │   │   ├── AnalysisEndedError          an analysis that is to be stopped and has ended
    │   │   ├── AnalysisCancelledError      a result that there will not be
    │   │   ├── OtherStateError             wanted of another state than there is by now
    │   │   └── NothingToUndoError          an annotation without steps
    │   ├── WebhookSignatureError       a message that its sender did not sign, or long ago
    │   └── NotFoundError               nothing of that name is there
    │       ├── ModelNotFoundError      no model of that name and version
    │       ├── AnalysisNotFoundError   no analysis of that id, or no such artefact of it
    │       ├── CalibrationNotFoundError
    │       ├── RegistrationNotFoundError
    │       ├── PanoramaNotFoundError
    │       ├── EvaluationNotFoundError
    │       └── AnnotationNotFoundError
    ├── AccessError                     the caller may not
    │   ├── UnauthenticatedError        without a key that is good
    │   └── ForbiddenError              with this key
    ├── OverloadedError                 right request, wrong moment: try again later
    │   └── RateLimitError              more requests than the key is good for
    ├── LimsError                       the laboratory's system stands in the way
    │   ├── LimsUnreachableError        it does not answer; the same may succeed later
    │   └── LimsRefusedError            it answered and does not take what it was given
    ├── NotReadyError                   the service is starting or stopping
    │   ├── BucketUnavailableError      a bucket that does not answer as it should
    │   ├── DatabaseUnavailableError    locked, full, frozen or gone
    │   └── StorageUnavailableError     a disk that is full or gone
    ├── JobError                        a job that cannot be carried out
    │   ├── DamagedJobError             its files are not there, or not as they were
    │   └── JobAbandonedError           the process that worked on it died again and again
    ├── DamagedResultError              a kept result is not as it was kept
    ├── AuditUnavailableError           what is to be done cannot be put on record
    ├── TileTooLargeError               a tile for which memory does not suffice; smaller ones fit
    ├── ConfigurationError              the operator can mend it (settings, a missing extra)
    ├── ModelCardError                  a model folder whose card or file cannot be trusted
    └── InternalError                   a broken promise of our own code

An error carries facts, not protocol codes: `service.status` holds the one table that turns a
class into an HTTP status and a gRPC code. Messages say what was given, what is wanted and what
would work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError


class PetroserveError(Exception):
    """Root of all deliberate errors."""


class InputError(PetroserveError):
    """The request is at fault and the caller can mend it."""


class MalformedRequestError(InputError):
    """The request cannot be parsed: JSON, multipart framing or nesting."""


@dataclass(frozen=True)
class FieldFault:
    """What is wrong with one field of a request.

    Attributes
    ----------
    path : tuple of str or int
        Names and indices that lead to it; empty for the request as a whole.
    detail : str
        What is wanted.
    """

    path: tuple[str | int, ...]
    detail: str


class InvalidParameterError(InputError):
    """A parameter was read but its value is not possible.

    Parameters
    ----------
    message : str
        What was given and what is wanted, for people.
    faults : sequence of FieldFault
        The same by field, for programs, where a request has fields.
    """

    def __init__(self, message: str = "", faults: Sequence[FieldFault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class MissingPartError(InputError):
    """A part of the request that is required is absent."""


class ImageError(InputError):
    """An image that cannot be analysed."""


class UnsupportedImageError(ImageError):
    """The bytes are empty or not in an image format that is read."""


class DamagedImageError(ImageError):
    """The bytes begin like an image but cannot be decoded to the end."""


class ImageTooLargeError(ImageError):
    """The image has more pixels than the limit allows."""


class ImageChannelsError(ImageError):
    """The image has another number of channels than wanted."""


class RegistrationError(ImageError):
    """Two images cannot be laid over each other with certainty."""


class BodyTooLargeError(InputError):
    """The bytes sent are more than the limit allows."""


class LabelImageError(InputError):
    """A label image has the wrong size, layout or codes."""


class ConflictError(InputError):
    """The request does not fit what there is already; another one, or at another time, would."""


class IdempotencyConflictError(ConflictError):
    """An idempotency key was used for another request."""


class AnalysisEndedError(ConflictError):
    """An analysis that has ended cannot be cancelled."""


class AnalysisCancelledError(ConflictError):
    """An analysis was cancelled: there will be no result."""


class OtherStateError(ConflictError):
    """The request is for a certain state of a thing, and the thing is in another by now."""


class NothingToUndoError(ConflictError):
    """An annotation has no step that could be taken back."""


class WebhookSignatureError(InputError):
    """The signature of a webhook is missing, wrong, or too old."""


class NotFoundError(InputError):
    """Nothing of the requested name is there."""


class ModelNotFoundError(NotFoundError):
    """No model of the requested name and version is served."""


class AnalysisNotFoundError(NotFoundError):
    """No analysis or artefact of the requested name is kept."""


class CalibrationNotFoundError(NotFoundError):
    """No colour calibration of the requested id, or no such artefact of it, is kept."""


class RegistrationNotFoundError(NotFoundError):
    """No registration or artefact of the requested name is kept."""


class PanoramaNotFoundError(NotFoundError):
    """No panorama or artefact of the requested name is kept."""


class EvaluationNotFoundError(NotFoundError):
    """No evaluation or artefact of the requested name is kept."""


class AnnotationNotFoundError(NotFoundError):
    """No annotation or artefact of the requested name is kept."""


class ArtefactNotFoundError(NotFoundError):
    """The result is kept, and was made without the file that is asked for."""


class AccessError(PetroserveError):
    """The caller may not do that."""


class UnauthenticatedError(AccessError):
    """There is no key, or none that is good."""


class ForbiddenError(AccessError):
    """The key is good, but not for this."""


class OverloadedError(PetroserveError):
    """The queue is full; the same request may succeed later.

    Parameters
    ----------
    message : str
        What is full and how large it is.
    retry_after_s : int
        Whole seconds after which a retry is worth while.
    """

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimitError(OverloadedError):
    """A key has used up its requests of this minute."""


class LimsError(PetroserveError):
    """The laboratory's information system (LIMS) stands in the way."""


class LimsUnreachableError(LimsError):
    """The LIMS does not answer, or not in time; whether it acted is not known."""


class LimsRefusedError(LimsError):
    """The LIMS answered and does not take what it was given."""


class NotReadyError(PetroserveError):
    """The service is starting, warming a model, or shutting down."""


class AuditUnavailableError(PetroserveError):
    """The audit log takes no entry, so what it would tell of is not done."""


class BucketUnavailableError(NotReadyError):
    """A bucket does not answer as it should; the same may succeed later."""


class DatabaseUnavailableError(NotReadyError):
    """The database does not answer; nothing is half done."""


class StorageUnavailableError(NotReadyError):
    """A disk is full, read-only or gone; nothing was changed."""


class JobError(PetroserveError):
    """A job cannot be carried out, and its client is not at fault."""


class DamagedJobError(JobError):
    """The files of a job are not there, or not as they were written."""


class JobAbandonedError(JobError):
    """The process that worked on a job died again and again."""


class DamagedResultError(PetroserveError):
    """A kept result is not what was kept: nothing is told of it, and nothing made from it."""


class TileTooLargeError(PetroserveError):
    """Memory does not suffice for tiles of this size; whoever cuts them begins again with less.

    Parameters
    ----------
    tile_px : int
        Side of the tile that was given.
    most_px : int
        Side of the largest tiles that are taken now.
    """

    def __init__(self, tile_px: int, most_px: int) -> None:
        super().__init__(f"a tile has {tile_px} px; memory suffices for tiles of {most_px} px")
        self.most_px = most_px


class ConfigurationError(PetroserveError):
    """Settings, files or extras of this installation do not fit together."""


class ModelCardError(PetroserveError):
    """A model folder is incomplete, altered, or does not match its card."""


class InternalError(PetroserveError):
    """A promise of our own code is broken; never the caller's fault."""


# Whole numbers from here on are not repeated: they may have thousands of digits.
_TOLD_BELOW = 10**20


def field_problems(error: ValidationError) -> str:
    """Name every field that pydantic refused, why, and what was given where that is a number.

    Other values may be huge, or secret.

    Examples
    --------
    >>> from pydantic import TypeAdapter
    >>> try:
    ...     TypeAdapter(dict[str, int]).validate_python({"a": 1, "b": "x"})
    ... except ValidationError as error:
    ...     print(field_problems(error))
    b: Input should be a valid integer, unable to parse string as an integer
    >>> try:
    ...     TypeAdapter(dict[str, int]).validate_python({"a": 0.5, "b": 10**20})
    ... except ValidationError as error:
    ...     print(field_problems(error))
    a: Input should be a valid integer, got a number with a fractional part; given 0.5
    """
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'the whole'}: "
        f"{with_given(problem['msg'], problem['input'])}"
        for problem in error.errors(include_url=False)
    )


def with_given(problem: str, value: object) -> str:
    """Add what was given to a problem, where that is a number.

    Parameters
    ----------
    problem : str
        What is wrong.
    value : object
        What was given.

    Examples
    --------
    >>> with_given("Input should be greater than 0", -1)
    'Input should be greater than 0; given -1'
    >>> with_given("Input should be a number", "1e400 " * 1000)
    'Input should be a number'
    """
    told = isinstance(value, float) or (isinstance(value, int) and abs(value) < _TOLD_BELOW)
    return f"{problem}; given {value}" if told else problem

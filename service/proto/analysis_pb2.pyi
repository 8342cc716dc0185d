from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UploadChunk(_message.Message):
    __slots__ = ("begin", "part", "data")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    begin: Begin
    part: Part
    data: bytes
    def __init__(self, begin: _Optional[_Union[Begin, _Mapping]] = ..., part: _Optional[_Union[Part, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class Begin(_message.Message):
    __slots__ = ("request_json", "can_wait")
    REQUEST_JSON_FIELD_NUMBER: _ClassVar[int]
    CAN_WAIT_FIELD_NUMBER: _ClassVar[int]
    request_json: bytes
    can_wait: bool
    def __init__(self, request_json: _Optional[bytes] = ..., can_wait: _Optional[bool] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("name", "filename")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    filename: str
    def __init__(self, name: _Optional[str] = ..., filename: _Optional[str] = ...) -> None: ...

class AnalysisEvent(_message.Message):
    __slots__ = ("accepted", "progress", "finished", "earlier")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    accepted: Accepted
    progress: Progress
    finished: Analysis
    earlier: Analysis
    def __init__(self, accepted: _Optional[_Union[Accepted, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., finished: _Optional[_Union[Analysis, _Mapping]] = ..., earlier: _Optional[_Union[Analysis, _Mapping]] = ...) -> None: ...

class Accepted(_message.Message):
    __slots__ = ("analysis_id",)
    ANALYSIS_ID_FIELD_NUMBER: _ClassVar[int]
    analysis_id: str
    def __init__(self, analysis_id: _Optional[str] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("stage", "done", "total")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    stage: str
    done: int
    total: int
    def __init__(self, stage: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class Analysis(_message.Message):
    __slots__ = ("analysis_id", "result_json", "state", "stage", "progress_fraction", "problem_json")
    ANALYSIS_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_JSON_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FRACTION_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_JSON_FIELD_NUMBER: _ClassVar[int]
    analysis_id: str
    result_json: bytes
    state: str
    stage: str
    progress_fraction: float
    problem_json: bytes
    def __init__(self, analysis_id: _Optional[str] = ..., result_json: _Optional[bytes] = ..., state: _Optional[str] = ..., stage: _Optional[str] = ..., progress_fraction: _Optional[float] = ..., problem_json: _Optional[bytes] = ...) -> None: ...

class GetAnalysisRequest(_message.Message):
    __slots__ = ("analysis_id", "version")
    ANALYSIS_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    analysis_id: str
    version: int
    def __init__(self, analysis_id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class GetArtefactRequest(_message.Message):
    __slots__ = ("analysis_id", "name")
    ANALYSIS_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    analysis_id: str
    name: str
    def __init__(self, analysis_id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class ArtefactChunk(_message.Message):
    __slots__ = ("artefact", "data")
    ARTEFACT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    artefact: Artefact
    data: bytes
    def __init__(self, artefact: _Optional[_Union[Artefact, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class Artefact(_message.Message):
    __slots__ = ("media_type", "size_bytes", "etag")
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    media_type: str
    size_bytes: int
    etag: str
    def __init__(self, media_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., etag: _Optional[str] = ...) -> None: ...

class CancelAnalysisRequest(_message.Message):
    __slots__ = ("analysis_id",)
    ANALYSIS_ID_FIELD_NUMBER: _ClassVar[int]
    analysis_id: str
    def __init__(self, analysis_id: _Optional[str] = ...) -> None: ...

class CancelAnalysisResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "not_served", "problem")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NOT_SERVED_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    not_served: _containers.RepeatedCompositeFieldContainer[UnservedModel]
    problem: str
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., not_served: _Optional[_Iterable[_Union[UnservedModel, _Mapping]]] = ..., problem: _Optional[str] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "version", "default", "description", "architecture", "precision", "derived_from", "classes", "sha256", "provider", "degradations", "weight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FROM_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    DEGRADATIONS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    default: bool
    description: str
    architecture: str
    precision: str
    derived_from: int
    classes: _containers.RepeatedCompositeFieldContainer[MineralClass]
    sha256: str
    provider: str
    degradations: _containers.RepeatedScalarFieldContainer[str]
    weight: float
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., default: _Optional[bool] = ..., description: _Optional[str] = ..., architecture: _Optional[str] = ..., precision: _Optional[str] = ..., derived_from: _Optional[int] = ..., classes: _Optional[_Iterable[_Union[MineralClass, _Mapping]]] = ..., sha256: _Optional[str] = ..., provider: _Optional[str] = ..., degradations: _Optional[_Iterable[str]] = ..., weight: _Optional[float] = ...) -> None: ...

class UnservedModel(_message.Message):
    __slots__ = ("name", "version", "state", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    state: str
    reason: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class MineralClass(_message.Message):
    __slots__ = ("code", "symbol", "name")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    code: int
    symbol: str
    name: str
    def __init__(self, code: _Optional[int] = ..., symbol: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

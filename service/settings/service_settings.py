"""Every setting of the service, in one frozen class.

A field ``x`` is the variable ``PETROSERVE_X``; the command line overrides it.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from petrography.errors import ConfigurationError
from petrography.model_card import Precision
from service.settings.problems import settings_problems

__all__ = ["Provider", "Settings", "read_settings"]

Provider = Literal["cpu", "cuda", "tensorrt", "auto"]

_Count = Annotated[int, Field(ge=1)]
_GIB = 1024**3


class Settings(BaseSettings):
    """Settings of one service process."""

    model_config = SettingsConfigDict(
        env_prefix="PETROSERVE_",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        # Both the variable's own name and the field's name, so that code can state it as well.
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    host: str = "127.0.0.1"
    """IP address to listen on; 0.0.0.0 for every interface."""

    http_port: int = Field(default=3000, ge=1, le=65535)
    """TCP port of HTTP."""

    api_keys: Path | None = None
    """File of API keys made by `petroserve keys create`; unset: whoever reaches the address may do
    everything, so only a loopback address is then listened on."""

    oidc_issuer: str | None = None
    """URL of an OpenID Connect provider whose tokens are accepted beside, or instead of, API keys."""

    oidc_audience: str | None = None
    """What the tokens must name as their audience; goes with the issuer."""

    oidc_tenant_claim: str = "tenant"
    """Claim of a token that names the tenant."""

    oidc_scope_claim: str = "scope"
    """Claim of a token that holds the scopes."""

    oidc_scope_prefix: str = ""
    """What the provider puts before each scope of this service."""

    open_access: bool = False
    """Listen on other addresses than loopback without API keys: something in front of the service
    must then keep strangers out."""

    workers: _Count = 1
    """Service processes. One per GPU; every worker loads every model."""

    models_folder: Path = Path("models")
    """Where models/<name>/<version>/{model.onnx, model.json} lie."""

    models_url: str | None = None
    """Bucket that the models come from, such as s3://bucket/prefix, gs://, az:// or file://: it is
    followed at every look and then stands in the place of the models folder."""

    models_mirror_folder: Path = Path("models-mirror")
    """Where the models of that bucket are kept; used for nothing else."""

    models_reload_s: float = Field(default=10.0, ge=0.0, allow_inf_nan=False)
    """Seconds between two looks at the models folder: a new version is loaded and switched in, one
    that was removed is let go; 0: only at the signal SIGHUP."""

    default_model: str | None = None
    """NAME or NAME:VERSION for requests that name none; unset: the first name of the alphabet."""

    model_precision: Precision = "float32"
    """Which version a name without a version means: of the newest weights the newest version in
    this precision. Where there is none the name is refused; no precision stands in for another."""

    models_public_key: Path | None = None
    """Public key file of minisign: models that are not signed with it are refused at the start;
    unset: signatures are not looked at."""

    provider: Provider = "auto"
    """Where networks run. cuda and tensorrt refuse to start without the GPU; auto takes CUDA where
    this installation has it and otherwise the CPU, and results say when it had to fall back."""

    threads: int = Field(default=0, ge=0)
    """CPU threads of one network run; 0: one per core."""

    gpu_tile_batch: int = Field(default=4, ge=1, le=64)
    """Tiles of one run on a GPU. On the CPU it is always 1: more is not faster there."""

    gpu_memory_bytes: int | None = Field(default=None, ge=_GIB)
    """Most GPU memory that ONNX Runtime may take for one model; unset: no limit."""

    tensorrt_cache_folder: Path | None = None
    """Where TensorRT keeps the engines that it builds, so that only the first start takes minutes;
    unset: they are built at every start. The folder must be the service's own: engines are code."""

    artefacts_folder: Path = Path("artefacts")
    """Where finished analyses, calibrations, registrations, panoramas, evaluations and annotations
    are kept."""

    artefacts_url: str | None = None
    """Bucket that keeps them as well (s3://bucket/prefix, gs://, az://, file://), beside PostgreSQL
    the uploads of jobs too; the folder holds what was lately used or waits for the bucket."""

    artefacts_max_count: _Count = 1000
    """Results of each kind and tenant to keep, the newest; final and corrected ones do not count, and
    of annotations that were drawn upon ten times as many are kept beside the others."""

    artefacts_max_bytes: _Count = 20 * _GIB
    """Bytes of results to keep; beyond them the tenant that holds the most gives its oldest,
    calibrations and annotations after all others, those that were drawn upon at the very last. The
    newest result and analyses whose newest version is final or corrected are never removed; where
    the latter take all of it new work is refused with 503."""

    database_url: str | None = None
    """Where analyses are listed: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE; unset:
    catalogue.sqlite below the artefacts folder. A PostgreSQL also holds the queue of jobs, which
    else is jobs/queue.sqlite below that folder."""

    scratch_folder: Path | None = None
    """Where images larger than memory are worked on, up to 20 bytes a pixel; on a disk, not in
    memory. Unset: the temporary folder of the system."""

    # More than a byte a pixel of the largest image: JPEG and compressed TIFF of sections need half
    # of that. Uploads lie on disk and are mapped, so it is room on the disk and not memory.
    max_image_bytes: _Count = _GIB
    """Largest image file that is accepted."""

    max_image_pixels: _Count = 700_000_000
    """Largest image, in pixels, that is accepted."""

    max_fields: int = Field(default=400, ge=2, le=10_000)
    """Most images of one series: fields of a panorama, views of a registration, images of a
    calibration, truths of an evaluation."""

    max_series_bytes: _Count = 4 * _GIB
    """Most bytes that the images of one series may have together."""

    max_panorama_pixels: _Count = 4_000_000_000
    """Largest panorama, in pixels, that is drawn; one that is analysed is an image like others."""

    max_request_bytes: _Count = 64 * 1024
    """Largest JSON part `request` that is accepted."""

    max_inference_bytes: _Count = 256 * 1024**2
    """Most bytes of the body of one request to /v2, once it is unpacked, and of the tensors of its
    answer."""

    max_inference_json_bytes: _Count = 16 * 1024**2
    """Most bytes of JSON in one request to /v2 or its answer; binary tensors do not count."""

    upload_timeout_s: float = Field(default=600.0, gt=0.0, allow_inf_nan=False)
    """Seconds in which a request body must have arrived."""

    upload_pause_s: float = Field(default=30.0, gt=0.0, allow_inf_nan=False)
    """Seconds without a byte after which a request body is given up: a silent client holds one of
    the few places."""

    head_timeout_s: float = Field(default=30.0, gt=0.0, allow_inf_nan=False)
    """Seconds in which the head of an HTTP request must have arrived."""

    annotations_memory_bytes: _Count = 2 * _GIB
    """Memory of one process for annotations that were lately drawn upon, about 20 bytes a pixel; the
    last one is held in any case. The others are read again when they are asked for."""

    panorama_matcher: Path | None = None
    """ONNX file of a matcher such as LoFTR that finds the overlaps of panoramas; unset: SIFT."""

    concurrent_analyses: _Count = 1
    """Analyses, calibrations, registrations, panoramas, evaluations and new annotations that run at
    the same time in one process."""

    concurrent_interactive: int = Field(default=2, ge=0)
    """Analyses of small images that run beside them, so that they need not wait for large ones."""

    interactive_pixels: _Count = 16_000_000
    """Largest image, in pixels, whose analysis is interactive: its tiles go before those of others.
    """

    queue_length: int = Field(default=8, ge=0)
    """Those that may wait in one process; one more is refused with 429. Where several tenants come, a
    quarter of all places is kept for those that hold fewer than that."""

    grpc_port: int = Field(default=3001, ge=0, le=65535)
    """TCP port of gRPC; 0: gRPC is not spoken."""

    grpc_max_message_bytes: int = Field(default=64 * 1024**2, ge=64 * 1024, le=2**31 - 1)
    """Largest message that is accepted over gRPC. An upload comes in many; the tensors of one
    inference in one."""

    grpc_max_calls: _Count = 256
    """Calls over gRPC that one process answers at the same time; one more is refused."""

    grpc_stop_within_s: float = Field(default=60.0, gt=0.0, allow_inf_nan=False)
    """Seconds that calls under way over gRPC have to end when the service stops, after HTTP."""

    grpc_certificate: Path | None = None
    """Certificate chain of the service (PEM), so that gRPC is encrypted; unset: it is not."""

    grpc_key: Path | None = None
    """Its private key (PEM, not encrypted)."""

    grpc_client_ca: Path | None = None
    """Certificates (PEM) of those who sign the certificates of clients: only such clients are let
    in then (mTLS); unset: clients need no certificate."""

    jobs_queued: _Count = 1000
    """Most jobs of one tenant that may wait; one more is refused with 429."""

    event_streams: _Count = 32
    """Streams of events per tenant (without API keys: address) and process; one more is 429."""

    jobs_kept_days: float = Field(default=30.0, gt=0.0, allow_inf_nan=False)
    """Days after which what is left of ended jobs is removed: the uploads of those that failed, and
    delivered callbacks. Results stay as the limits on artefacts say."""

    records_kept_days: float = Field(default=365.0, gt=0.0, allow_inf_nan=False)
    """Days after which an analysis that ended is no longer listed, and its idempotency key is free;
    one whose result is kept is listed as long as that."""

    job_tries: _Count = 8
    """How often a job is tried while disk or load stand in its way, before it is given up."""

    job_pause_s: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    """Seconds before the second try; they double from try to try, up to five minutes."""

    barcode_patterns_file: Path | None = None
    """Lines TENANT PATTERN, a regular expression that the whole `sample.barcode_raw` must match; *
    is every tenant without a line of its own. Unset: any barcode."""

    webhook_secrets_file: Path | None = None
    """File of secrets that sign callbacks, one whsec_... a line, the newest first: a message is
    signed with all of them. After the name of a tenant (TENANT whsec_...) a secret signs messages
    of that tenant, instead of those without a name. Unset: callbacks are refused."""

    webhook_networks: str | None = None
    """Inward networks that callbacks may go to all the same, and over plain http, as CIDR separated
    by commas: 10.0.0.0/8,fd00::/8."""

    audit: bool = True
    """Keep an audit log: who did what, as lines that are chained by their digests."""

    audit_folder: Path | None = None
    """Where it lies, best on a disk of its own; unset: `audit` in the artefacts folder."""

    audit_fsync: bool = True
    """Whether an entry is on the disk before its work counts; otherwise a power cut may take the
    last entries with it."""

    audit_failure: Literal["refuse", "continue"] = "refuse"
    """What becomes of work whose entry cannot be written (disk full): it is refused with 503, or
    it goes on and the next entry tells how many are missing."""

    build_commit: str | None = None
    """Commit that this installation was built from, for the provenance of results."""

    image_digest: str | None = None
    """Digest of the container image that this runs in, for the provenance of results."""

    audit_max_file_bytes: _Count = 64 * 1024**2
    """A file of the audit log as large as this is followed by another one, in the same chain."""

    lims_url: str | None = None
    """Address of a SENAITE site for `petroserve lims`, such as https://host/senaite."""

    lims_user: str | None = None
    """Its account: one of its own with the role Analyst, which submits and does not verify."""

    lims_password_file: Path | None = None
    """File that holds the password of that account."""

    log_format: Literal["text", "json"] = "text"
    """How the log looks: text for people, or json, one object a line, for machines."""

    start_folder: Path | None = None
    """Where a worker leaves why it could not start; `petroserve serve` sets it for its workers."""

    supervisor_pid: int | None = None
    """The process without which a worker ends; `petroserve serve` sets it for its workers."""

    prometheus_multiproc_dir: Path | None = Field(
        default=None, validation_alias="PROMETHEUS_MULTIPROC_DIR"
    )
    """Set by BentoML for its workers: the folder through which they add up their metrics."""

    @property
    def served_models_folder(self) -> Path:
        """The models folder, or the mirror of the bucket that stands in its place."""
        return self.models_folder if self.models_url is None else self.models_mirror_folder

    @field_validator("host")
    @classmethod
    def _is_address(cls, host: str) -> str:
        ipaddress.ip_address(host)
        return host

    @model_validator(mode="after")
    def _issuer_and_audience(self) -> Settings:
        if (self.oidc_issuer is None) != (self.oidc_audience is None):
            msg = "PETROSERVE_OIDC_ISSUER and PETROSERVE_OIDC_AUDIENCE are only of use together"
            raise ValueError(msg)
        return self

    @property
    def asks_who(self) -> bool:
        """Whether a key or a token is asked for."""
        return self.api_keys is not None or self.oidc_issuer is not None

    def require_guarded(self) -> None:
        """Check that strangers are kept out.

        Raises
        ------
        ConfigurationError
            If other machines reach the address and no keys are asked for.
        """
        if (
            not self.asks_who
            and not self.open_access
            and not ipaddress.ip_address(self.host).is_loopback
        ):
            msg = (
                f"other machines reach {self.host} and no API keys are set; wanted "
                "PETROSERVE_API_KEYS (a file made by `petroserve keys create`), a loopback address, "
                "or PETROSERVE_OPEN_ACCESS=true where something else keeps strangers out"
            )
            raise ConfigurationError(msg)

    @property
    def audit_log_folder(self) -> Path:
        """Where the audit log lies."""
        return self.audit_folder or self.artefacts_folder / "audit"

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for worker processes."""
        own = self.model_dump(mode="json", exclude={"prometheus_multiproc_dir"}, exclude_none=True)
        return {f"PETROSERVE_{name.upper()}": str(value) for name, value in own.items()}


def read_settings(**overrides: object) -> Settings:
    """Read the settings from the environment.

    Parameters
    ----------
    **overrides : object
        Fields that were stated otherwise, for instance on the command line; None is not stated.

    Raises
    ------
    ConfigurationError
        If a value is not possible; names the variable.
    """
    stated = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(stated)
    except ValidationError as error:
        raise ConfigurationError(settings_problems("PETROSERVE_", error)) from None

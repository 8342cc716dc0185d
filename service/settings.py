"""Every setting of the service, in one frozen class: the only reader of the environment.

A field ``x`` is the variable ``PETROSERVE_X``; the command line overrides it.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from petrography.errors import ConfigurationError
from petrography.model_card import Precision

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
    """Where finished analyses, calibrations, registrations and panoramas are kept."""

    artefacts_url: str | None = None
    """Bucket that keeps them as well, such as s3://bucket/prefix, gs://, az:// or file://; the
    folder then holds what was lately used, and what waits for a bucket that does not answer."""

    artefacts_max_count: _Count = 1000
    """Results of each kind to keep; the oldest are removed."""

    artefacts_max_bytes: _Count = 20 * _GIB
    """Bytes of results to keep; the oldest are removed, calibrations last, the newest never."""

    database_url: str | None = None
    """Where analyses are listed: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE; unset:
    catalogue.sqlite below the artefacts folder."""

    scratch_folder: Path | None = None
    """Where images larger than memory are worked on, up to 20 bytes a pixel; on a disk, not in
    memory. Unset: the temporary folder of the system."""

    max_image_bytes: _Count = 256 * 1024**2
    """Largest image file that is accepted."""

    max_image_pixels: _Count = 700_000_000
    """Largest image, in pixels, that is accepted."""

    max_fields: int = Field(default=400, ge=2, le=10_000)
    """Most images of one series: fields of a panorama, views of a registration, images of a
    calibration."""

    max_series_bytes: _Count = 4 * _GIB
    """Most bytes that the images of one series may have together."""

    max_panorama_pixels: _Count = 4_000_000_000
    """Largest panorama, in pixels, that is drawn; one that is analysed is an image like others."""

    max_request_bytes: _Count = 64 * 1024
    """Largest JSON part `request` that is accepted."""

    upload_timeout_s: float = Field(default=600.0, gt=0.0, allow_inf_nan=False)
    """Seconds in which a request body must have arrived."""

    upload_pause_s: float = Field(default=30.0, gt=0.0, allow_inf_nan=False)
    """Seconds without a byte after which a request body is given up: a silent client holds one of
    the few places."""

    panorama_matcher: Path | None = None
    """ONNX file of a matcher such as LoFTR that finds the overlaps of panoramas; unset: SIFT."""

    concurrent_analyses: _Count = 1
    """Analyses, calibrations, registrations and panoramas that run at the same time in one
    process."""

    concurrent_interactive: int = Field(default=2, ge=0)
    """Analyses of small images that run beside them, so that they need not wait for large ones."""

    interactive_pixels: _Count = 16_000_000
    """Largest image, in pixels, whose analysis is interactive: its tiles go before those of others.
    """

    queue_length: int = Field(default=8, ge=0)
    """Those that may wait in one process; one more is refused with 429."""

    jobs_queued: _Count = 1000
    """Most jobs of one tenant that may wait; one more is refused with 429."""

    jobs_kept_days: float = Field(default=30.0, gt=0.0, allow_inf_nan=False)
    """Days after which what is left of ended jobs is removed: the uploads of those that failed, and
    delivered callbacks. Results stay as the limits on artefacts say."""

    job_tries: _Count = 8
    """How often a job is tried while disk or load stand in its way, before it is given up."""

    job_pause_s: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    """Seconds before the second try; they double from try to try, up to five minutes."""

    webhook_secrets_file: Path | None = None
    """File of secrets that sign callbacks, one whsec_... a line, the newest first: a message is
    signed with all of them. Unset: requests with a callback are refused."""

    webhook_networks: str | None = None
    """Inward networks that callbacks may go to all the same, and over plain http, as CIDR separated
    by commas: 10.0.0.0/8,fd00::/8."""

    lims_url: str | None = None
    """Address of a SENAITE site for `petroserve lims`, such as https://host/senaite."""

    lims_user: str | None = None
    """Its account: one of its own with the role Analyst, which submits and does not verify."""

    lims_password_file: Path | None = None
    """File that holds the password of that account."""

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

    def require_guarded(self) -> None:
        """Check that strangers are kept out.

        Raises
        ------
        ConfigurationError
            If other machines reach the address and no keys are asked for.
        """
        if (
            self.api_keys is None
            and not self.open_access
            and not ipaddress.ip_address(self.host).is_loopback
        ):
            msg = (
                f"other machines reach {self.host} and no API keys are set; wanted "
                "PETROSERVE_API_KEYS (a file made by `petroserve keys create`), a loopback address, "
                "or PETROSERVE_OPEN_ACCESS=true where something else keeps strangers out"
            )
            raise ConfigurationError(msg)

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
        problems = "; ".join(
            f"PETROSERVE_{str(problem['loc'][0]).upper()}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        msg = f"settings cannot be used: {problems}"
        raise ConfigurationError(msg) from None

"""Whether spans are sent, by the variables that every program with OpenTelemetry knows."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from petrography.errors import ConfigurationError
from service.settings.problems import settings_problems

__all__ = ["TraceSettings", "read_trace_settings"]


class TraceSettings(BaseSettings):
    """Whether spans are sent, by the variables of OpenTelemetry; its SDK reads all the others."""

    model_config = SettingsConfigDict(env_prefix="OTEL_", env_ignore_empty=True, frozen=True)

    sdk_disabled: bool = False
    """``true`` switches everything off."""

    traces_exporter: Literal["otlp", "none"] | None = None
    """``otlp`` switches on without an address (localhost:4318), ``none`` off with one."""

    exporter_otlp_endpoint: str | None = None
    """Where the collector is; ``/v1/traces`` is added."""

    exporter_otlp_traces_endpoint: str | None = None
    """Where its spans go, as it stands."""

    exporter_otlp_protocol: Literal["http/protobuf"] | None = None
    """The one that is spoken."""

    exporter_otlp_traces_protocol: Literal["http/protobuf"] | None = None
    """The same, for spans."""

    @property
    def is_on(self) -> bool:
        """Whether spans are sent."""
        if self.sdk_disabled or self.traces_exporter == "none":
            return False
        stated = self.exporter_otlp_endpoint or self.exporter_otlp_traces_endpoint
        return self.traces_exporter == "otlp" or stated is not None


def read_trace_settings() -> TraceSettings:
    """Read whether spans are sent.

    Raises
    ------
    ConfigurationError
        If a value is not possible; names the variable.
    """
    try:
        return TraceSettings()
    except ValidationError as error:
        raise ConfigurationError(settings_problems("OTEL_", error)) from None

"""Settings: the only reader of the environment."""

from service.settings.service_settings import Provider, Settings, read_settings
from service.settings.trace_settings import TraceSettings, read_trace_settings
from service.settings.unknown_variables import unknown_variables

__all__ = [
    "Provider",
    "Settings",
    "TraceSettings",
    "read_settings",
    "read_trace_settings",
    "unknown_variables",
]

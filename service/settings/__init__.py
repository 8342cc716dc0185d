"""Settings: the only reader of the environment."""

from service.settings.cluster_settings import ClusterSettings, read_cluster_settings
from service.settings.service_settings import Provider, Settings, read_settings
from service.settings.trace_settings import TraceSettings, read_trace_settings
from service.settings.unknown_variables import unknown_variables

__all__ = [
    "ClusterSettings",
    "Provider",
    "Settings",
    "TraceSettings",
    "read_cluster_settings",
    "read_settings",
    "read_trace_settings",
    "unknown_variables",
]

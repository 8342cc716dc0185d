"""Which cluster of Ray works, by the variable that every program with Ray knows."""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["ClusterSettings", "read_cluster_settings"]


class ClusterSettings(BaseSettings):
    """Which cluster of Ray works; Ray reads all its other variables itself."""

    model_config = SettingsConfigDict(env_prefix="RAY_", env_ignore_empty=True, frozen=True)

    address: str | None = None
    """``HOST:PORT`` of its head, ``auto`` for the one that this machine is part of; unset or
    ``local``: none, this machine works alone."""

    @property
    def cluster(self) -> str | None:
        """Address of the cluster; None where this machine works alone."""
        return None if self.address == "local" else self.address


def read_cluster_settings() -> ClusterSettings:
    """Read which cluster works."""
    return ClusterSettings()

"""Which version of Petroserve is installed."""

from __future__ import annotations

import functools
import importlib.metadata

__all__ = ["installed_version"]


@functools.cache
def installed_version() -> str:
    """Tell the version; in words where the sources run without being installed."""
    try:
        return importlib.metadata.version("petroserve")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"

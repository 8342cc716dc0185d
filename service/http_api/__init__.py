"""HTTP: routes, multipart uploads and problem documents over the engine."""

from __future__ import annotations

from service.http_api.application import create_app

__all__ = ["create_app"]

"""Errors under ``/v2``: ``{"error": "..."}``, as the Open Inference Protocol wants them."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

__all__ = ["INFERENCE_ERROR", "INFERENCE_ROOT", "inference_error", "is_inference"]

INFERENCE_ROOT = "/v2"
INFERENCE_ERROR: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What was given, what is wanted, what would work.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "string"}},
                }
            }
        },
    }
}


def is_inference(path: str) -> bool:
    """Tell whether a path is one of the Open Inference Protocol."""
    return path == INFERENCE_ROOT or path.startswith(f"{INFERENCE_ROOT}/")


def inference_error(status: int, detail: str, headers: dict[str, str]) -> Response:
    """Answer an error of the protocol.

    Parameters
    ----------
    status : int
        HTTP status.
    detail : str
        What is wrong; unpaired surrogates of a path are escaped.
    headers : dict of str to str
        Of the answer.
    """
    text = detail.encode(errors="backslashreplace").decode()
    return JSONResponse({"error": text}, status, headers)

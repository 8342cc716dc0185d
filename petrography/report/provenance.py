"""provenance.json, and reading single facts of it."""

from __future__ import annotations

import json

from pydantic import JsonValue

from petrography.report.result import Result

__all__ = ["fact", "provenance_json"]


def provenance_json(result: Result) -> bytes:
    """Write provenance.json: UTF-8, indented by two."""
    return (json.dumps(result.provenance, indent=2, ensure_ascii=False) + "\n").encode()


def fact(result: Result, *path: str) -> JsonValue:
    """Read one fact of the provenance; None where it is not there, as in results of old.

    Parameters
    ----------
    result : Result
        The analysis.
    *path : str
        Names from the outside to the inside.
    """
    found: JsonValue = result.provenance
    for name in path:
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found

"""On what an analysis runs, for its provenance."""

from __future__ import annotations

import datetime as dt
import functools
import logging
from dataclasses import replace

import pynvml
from pydantic import JsonValue

from petrography.pipeline import Circumstances
from petrography.report import Result
from petrography.report.provenance import fact
from service.audit import Who
from service.engine.gpu_libraries import loaded_libraries
from service.repository import LoadedModel
from service.settings import Settings

__all__ = ["circumstances_of", "repeating", "utc_now"]

_log = logging.getLogger("petroserve.engine")


def utc_now() -> str:
    """Tell the time in UTC, ISO 8601 to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def circumstances_of(model: LoadedModel, settings: Settings, who: Who) -> Circumstances:
    """Gather what the provenance tells of an analysis beside its image and its request.

    Parameters
    ----------
    model : LoadedModel
        Draws the map.
    settings : Settings
        `threads`, `build_commit` and `image_digest` are used.
    who : Who
        Asked for it.
    """
    provider = model.opened.provider
    runtime: dict[str, JsonValue] = {
        "provider": provider,
        "tile_batch": model.opened.tile_batch,
        "threads": settings.threads,
        "gpu": None if provider == "cpu" else gpu_facts(),
        "build_commit": settings.build_commit,
        "image_digest": settings.image_digest,
    }
    asked_by = {"tenant": who.tenant, "key_id": who.key_id}
    return Circumstances(asked_by, runtime, model.card_sha256, utc_now)


def repeating(circumstances: Circumstances, result: Result) -> Circumstances:
    """Take over from an earlier analysis who asked for it, when it ended, of how many fields."""
    asked_by, finished = fact(result, "asked_by"), fact(result, "finished_utc")
    fields = fact(result, "image", "fields")
    return replace(
        circumstances,
        asked_by=asked_by if isinstance(asked_by, dict) else {},
        finished_utc=lambda: None if finished is None else str(finished),
        joined_fields=fields if isinstance(fields, int) else None,
    )


@functools.cache
def gpu_facts() -> dict[str, JsonValue] | None:
    """Ask the NVIDIA driver for names and versions; None where it does not answer."""
    try:
        pynvml.nvmlInit()
        try:
            device = pynvml.nvmlDeviceGetHandleByIndex(0)
            cuda = pynvml.nvmlSystemGetCudaDriverVersion_v2()
            return {
                "name": str(pynvml.nvmlDeviceGetName(device)),
                "driver": str(pynvml.nvmlSystemGetDriverVersion()),
                "cuda_of_driver": f"{cuda // 1000}.{cuda % 1000 // 10}",
                "libraries": loaded_libraries(),
            }
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        _log.warning("the driver of the GPU tells nothing of it: %s", error)
        return None

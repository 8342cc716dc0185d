"""What the engine puts on record, and with which facts."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress

from pydantic import JsonValue

from petrography.errors import AuditUnavailableError
from petrography.model_card import ModelCard, sha256_hex
from petrography.report import Result, result_json
from petrography.stored_documents import content_sha256
from service.audit import AuditLog, Event, Who, asking
from service.engine.kinds import ANNOTATIONS, CALIBRATIONS, EVALUATIONS, PANORAMAS, Kind
from service.settings import Settings

__all__ = ["Auditing"]

_log = logging.getLogger("petroserve.audit")


class Auditing:
    """The audit log of one process; says nothing where the settings want none.

    Parameters
    ----------
    settings : Settings
        Those that begin with ``audit`` are used.
    """

    def __init__(self, settings: Settings) -> None:
        self._log = AuditLog(
            settings.audit_log_folder,
            fsync=settings.audit_fsync,
            max_file_bytes=settings.audit_max_file_bytes,
            on_failure=settings.audit_failure,
        )
        self._wanted = settings.audit

    def require_usable(self) -> None:
        """Check that entries can be added.

        Raises
        ------
        ConfigurationError
            If not.
        """
        if self._wanted:
            self._log.require_usable()

    def record(
        self, event: Event, *, subject: str, who: Who, facts: Mapping[str, JsonValue]
    ) -> None:
        """Put something on record.

        Parameters
        ----------
        event, subject, who, facts
            See `service.audit.AuditEntry`.

        Raises
        ------
        AuditUnavailableError
            If it cannot be put on record and must not be done then.
        """
        if self._wanted:
            self._log.record(event, subject=subject, who=who, facts=facts)

    def started(self, version: str) -> None:
        """Record the start of this process.

        Raises
        ------
        ConfigurationError
            If entries cannot be added.
        """
        self.require_usable()
        facts: dict[str, JsonValue] = {"version": version, "process": os.getpid()}
        self.record("service.started", subject="petroserve", who=Who(), facts=facts)

    def stopped(self) -> None:
        """Record its stop, if that is possible: nothing keeps a service from stopping."""
        with suppress(AuditUnavailableError):
            facts: dict[str, JsonValue] = {"process": os.getpid()}
            self.record("service.stopped", subject="petroserve", who=Who(), facts=facts)

    def model_loaded(self, card: ModelCard, card_sha256: str | None, provider: str) -> None:
        """Record that a model is served from now on; errors as for `record`."""
        facts: dict[str, JsonValue] = {
            "onnx_sha256": card.onnx_sha256,
            "card_sha256": card_sha256,
            "provider": provider,
            "process": os.getpid(),
        }
        subject = card.full_name
        self.record("model.loaded", subject=subject, who=Who(), facts=facts)

    def model_removed(self, card: ModelCard, provider: str) -> None:
        """Record that a model is no longer served; errors as for `record`."""
        facts: dict[str, JsonValue] = {"provider": provider, "process": os.getpid()}
        subject = card.full_name
        self.record("model.removed", subject=subject, who=Who(), facts=facts)

    def analysis_made(self, result: Result, document: bytes, who: Who) -> None:
        """Record an analysis before it is kept; errors as for `record`.

        Parameters
        ----------
        result : Result
            The analysis.
        document : bytes
            Its result.json, which names the digests of all its files.
        who : Who
            Asked for it.
        """
        image = result.provenance.get("image")
        digests = image if isinstance(image, dict) else {}
        model = result.model
        facts: dict[str, JsonValue] = {
            "result_sha256": sha256_hex(document),
            "image_sha256": digests.get("sha256"),
            "pixels_sha256": digests.get("pixels_sha256"),
            "views_sha256": _one_digest(result.provenance.get("views")),
            "region_sha256": _one_digest(result.provenance.get("region")),
            "model": None if model is None else model.full_name,
            "onnx_sha256": None if model is None else model.sha256,
            "sample": result.sample.id,
            "barcode_raw": result.sample.barcode_raw,
            "section": result.sample.section,
            "operator": result.sample.operator,
            "status": result.status,
            "version": result.version,
        }
        self.record("analysis.made", subject=result.id, who=who, facts=facts)

    def made(self, kind: Kind, result_id: str, document: bytes) -> None:
        """Record another kind of result, for whoever asks; errors as for `record`."""
        events: dict[str, Event] = {
            CALIBRATIONS.folder: "calibration.made",
            PANORAMAS.folder: "panorama.made",
            EVALUATIONS.folder: "evaluation.made",
            ANNOTATIONS.folder: "annotation.made",
        }
        self.record(
            events.get(kind.folder, "registration.made"),
            subject=result_id,
            who=asking(),
            facts={"document_sha256": sha256_hex(document)},
        )

    def annotated(self, annotation_id: str, number: int, step: bytes) -> None:
        """Record a step of an annotation, or that one was taken back; errors as for `record`."""
        facts: dict[str, JsonValue] = {"step": number, "step_sha256": sha256_hex(step)}
        self.record("annotation.changed", subject=annotation_id, who=asking(), facts=facts)

    def reviewed(self, result: Result) -> None:
        """Record that a kept analysis has a new version; errors as for `record`."""
        facts: dict[str, JsonValue] = {
            "version": result.version,
            "status": result.status,
            "reviewer": result.reviews[-1].reviewer,
            "reason": result.reviews[-1].reason,
            "analysis": result.reviews[-1].analysis,
            "result_sha256": sha256_hex(result_json(result)),
        }
        self.record("result.reviewed", subject=result.id, who=asking(), facts=facts)

    def removed(self, kind: Kind, result_id: str, owner: str) -> None:
        """Record that a result is removed to make room, before it is; errors as for `record`."""
        facts: dict[str, JsonValue] = {"kind": kind.folder, "tenant": owner or None}
        self.record("result.removed", subject=result_id, who=Who(), facts=facts)

    def cancelled(self, analysis_id: str) -> None:
        """Record that somebody cancelled an analysis; errors as for `record`."""
        self.record("analysis.cancelled", subject=analysis_id, who=asking(), facts={})


def _one_digest(digests: JsonValue) -> str | None:
    """Make one digest of those of all files: with long names they would be too long for a line."""
    if not digests:
        return None
    return content_sha256(digests)

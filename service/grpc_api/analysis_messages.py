"""Analyses as messages."""

from __future__ import annotations

import json

from service.catalogue import AnalysisRecord
from service.engine import AnalysisEvent, Finished
from service.proto import analysis_pb2 as messages

__all__ = ["end_message", "event_message", "record_message", "result_message"]


def event_message(event: str | AnalysisEvent) -> messages.AnalysisEvent:
    """Tell the id of an analysis, or how far it is."""
    if isinstance(event, str):
        return messages.AnalysisEvent(accepted=messages.Accepted(analysis_id=event))
    progress = messages.Progress(stage=event.stage, done=event.done, total=event.total)
    return messages.AnalysisEvent(progress=progress)


def end_message(made: Finished | AnalysisRecord) -> messages.AnalysisEvent:
    """Tell the result, or how the analysis of an earlier call stands."""
    if isinstance(made, AnalysisRecord):
        return messages.AnalysisEvent(earlier=record_message(made))
    return messages.AnalysisEvent(finished=result_message(made.result_id, made.document))


def result_message(analysis_id: str, document: bytes) -> messages.Analysis:
    """Give an analysis with its result."""
    return messages.Analysis(analysis_id=analysis_id, result_json=document, state="done")


def record_message(record: AnalysisRecord) -> messages.Analysis:
    """Give an analysis without a result."""
    problem = b"" if record.problem is None else json.dumps(dict(record.problem)).encode()
    return messages.Analysis(
        analysis_id=record.analysis_id,
        state=record.state,
        stage=record.stage,
        progress_fraction=record.progress_fraction,
        problem_json=problem,
    )

"""Files of an analysis that follow from its newest result, beside those that are kept as they are.

Imported by protocols only: formats of laboratories are nothing that every command has to load.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from petrography.report import Result
from service.engine.artefact_store import ArtefactStore
from service.engine.kinds import ANALYSES
from service.engine.open_artefact import OpenArtefact
from service.engine.recorded_analyses import RecordedAnalyses
from service.engine.unfinished import unfinished_told
from service.engine.versions import open_version, read_version
from service.lims import long_csv, two_dimension_csv, wide_csv

__all__ = ["LIMS_TABLES", "LimsTable", "open_file"]


@dataclass(frozen=True)
class LimsTable:
    """A table for laboratories that is written when it is asked for.

    Attributes
    ----------
    write : callable
        From results to the content of the file.
    what : str
        What it is, for people.
    """

    write: Callable[[Sequence[Result]], str]
    what: str
    media_type: str = "text/csv; charset=utf-8"


LIMS_TABLES: Mapping[str, LimsTable] = MappingProxyType(
    {
        "senaite.csv": LimsTable(two_dimension_csv, "for SENAITE's importer, 2-Dimensional-CSV"),
        "edd-long.csv": LimsTable(long_csv, "one number a line, with uncertainty and limits"),
        "edd-wide.csv": LimsTable(wide_csv, "one line"),
    }
)


def open_file(
    recorded: RecordedAnalyses, analysis_id: str, name: str, owner: str = ""
) -> OpenArtefact:
    """Open a file of an analysis by its name; the caller closes it.

    Parameters
    ----------
    recorded : RecordedAnalyses
        What keeps the analysis, and how it stands.
    analysis_id, name : str
        As a client sends them. ``result.json`` is its newest version, and tables for laboratories
        are written from that; all others are as they were made.
    owner : str
        The tenant that asks.

    Raises
    ------
    AnalysisNotFoundError
        If there is no such analysis or no such file of it.
    ConflictError
        If it is not done, or ended without a result.
    InvalidParameterError
        If the analysis does not name its sample in a way that the table can.
    DamagedResultError
        If the result is not what was kept.
    """
    if name not in LIMS_TABLES and ANALYSES.media_type(name) is None:
        return _opened(recorded.store, analysis_id, name, owner)
    with unfinished_told(recorded.catalogue, recorded.store, analysis_id, owner):
        return _opened(recorded.store, analysis_id, name, owner)


def _opened(store: ArtefactStore, analysis_id: str, name: str, owner: str) -> OpenArtefact:
    if name in LIMS_TABLES:
        return _written(LIMS_TABLES[name], store, analysis_id, owner)
    if name == ANALYSES.document:
        return open_version(store, analysis_id, owner)
    return store.open(ANALYSES, analysis_id, name, owner)


def _written(table: LimsTable, store: ArtefactStore, analysis_id: str, owner: str) -> OpenArtefact:
    content = table.write([read_version(store, analysis_id, owner)]).encode()
    # Named after its content: another version of the service may write the table otherwise.
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return OpenArtefact(io.BytesIO(content), len(content), table.media_type, etag)

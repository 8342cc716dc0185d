"""Which analyses there are, whose they are and what became of them: a table in a database.

`records` says what a row tells, `schema` how it lies in SQLite or PostgreSQL, `database` opens one
and turns its troubles into errors of ours, `keys` knows what an idempotency key leads to, `claims`
keeps a cancellation from what is being kept, `ageing` knows what is abandoned, overdue or old,
`cursor` marks a place in a list, and `catalogue` is
what everybody else uses. Images and results are not here: they are files.
"""

from __future__ import annotations

from service.catalogue.ageing import OldRecord
from service.catalogue.catalogue import MAX_PAGE, Catalogue
from service.catalogue.claims import KEEPING
from service.catalogue.database import database_url, postgresql_arguments
from service.catalogue.keys import LEASE_S
from service.catalogue.records import (
    ENDED,
    AnalysisRecord,
    Begun,
    NewAnalysis,
    Page,
    State,
)

__all__ = [
    "ENDED",
    "KEEPING",
    "LEASE_S",
    "MAX_PAGE",
    "AnalysisRecord",
    "Begun",
    "Catalogue",
    "NewAnalysis",
    "OldRecord",
    "Page",
    "State",
    "database_url",
    "postgresql_arguments",
]

"""A table as the text of its CSV."""

from __future__ import annotations

import io

from petrography.report import write_csv
from petrography.report.table import Table


def csv_text(table: Table) -> str:
    text = io.StringIO()
    write_csv(table, text)
    return text.getvalue()

"""Where the queue of jobs lies."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from petrography.errors import DatabaseUnavailableError
from service.catalogue.database import postgresql_arguments
from service.jobs.slots import FileSlots, PostgresSlots, Slots
from service.settings import Settings

__all__ = ["JobDatabase"]


@dataclass(frozen=True)
class JobDatabase:
    """Where the queue lies: in a file beside the results, or in the PostgreSQL of the settings.

    Attributes
    ----------
    url : str
        For SQLAlchemy.
    file : Path or None
        Of SQLite.
    slots_folder : Path
        Where processes of one machine lock their slots.
    """

    url: str
    file: Path | None
    slots_folder: Path

    @classmethod
    def of(cls, settings: Settings) -> JobDatabase:
        """Find it."""
        folder = settings.artefacts_folder / "jobs"
        stated = settings.database_url
        if stated is not None and stated.startswith("postgres"):
            return cls(_postgresql_url(stated), None, folder / ".slots")
        file = (folder / "queue.sqlite").absolute()
        return cls(f"sqlite:///{file}", file, folder / ".slots")

    def may_hold_jobs(self) -> bool:
        """Tell whether there may be jobs of an earlier or another process."""
        return self.file is None or self.file.exists()

    def prepare(self) -> None:
        """Make the file ready for several processes: readers that do not wait for a writer.

        Raises
        ------
        DatabaseUnavailableError
            If the file is locked, cannot be written, or is no database.
        OSError
            If its folder cannot be made.
        """
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.file)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error as error:
            # Its path says where the service keeps things: for the log, not for clients.
            msg = f"the queue of jobs, {self.file.name}, does not answer: {error}"
            raise DatabaseUnavailableError(msg) from error

    def slots(self) -> Slots:
        """Find the locks of the processes that share it."""
        return FileSlots(self.slots_folder) if self.file is not None else PostgresSlots(self.url)


def _postgresql_url(stated: str) -> str:
    # DBOS makes its connections itself: what it is to know of them stands in the URL.
    url = make_url(stated).set(drivername="postgresql")
    noticing = {name: str(value) for name, value in postgresql_arguments(url).items()}
    return url.update_query_dict(noticing).render_as_string(hide_password=False)

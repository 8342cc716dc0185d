"""Finished results in a local folder: written aside, renamed into place, bounded.

::

    <folder>/analyses/<id>/result.json, labels.png, ...
    <folder>/calibrations/<id>/calibration.json, ...
    <folder>/tenants/<tenant>/analyses/<id>/...

Results without a tenant lie on top; no tenant reaches those of another. Several worker processes
share the folder. A result is there as a whole or not at all, and never changes, so its id and the
file's name say which bytes they are; a correction adds a file (`service.engine.versions`).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from petrography.errors import (
    ArtefactNotFoundError,
    AuditUnavailableError,
    ConfigurationError,
    InternalError,
    NotFoundError,
)
from service.disk import (
    ASIDE,
    changed_s,
    one_at_a_time,
    put_whole,
    remove_folder,
    storing,
    sync_folder,
    sync_tree,
)
from service.engine.draft import Draft
from service.engine.kept_digests import digest_file
from service.engine.kinds import ANALYSES, KINDS, Kind
from service.engine.open_artefact import OpenArtefact, opened_artefact
from service.engine.result_folder import held, is_held, size_bytes
from service.engine.retention import KeptResult, OnRemoval, Room, superfluous, untold
from service.engine.version_files import StandsForGood, version_file

__all__ = ["ArtefactStore"]

T = TypeVar("T")
# How often a result is looked for that is removed, and brought again, at every moment.
_LOOKS = 5
# Locked while results are removed.
_REMOVING = ".removing"
# An older folder that nobody holds is what a killed process left.
_LEFTOVER_S = 3600.0
# A UUID, or the digest of the content.
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,64}", re.ASCII
)
# As keys name tenants: one harmless step of a path.
_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_TENANTS = "tenants"
# That results may grow by unseen: some thousand take a tenth of a second to be looked at.
_GROWN_BYTES = 16 * 1024 * 1024
_log = logging.getLogger("petroserve.artefacts")


class ArtefactStore:
    """A bounded folder of finished results.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    max_count : int
        Results of each kind and tenant, the oldest are removed beyond it; of what people have
        worked on (`Kind.worked_on`) ten times as many are kept.
    max_bytes : int
        Bytes of all kinds together; beyond it the oldest of the tenant that holds the most are
        removed, those that other requests name (`Kind.lasting`) late, what people have worked on
        last. The newest result is always kept, and so is an analysis that somebody vouches for:
        its newest version is final or corrected.
    on_removal : callable
        Told of each removal before it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_count: int,
        max_bytes: int,
        on_removal: OnRemoval = untold,
    ) -> None:
        self._folder = folder
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._room = Room(max_count, max_bytes)
        self._on_removal = on_removal
        self._stands = StandsForGood()
        self._is_full = False
        self._grown_bytes = 0

    def open_folder(self) -> None:
        """Make the folders and clear away what a killed process left half written.

        Raises
        ------
        ConfigurationError
            If they cannot be made.
        """
        try:
            for kind in KINDS:
                self._place(kind, "").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = (
                f"the artefacts folder {self._folder} cannot be made: {error.strerror or error}; "
                f"wanted PETROSERVE_ARTEFACTS_FOLDER where user {os.geteuid()} may write"
            )
            raise ConfigurationError(msg) from None
        for _, _, folder in self._places():
            for path in folder.glob(f"{ASIDE}*"):
                if time.time() - changed_s(path) > _LEFTOVER_S and not is_held(path):
                    shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """End what goes on beside the requests: nothing, in a folder."""

    def add(self, path: Path, content: bytes) -> None:
        """Keep a file that is about to be added to a result, where more than the folder keeps it."""

    def add_beside(self, path: Path, content: bytes) -> None:
        """Keep a small file about one that was added, in the place of an older one."""
        put_whole(path, content)

    def bring_added(self, _path: Path) -> bool:
        """Bring a file that another service has added to a result; tells whether there is one."""
        return False

    def grown(self, folder: Path, more_bytes: int) -> None:
        """Take note that a result has grown; now and then what is beyond the limits is removed.

        Parameters
        ----------
        folder : Path
            Of the result.
        more_bytes : int
            What was added to it.
        """
        # Of two that come at the same moment one may not be counted: then it is looked later.
        self._grown_bytes += more_bytes
        if self._grown_bytes > _GROWN_BYTES:
            self._grown_bytes = 0
            self._remove_oldest(folder)

    def take_back(self, path: Path) -> None:
        """Remove a file that was added to a kept result, and its digest, wherever they are kept."""
        path.with_name(digest_file(path.name)).unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    @contextmanager
    def draft(self, kind: Kind, owner: str = "") -> Iterator[Draft]:
        """Begin a result of a tenant; what is not published by the end of the block is thrown away.

        Parameters
        ----------
        kind : Kind
            What it will be.
        owner : str
            The tenant that will find it; empty without API keys.

        Raises
        ------
        StorageUnavailableError
            If the disk does not take the draft, or what the block does with it, or if results that
            must not be removed take all room.
        """
        self._require_room()
        aside = self._place(kind, owner) / f"{ASIDE}{uuid.uuid4()}"
        with storing(f"the result of {kind.noun}"):
            try:
                aside.mkdir(parents=True)
                with held(aside):
                    yield Draft(aside)
            finally:
                shutil.rmtree(aside, ignore_errors=True)

    def publish(self, result_id: str, draft: Draft) -> None:
        """Keep a finished result.

        Parameters
        ----------
        result_id : str
            A new UUID, or the digest of the content: what is kept under it stays, and counts as
            new.
        draft : Draft
            Its files; the names are known to the kind.

        Raises
        ------
        OSError
            If the disk is full or gone; nothing is kept then.
        """
        path = draft.folder.parent / result_id
        # What a result was made from may be removed as soon as it is kept: a power cut in between
        # must not leave files without content under its name.
        sync_tree(draft.folder)
        try:
            draft.folder.rename(path)
        except OSError:
            if not path.is_dir():
                raise
            os.utime(path)
        sync_folder(path.parent)
        self._remove_oldest(path)

    def folder_of(self, kind: Kind, result_id: str, owner: str = "") -> Path | None:
        """Find the folder of a result of a tenant; None if there is none.

        Parameters
        ----------
        kind : Kind
            What it is.
        result_id : str
            As a client sends it: only a well-formed id reaches the file system.
        owner : str
            The tenant that asks.
        """
        folder = self.possible_folder(kind, result_id, owner)
        return None if folder is None or not folder.is_dir() else folder

    def within(self, kind: Kind, result_id: str, owner: str, use: Callable[[Path], T]) -> T | None:
        """Use the folder of a result of a tenant; None if there is none.

        A folder that is removed meanwhile is looked for again: where a bucket has the result, only
        the copy that was here went, to make room for others.

        Parameters
        ----------
        kind, result_id, owner
            As for `folder_of`.
        use : callable
            Given the folder.

        Raises
        ------
        FileNotFoundError
            As `use` does, where the folder is there.
        """
        for _ in range(_LOOKS):
            folder = self.folder_of(kind, result_id, owner)
            if folder is None:
                return None
            try:
                return use(folder)
            except FileNotFoundError:
                if folder.is_dir():
                    raise
        return None

    def is_kept(self, kind: Kind, result_id: str, owner: str = "") -> bool:
        """Tell whether a result of a tenant is kept, without reading any of it.

        Parameters
        ----------
        kind, result_id, owner
            As for `folder_of`.
        """
        path = self.possible_folder(kind, result_id, owner)
        return path is not None and path.is_dir()

    def possible_folder(self, kind: Kind, result_id: str, owner: str = "") -> Path | None:
        """Tell where a result would be; None if nothing can have this id."""
        return self._place(kind, owner) / result_id if _ID.fullmatch(result_id) else None

    def open(self, kind: Kind, result_id: str, name: str, owner: str = "") -> OpenArtefact:
        """Open one artefact for reading; the caller closes its file.

        Parameters
        ----------
        kind : Kind
            What it belongs to.
        result_id, name : str
            As a client sends them. Only a well-formed id and a possible name reach the file
            system.
        owner : str
            The tenant that asks.

        Raises
        ------
        ArtefactNotFoundError
            If the result is kept without that file.
        NotFoundError
            Of the kind, if it is not kept.
        """
        media_type = kind.media_type(name)
        if media_type is None:
            msg = f"there is no artefact {name[:100]!r}; there are {kind.file_names()}"
            raise kind.not_found(msg)
        try:
            opened = self.within(
                kind, result_id, owner, lambda folder: opened_artefact(folder / name, media_type)
            )
        except FileNotFoundError:
            msg = (
                f"{kind.noun} {result_id} was made without {name}; its document lists its files, "
                "and the request says which are made"
            )
            raise ArtefactNotFoundError(msg) from None
        if opened is None:
            raise self.not_found(kind, result_id, name)
        return opened

    def not_found(self, kind: Kind, result_id: str, name: str) -> NotFoundError:
        """Say that a file is not there; the same whether it never was or is another tenant's."""
        msg = (
            f"no {name} of {kind.noun} {result_id[:100]!r} is kept; the newest "
            f"{self._max_count} {kind.folder} are"
            f"{', and ten times as many that people worked on' if kind.worked_on else ''}"
        )
        return kind.not_found(msg)

    def use(self, kind: Kind, result_id: str, owner: str = "") -> bytes:
        """Read the document of a result for another one; it counts as new again.

        Raises
        ------
        NotFoundError
            Of the kind, if it is not kept.
        """
        with self.open(kind, result_id, kind.document, owner).file as file:
            content = file.read()
        with suppress(FileNotFoundError):
            os.utime(self._place(kind, owner) / result_id)
        return content

    def _require_room(self) -> None:
        """Refuse new work while what must not be removed takes all room, which is rarely looked at."""
        if self._is_full:
            self._room.require(self._kept())
            self._is_full = False

    def _remove_oldest(self, newest: Path) -> None:
        """Remove what is beyond the limits; the newest is kept, even where that is not possible."""
        try:
            # Whoever looks at the same time would tell of the same removals.
            with one_at_a_time(self._folder / _REMOVING):
                self._make_room(newest)
        except OSError as error:
            _log.error("results beyond the limits stay for now: %s", error)

    def _make_room(self, newest: Path) -> None:
        """Remove what is beyond the limits, and tell of it."""
        kept = self._kept(newest)
        for one in superfluous(kept, self._room):
            path = self._place(one.kind, one.owner) / one.result_id
            if changed_s(path) != one.changed:
                # Used or reviewed while others went.
                continue
            try:
                self._on_removal(one.kind, one.result_id, one.owner)
            except AuditUnavailableError as error:
                _log.warning("%s stays, as its removal is not on record: %s", one.result_id, error)
                return
            remove_folder(path)
        self._is_full = not self._room.is_left_by(kept)

    def _kept(self, newest: Path | None = None) -> list[KeptResult]:
        return [
            KeptResult(
                kind,
                owner,
                path.name,
                changed_s(path),
                size_bytes(path),
                for_good=kind is ANALYSES and self._is_for_good(path),
                worked_on=bool(kind.worked_on) and (path / kind.worked_on).exists(),
                newest=path == newest,
            )
            for kind, owner, place in self._places()
            for path in place.iterdir()
            if _ID.fullmatch(path.name) and not self._kept_back(path)
        ]

    def _is_for_good(self, path: Path) -> bool:
        """Whether an analysis must not be removed, because somebody vouches for it."""
        try:
            names = [file.name for file in path.iterdir()]
        except FileNotFoundError:
            return False
        return self._stands.tell(
            str(path), names, lambda version: (path / version_file(version)).read_bytes()
        )

    def _kept_back(self, _path: Path) -> bool:
        """Whether a result must not be removed, however old it is."""
        return False

    def _place(self, kind: Kind, owner: str) -> Path:
        """Where the results of a kind of a tenant lie."""
        if not owner:
            return self._folder / kind.folder
        if not _TENANT.fullmatch(owner):
            msg = f"the tenant {owner!r} cannot be a folder"
            raise InternalError(msg)
        return self._folder / _TENANTS / owner / kind.folder

    def _places(self) -> Iterator[tuple[Kind, str, Path]]:
        """Every place that is there: of which kind, and whose."""
        tenants = (self._folder / _TENANTS).glob("*")
        for owner, root in (("", self._folder), *((one.name, one) for one in tenants)):
            for kind in KINDS:
                if (root / kind.folder).is_dir():
                    yield kind, owner, root / kind.folder

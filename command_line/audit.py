"""Verify and read the audit log of the service."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, get_args

from command_line.exit_status import DONE, FAILED_VERIFICATION, complain
from command_line.files import AddCommand

if TYPE_CHECKING:
    from pydantic import JsonValue

    from service.audit import Event

__all__ = ["add_commands", "head", "put_on_record", "show", "verify_log"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the commands; they stand below ``audit``."""
    verified = add_command("verify", verify_log, "find the first line that was changed or removed")
    verified.add_argument(
        "--from",
        dest="after",
        metavar="NUMBER:SHA256",
        help="begin after this entry, whose files may have been moved away",
    )
    verified.add_argument(
        "--anchor",
        dest="anchors",
        action="append",
        default=[],
        metavar="NUMBER:SHA256",
        help="an entry that must be there, as `head` once printed it; repeatable",
    )
    shown = add_command("show", show, "entries, one a line")
    shown.add_argument("--analysis", metavar="ID", help="of one analysis")
    shown.add_argument("--event", help="of one kind, such as analysis.made")
    shown.add_argument("--tenant", help="of one tenant")
    printed = add_command("head", head, "number and digest of the last entry, to be kept elsewhere")
    for parser in (verified, shown, printed):
        parser.add_argument(
            "--folder", type=Path, metavar="DIR", help="of the log (default: the setting)"
        )


def verify_log(arguments: argparse.Namespace) -> int:
    """Tell whether the log is whole."""
    from service.audit import parse_anchor, verify
    from service.audit.entry import GENESIS

    folder = _folder(arguments)
    verdict = verify(
        folder,
        after=GENESIS if arguments.after is None else parse_anchor(arguments.after),
        anchors=[parse_anchor(anchor) for anchor in arguments.anchors],
    )
    if verdict.problem is not None:
        print(f"broken after {verdict.entries} entries: {verdict.problem}")
        return FAILED_VERIFICATION
    if verdict.head == GENESIS:
        _raise_empty(folder)
    print(f"{verdict.entries} entries are whole; the last is {verdict.head}")
    return DONE


def show(arguments: argparse.Namespace) -> int:
    """Print entries as they stand in the log."""
    from service.audit import entries_of

    _require_known(arguments.event)
    shown = 0
    for entry in entries_of(_folder(arguments)):
        if arguments.analysis not in {None, entry.subject}:
            continue
        if arguments.event not in {None, entry.event}:
            continue
        if arguments.tenant not in {None, entry.tenant}:
            continue
        print(entry.line().decode("ascii"), end="")
        shown += 1
    return DONE if shown else complain("no such entry was found", DONE)


def head(arguments: argparse.Namespace) -> int:
    """Print the anchor of the last entry."""
    from service.audit import read_head
    from service.audit.entry import GENESIS

    folder = _folder(arguments)
    anchor = read_head(folder)
    if anchor == GENESIS:
        _raise_empty(folder)
    print(anchor)
    return DONE


def put_on_record(event: Event, subject: str, facts: Mapping[str, JsonValue]) -> None:
    """Tell the audit log of the service, where there is one, what was done on the command line.

    Parameters
    ----------
    event, subject, facts
        See `service.audit.AuditEntry`; the user of the system is told beside them.

    Raises
    ------
    AuditUnavailableError
        If it takes no entry.
    """
    from service.audit import Who
    from service.engine.auditing import Auditing
    from service.settings import read_settings

    settings = read_settings()
    if settings.audit_folder is not None or settings.audit_log_folder.is_dir():
        told = {**facts, "user_id": os.getuid()}
        Auditing(settings).record(event, subject=subject, who=Who(), facts=told)


def _require_known(event: str | None) -> None:
    from petrography.errors import InvalidParameterError
    from service.audit import Event

    known = get_args(Event)
    if event is not None and event not in known:
        msg = f"--event is {event[:100]!r}; wanted one of {', '.join(known)}"
        raise InvalidParameterError(msg)


def _raise_empty(folder: Path) -> NoReturn:
    """Say that there is nothing to go by: a service adds its first entry when it starts."""
    from petrography.errors import InvalidParameterError

    msg = f"no entry was found in {folder}; wanted the folder of an audit log that was begun"
    raise InvalidParameterError(msg)


def _folder(arguments: argparse.Namespace) -> Path:
    from petrography.errors import InvalidParameterError
    from service.settings import read_settings

    folder: Path = arguments.folder or read_settings().audit_log_folder
    if not folder.is_dir():
        msg = f"there is no audit log in {folder}; wanted --folder DIR or PETROSERVE_AUDIT_FOLDER"
        raise InvalidParameterError(msg)
    return folder

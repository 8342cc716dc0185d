"""Look after the jobs of the service: those that were given up, what old ones left, callbacks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE
from command_line.files import AddCommand
from petrography.errors import InvalidParameterError

if TYPE_CHECKING:
    from service.catalogue import AnalysisRecord, State
    from service.jobs import CallbackState
    from service.settings import Settings

__all__ = ["add_commands", "list_callbacks", "list_jobs", "purge", "redeliver", "retry"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the commands; they stand below ``jobs``."""
    listed = add_command("list", list_jobs, "jobs that wait, run, failed or were given up")
    listed.add_argument(
        "--state",
        action="append",
        dest="states",
        choices=("queued", "running", "done", "failed", "cancelled", "dead"),
        help="repeatable (default: all but done and cancelled)",
    )
    listed.add_argument("--json", action="store_true", help="one JSON document a line")
    tried = add_command(
        "retry", retry, "queue failed or dead jobs again; the service takes them up"
    )
    tried.add_argument("ids", nargs="*", metavar="ID")
    tried.add_argument("--dead", action="store_true", help="all that were given up")
    purged = add_command("purge", purge, "remove the uploads of jobs that ended; results stay")
    purged.add_argument(
        "--older-than-days", type=float, metavar="N", help="default: PETROSERVE_JOBS_KEPT_DAYS"
    )
    told = add_command("callbacks", list_callbacks, "callbacks on their way, and those given up")
    told.add_argument("--dead", action="store_true", help="only those that were given up")
    told.add_argument("--json", action="store_true", help="one JSON document a line")
    again = add_command("redeliver", redeliver, "send callbacks again; the service takes them up")
    again.add_argument("ids", nargs="*", metavar="ID", help="of a job, or of a callback")
    again.add_argument("--dead", action="store_true", help="all that were given up")
    for parser in (listed, tried, purged, told, again):
        parser.add_argument(
            "--artefacts", type=Path, metavar="DIR", help="folder of results (default: the setting)"
        )


def list_jobs(arguments: argparse.Namespace) -> int:
    """Print one line a job."""
    from service.jobs.operating import opened_desk

    states: tuple[State, ...] = arguments.states or ("queued", "running", "failed", "dead")
    with opened_desk(_settings(arguments)) as desk:
        for record in desk.jobs(states):
            print(_json_of(record) if arguments.json else _line_of(record))
    return DONE


def retry(arguments: argparse.Namespace) -> int:
    """Queue jobs again."""
    from service.jobs.operating import opened_desk

    _require_some(arguments, "IDs of jobs")
    with opened_desk(_settings(arguments)) as desk:
        dead = desk.given_up() if arguments.dead else ()
        for analysis_id in dict.fromkeys((*arguments.ids, *dead)):
            desk.retry(analysis_id)
            print(analysis_id)
    return DONE


def list_callbacks(arguments: argparse.Namespace) -> int:
    """Print one line a callback."""
    from service.jobs.redelivery import opened_callbacks

    with opened_callbacks(_settings(arguments)) as desk:
        for state in desk.listed(("dead",) if arguments.dead else ("waiting", "dead")):
            print(state.model_dump_json() if arguments.json else _callback_line(state))
    return DONE


def redeliver(arguments: argparse.Namespace) -> int:
    """Send callbacks again."""
    from service.jobs.redelivery import opened_callbacks

    _require_some(arguments, "IDs of jobs or callbacks")
    with opened_callbacks(_settings(arguments)) as desk:
        dead = desk.listed(("dead",), limit=1_000_000) if arguments.dead else ()
        for name in dict.fromkeys((*arguments.ids, *(one.id for one in dead))):
            print(desk.redeliver(name).id)
    return DONE


def purge(arguments: argparse.Namespace) -> int:
    """Remove what is left of old jobs."""
    from service.jobs.operating import opened_desk

    settings, days = _settings(arguments), arguments.older_than_days
    if days is not None and not 0.0 <= days < 36_525.0:
        msg = f"--older-than-days is {days}; wanted days from 0 to below a century"
        raise InvalidParameterError(msg)
    with opened_desk(settings) as desk:
        removed = desk.purge(settings.jobs_kept_days if days is None else days)
    print(f"removed the uploads of {removed} jobs")
    return DONE


def _require_some(arguments: argparse.Namespace, wanted: str) -> None:
    if not arguments.ids and not arguments.dead:
        msg = f"nothing was named; wanted {wanted}, or --dead for all that were given up"
        raise InvalidParameterError(msg)


def _settings(arguments: argparse.Namespace) -> Settings:
    from service.settings import read_settings

    return read_settings(artefacts_folder=arguments.artefacts)


def _line_of(record: AnalysisRecord) -> str:
    problem = record.problem or {}
    return "\t".join(
        (
            record.analysis_id,
            record.state,
            f"{record.updated_utc:%Y-%m-%d %H:%M:%S}Z",
            record.owner,
            record.sample_id or "",
            str(problem.get("detail", "")),
        )
    )


def _callback_line(state: CallbackState) -> str:
    made = f"{state.created_utc:%Y-%m-%d %H:%M:%S}Z"
    return "\t".join((state.id, state.state, made, str(state.tries), state.receiver, state.error))


def _json_of(record: AnalysisRecord) -> str:
    return json.dumps(
        {
            "id": record.analysis_id,
            "state": record.state,
            "tenant": record.owner,
            "sample_id": record.sample_id,
            "model": record.model,
            "progress_fraction": record.progress_fraction,
            "stage": record.stage,
            "problem": None if record.problem is None else dict(record.problem),
            "created_utc": record.created_utc.isoformat(),
            "updated_utc": record.updated_utc.isoformat(),
        }
    )

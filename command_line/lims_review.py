"""Give a result its next status, as a new version."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from command_line.files import DONE, AddCommand
from command_line.lims_options import read_stored_result

__all__ = ["add_review", "review"]


def add_review(add_command: AddCommand) -> None:
    """Describe the command."""
    parser = add_command("review", review, "approve, correct or reject a result: a new version")
    parser.add_argument("result", type=Path, metavar="RESULT.json")
    parser.add_argument("--status", choices=("final", "corrected", "rejected"), required=True)
    parser.add_argument("--reviewer", required=True, help="another than who made the analysis")
    parser.add_argument("--reason", help="why it is corrected or rejected")
    parser.add_argument(
        "--by", type=Path, metavar="OTHER.json", help="for a correction: whose numbers stand now"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="the next version; never overwritten",
    )


def review(arguments: argparse.Namespace) -> int:
    """Write the next version of a result."""
    from petrography.errors import InvalidParameterError
    from petrography.report import result_json, reviewed

    following = reviewed(
        read_stored_result(arguments.result),
        arguments.status,
        reviewer=arguments.reviewer,
        at=datetime.now(UTC),
        reason=arguments.reason,
        content=None if arguments.by is None else read_stored_result(arguments.by),
    )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with arguments.out.open("xb") as file:
            file.write(result_json(following))
    except FileExistsError:
        msg = f"{arguments.out} is there already; a version is never written over"
        raise InvalidParameterError(msg) from None
    print(f"{arguments.out}: version {following.version}, {following.status}")
    return DONE

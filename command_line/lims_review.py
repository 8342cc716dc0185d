"""Give a result its next status, as a new version."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.audit import put_on_record
from command_line.exit_status import DONE
from command_line.files import AddCommand, read_stored_result

if TYPE_CHECKING:
    from pydantic import JsonValue

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
    from petrography.model_card import sha256_hex
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
    content = result_json(following)
    try:
        with arguments.out.open("xb") as file:
            file.write(content)
    except FileExistsError:
        msg = f"{arguments.out} is there already; a version is never written over"
        raise InvalidParameterError(msg) from None
    facts: dict[str, JsonValue] = {
        "version": following.version,
        "status": following.status,
        "reviewer": arguments.reviewer,
        "reason": arguments.reason,
        "analysis": following.reviews[-1].analysis,
        "result_sha256": sha256_hex(content),
    }
    put_on_record("result.reviewed", following.id, facts)
    print(f"{arguments.out}: version {following.version}, {following.status}")
    return DONE

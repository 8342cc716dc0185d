"""Hand results to SENAITE as LIS2-A2 messages."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

from command_line.exit_status import DONE, complain
from command_line.files import AddCommand
from command_line.lims_options import (
    add_results,
    add_site,
    read_profile,
    read_reportables,
    signed_in,
)

if TYPE_CHECKING:
    from service.lims import Reportable

__all__ = ["add_push", "push"]

_CONSUMER = "senaite.lis2a.import"


def add_push(add_command: AddCommand) -> None:
    """Describe the command."""
    pushed = add_command("push", push, "final results into SENAITE as LIS2-A2 messages")
    add_results(pushed)
    pushed.add_argument(
        "--consumer", default=_CONSUMER, help=f"who takes the message (default: {_CONSUMER})"
    )
    add_site(pushed)


def push(arguments: argparse.Namespace) -> int:
    """Push one message a result; one that is refused does not keep the others back."""
    from petrography.errors import LimsRefusedError
    from service.lims import lis2_message

    results = read_reportables(arguments)
    profile, status = read_profile(arguments.profile), DONE
    for _, result in results:
        _require_final(result)
        _require_plain_sample(result)
    sent = datetime.now().astimezone()
    messages = [(path, one, lis2_message(one, sent=sent, profile=profile)) for path, one in results]
    with signed_in(arguments) as client:
        for path, one, message in messages:
            try:
                client.push(arguments.consumer, message)
            except LimsRefusedError as error:
                status = complain(f"{path}: {error}")
                continue
            print(path, one.sample.id, "pushed", sep="\t")
    return status


def _require_final(result: Reportable) -> None:
    """Check that somebody has approved it: SENAITE submits preliminary numbers like final ones."""
    from petrography.errors import InvalidParameterError

    if result.status != "final":
        msg = (
            f"result {result.id} is {result.status}; only a final one is pushed, because SENAITE "
            "takes LIS2-A2 of other status for final, or passes over it without a word: approve "
            "it with `petroserve lims review`, or use `petroserve lims send`"
        )
        raise InvalidParameterError(msg)


def _require_plain_sample(result: Reportable) -> None:
    """Check that SENAITE finds the sample: it reads no escapes, and says nothing of its failure."""
    from petrography.errors import InvalidParameterError
    from service.lims import is_plain

    if not is_plain(result.sample.id or ""):
        msg = (
            f"sample {result.sample.id!r} of result {result.id} has letters that LIS2-A2 escapes "
            "and SENAITE does not read back; wanted ASCII without | \\ ^ &; use "
            "`petroserve lims send`"
        )
        raise InvalidParameterError(msg)

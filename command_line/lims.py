"""Bring results into the information system of a laboratory (LIMS)."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE, FAILED_VERIFICATION, complain
from command_line.files import AddCommand, add_out, write_files
from command_line.lims_imports import add_imports
from command_line.lims_options import (
    add_results,
    add_site,
    read_profile,
    read_reportables,
    signed_in,
)
from command_line.lims_push import add_push
from command_line.lims_report import report_beside
from command_line.lims_review import add_review
from command_line.lims_watching import add_watch

if TYPE_CHECKING:
    from service.lims import Delivered, LimsProfile, Reportable, SampleInLims, SenaiteClient

__all__ = ["add_commands", "check", "export", "send", "worklist"]

FORMATS = ("senaite", "long", "wide", "lis2")


def add_commands(add_command: AddCommand) -> None:
    """Describe the commands; they stand below ``lims``."""
    exported = add_command("export", export, "results as files that a LIMS reads")
    add_results(exported)
    add_out(exported, "folder of ID_N.csv (SENAITE), edd-long.csv, edd-wide.csv, lis2/")
    exported.add_argument(
        "--format", choices=FORMATS, action="append", help="repeatable (default: all)"
    )
    checked = add_command("check", check, "would SENAITE take this 2-D CSV, and as what?")
    checked.add_argument("files", nargs="+", type=Path, metavar="FILE.csv")
    checked.add_argument(
        "--ask", action="store_true", help="ask SENAITE for the samples and analyses that it holds"
    )
    add_site(checked)
    listed = add_command("worklist", worklist, "analyses of SENAITE that wait for a result")
    listed.add_argument("--keyword", help="of one analysis service (default: all)")
    add_site(listed)
    sent = add_command("send", send, "results into SENAITE; can be repeated at any time")
    add_results(sent)
    sent.add_argument(
        "--attach",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="file to store with the one result; repeatable (default: its report.pdf, if one lies "
        "beside it; of a reviewed version a new one)",
    )
    add_site(sent)
    add_push(add_command)
    add_imports(add_command)
    add_review(add_command)
    add_watch(add_command)


def export(arguments: argparse.Namespace) -> int:
    """Write results in the formats of laboratories."""
    from service.lims import lis2_message, long_csv, require_file_stem, wide_csv, write_for_import

    results = [one for _, one in read_reportables(arguments)]
    profile = read_profile(arguments.profile)
    wanted = set(arguments.format or FORMATS)
    imports = _imports(results, profile) if "senaite" in wanted else {}
    tables = {
        "long": ("edd-long.csv", long_csv),
        "wide": ("edd-wide.csv", wide_csv),
    }
    files = {
        name: write(results, profile).encode()
        for form, (name, write) in tables.items()
        if form in wanted
    }
    write_files(arguments.out, files)
    for stem, content in imports.items():
        print(write_for_import(arguments.out, stem, content))
    if "lis2" in wanted:
        sent = datetime.now().astimezone()
        messages = {
            f"{require_file_stem(one.id)}.{one.version}.txt": lis2_message(
                one, sent=sent, profile=profile
            ).encode()
            for one in results
        }
        write_files(arguments.out / "lis2", messages)
    return DONE


def _imports(results: list[Reportable], profile: LimsProfile) -> dict[str, bytes]:
    """The 2-D CSV of each result, by its id: what SENAITE reads once, by name."""
    from service.lims import require_file_stem, two_dimension_csv

    # All together first: two results of one sample would be read one after the other.
    two_dimension_csv(results, profile)
    return {
        require_file_stem(one.id): two_dimension_csv([one], profile).encode() for one in results
    }


def check(arguments: argparse.Namespace) -> int:
    """Tell line by line what SENAITE would make of files."""
    from service.lims import check_two_dimension

    status = DONE
    for path in arguments.files:
        text = path.read_text(encoding="utf-8", errors="replace")
        known = _known(arguments, {one.sample for one in check_two_dimension(text)})
        for verdict in check_two_dimension(text, known):
            value = "" if verdict.value is None else f"{verdict.value:g}"
            place = f"{path}:{verdict.line}"
            print(
                place,
                verdict.outcome,
                verdict.sample,
                verdict.keyword,
                value,
                verdict.why,
                sep="\t",
            )
            if verdict.outcome in {"error", "warning"}:
                status = FAILED_VERIFICATION
    return status


def _known(arguments: argparse.Namespace, samples: Iterable[str]) -> dict[str, SampleInLims] | None:
    if not arguments.ask:
        return None
    with signed_in(arguments) as client:
        held = {sample: _held(client, sample) for sample in sorted(samples) if sample}
    return {sample: found for sample, found in held.items() if found is not None}


def _held(client: SenaiteClient, sample: str) -> SampleInLims | None:
    from petrography.errors import LimsRefusedError
    from service.lims import SampleInLims

    try:
        found = client.find_sample(sample)
    except LimsRefusedError:
        return None
    analyses = client.analyses(found.id)
    return SampleInLims(
        found.state,
        tuple((one.keyword, one.state, bool(one.result)) for one in analyses),
        frozenset(one.keyword for one in analyses if one.is_calculated),
    )


def worklist(arguments: argparse.Namespace) -> int:
    """Print the analyses that wait."""
    with signed_in(arguments) as client:
        for one in client.worklist(arguments.keyword):
            print(one.sample_id, one.keyword, one.unit, one.state, sep="\t")
    return DONE


def send(arguments: argparse.Namespace) -> int:
    """Write results into SENAITE and submit them."""
    from petrography.errors import InvalidParameterError, LimsRefusedError
    from service.lims import deliver

    results = read_reportables(arguments)
    if arguments.attach and len(results) > 1:
        msg = f"--attach belongs to one result, {len(results)} are given; send them singly"
        raise InvalidParameterError(msg)
    stated = {path.name: path.read_bytes() for path in arguments.attach}
    profile, status = read_profile(arguments.profile), DONE
    with signed_in(arguments) as client:
        for path, result in results:
            attachments, is_whole = (stated, True) if stated else _attached(path, result)
            try:
                done = deliver(client, result, profile=profile, attachments=attachments)
            except LimsRefusedError as error:
                # The other samples are worth sending all the same.
                status = complain(f"{path}: {error}")
                continue
            if not _told(path, done) or not is_whole:
                status = FAILED_VERIFICATION
    return status


def _attached(path: Path, result: Reportable) -> tuple[dict[str, bytes], bool]:
    """The report of a result, and whether none is missing; says why one is."""
    from petrography.errors import MissingPartError
    from petrography.report import Result

    if not isinstance(result, Result):
        return {}, True
    try:
        return report_beside(path, result), True
    except MissingPartError as error:
        print(path, "(attachment)", "report.pdf", "left out", error, sep="\t")
        return {}, False


def _told(path: Path, delivered: Iterable[Delivered]) -> bool:
    """Print what became of each number; returns whether nothing is left to do."""
    settled = True
    for one in delivered:
        print(path, one.keyword, one.text, one.outcome, one.why, sep="\t")
        settled = settled and one.is_settled
    return settled

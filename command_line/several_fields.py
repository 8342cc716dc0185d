"""Join the modal compositions of several fields."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE
from command_line.files import AddCommand, add_out, read_stored_result, write_files
from petrography.errors import InvalidParameterError

if TYPE_CHECKING:
    from petrography.report import NamedResult

__all__ = [
    "add_commands",
    "add_sections",
    "fields",
    "sections_of",
    "write_fields",
]


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    parser = add_command(
        "fields", fields, "one modal composition from the results of several fields"
    )
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULT.json",
        help="results of `petroserve analyse` or `petroserve measure`",
    )
    add_sections(parser)
    add_out(parser, "folder for fields.json and fields.csv")


def add_sections(parser: argparse.ArgumentParser) -> None:
    """Describe how fields are told apart by sections."""
    parser.add_argument(
        "--sections",
        metavar="NAME,...",
        help="section of each field, in order; without it all lie on one, or where results say so",
    )


def sections_of(text: str | None, fields: Sequence[Path]) -> list[str]:
    """Read the section of each field; all on one without a statement.

    Raises
    ------
    InvalidParameterError
        If there are more or fewer names than fields.
    """
    if text is None:
        return [""] * len(fields)
    names = [name.strip() for name in text.split(",")]
    if len(names) != len(fields):
        msg = (
            f"--sections names {len(names)} sections for {len(fields)} fields; wanted one for each"
        )
        raise InvalidParameterError(msg)
    return names


def write_fields(folder: Path, named: Sequence[NamedResult]) -> str:
    """Write fields.json and fields.csv; returns the table to print."""
    from petrography.report import fields_csv, fields_report, fields_table

    report = fields_report(named)
    document = f"{report.model_dump_json(indent=2)}\n"
    write_files(
        folder, {"fields.json": document.encode(), "fields.csv": fields_csv(report).encode()}
    )
    return fields_table(report)


def fields(arguments: argparse.Namespace) -> int:
    """Join the modal compositions of several results."""
    from petrography.report import NamedResult

    stated = sections_of(arguments.sections, arguments.results)
    results = [read_stored_result(path) for path in arguments.results]
    named = [
        NamedResult(str(path), section or result.sample.section or "", result)
        for path, section, result in zip(arguments.results, stated, results, strict=True)
    ]
    print(write_fields(arguments.out, named))
    return DONE

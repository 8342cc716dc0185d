"""Read back what SENAITE's auto-import made of the files in its folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from command_line.exit_status import DONE, FAILED_VERIFICATION
from command_line.files import AddCommand

__all__ = ["add_imports", "imports"]


def add_imports(add_command: AddCommand) -> None:
    """Describe the command."""
    parser = add_command("imports", imports, "what SENAITE's auto-import made of the CSVs")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="from which SENAITE imports")


def imports(arguments: argparse.Namespace) -> int:
    """Print the state of every file and what the log says of it."""
    from petrography.errors import InvalidParameterError
    from service.lims import read_imports

    folder: Path = arguments.folder
    if not folder.is_dir():
        msg = f"{folder} is no folder; wanted the one that SENAITE imports from"
        raise InvalidParameterError(msg)
    status = DONE
    for one in read_imports(folder):
        print(one.name, "read" if one.is_read else "waits", sep="\t")
        for line in one.log:
            print(one.name, "log", line, sep="\t")
        status = FAILED_VERIFICATION if one.is_doubtful else status
    return status

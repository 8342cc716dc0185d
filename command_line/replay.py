"""Make an analysis again from its provenance, and compare every byte."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE, FAILED_VERIFICATION
from command_line.files import AddCommand, read_stored_result, written_folder
from command_line.optics_files import read_flat_field
from command_line.settings import add_models_folder, settings_of
from petrography.errors import InvalidParameterError

if TYPE_CHECKING:
    from petrography.report import Result
    from service.engine import Compared
    from service.repository import LoadedModel
    from service.settings import Settings

__all__ = ["add_commands", "replay_analysis"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    parser = add_command(
        "replay", replay_analysis, "make an analysis again from its provenance, compare the bytes"
    )
    parser.add_argument(
        "analysis", metavar="ID|RESULT.json", help="of an analysis that is kept, or its file"
    )
    parser.add_argument("--image", type=Path, required=True, metavar="FILE", help="as it was sent")
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="artefacts folder (default: the setting)"
    )
    parser.add_argument(
        "--tenant", default="", help="whose analysis it is, where the service asks for keys"
    )
    parser.add_argument(
        "--view",
        action="append",
        default=[],
        metavar="PART=FILE",
        help="a view of the analysis, or its region, by the name of the part; repeatable",
    )
    parser.add_argument(
        "--flat-field",
        type=Path,
        metavar="FILE",
        help="the flat field of the analysis (default: from the artefacts folder)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the files that are made")
    add_models_folder(parser)


def replay_analysis(arguments: argparse.Namespace) -> int:
    """Say of every file whether it is kept as it was, and whether it came out the same."""
    from service.engine import compared, model_of, request_of
    from service.repository import open_repository

    settings = settings_of(arguments, artefacts_folder=arguments.store)
    path = _result_path(arguments, settings)
    result = read_stored_result(path)
    # What cannot be made again is refused before a model is opened.
    request_of(result)
    model = model_of(result, open_repository(settings))
    again = _made_again(arguments, settings, result, model)
    rows = compared(result, again, path.parent)
    _print_table(rows)
    return DONE if all(row.is_right for row in rows) else FAILED_VERIFICATION


def _made_again(
    arguments: argparse.Namespace, settings: Settings, result: Result, model: LoadedModel
) -> Result:
    from petrography.pipeline import FilesInMemory
    from service.engine import ScratchFiles, corrections_of, flat_field_of, replay

    stated = read_flat_field(arguments.flat_field)
    named = _named_files(arguments.view)
    with ExitStack() as stack:
        scratch = stack.enter_context(ScratchFiles(settings.scratch_folder))
        kept = arguments.out
        return replay(
            result,
            scratch.view(arguments.image),
            model,
            settings=settings,
            sink=FilesInMemory() if kept is None else stack.enter_context(written_folder(kept)),
            corrections=corrections_of(
                result, stated or flat_field_of(result, settings, arguments.tenant)
            ),
            parts={part: path.read_bytes for part, path in named.items()},
            workspace=scratch,
        )


def _result_path(arguments: argparse.Namespace, settings: Settings) -> Path:
    """Find the result: a file, or the id of an analysis in the artefacts folder."""
    from service.engine import kept_result

    path = Path(arguments.analysis)
    return path if path.is_file() else kept_result(settings, arguments.analysis, arguments.tenant)


def _named_files(stated: list[str]) -> dict[str, Path]:
    pairs = {part: Path(path) for part, _, path in (text.rpartition("=") for text in stated)}
    if "" in pairs:
        msg = f"--view {stated[0]!r} names no part; wanted PART=FILE"
        raise InvalidParameterError(msg)
    return pairs


def _print_table(rows: list[Compared]) -> None:
    width = max(len(row.name) for row in rows)
    print(f"{'file':<{width}}  {'kept':<8}  made again")
    for row in rows:
        kept = {"equal": "as it was"}.get(row.kept, row.kept)
        print(f"{row.name:<{width}}  {kept:<9} {row.again}")

"""Watch a folder for a LIMS that knows only files."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.exit_status import DONE, FAILED_VERIFICATION
from command_line.files import AddCommand, read_stored_result, write_files
from command_line.lims_options import read_profile
from command_line.one_analysis import PreparedAnalysis, add_analysis_options, prepare_analysis

if TYPE_CHECKING:
    from petrography.report import Result
    from service.lims import Dropped, Handler, LimsProfile, WatchedFolder

__all__ = ["add_watch", "watch"]


def add_watch(add_command: AddCommand) -> None:
    """Describe the command."""
    watched = add_command("watch", watch, "analyse what is dropped into a folder")
    watched.add_argument("inbox", type=Path, metavar="INBOX", help="images, each with a NAME.csv")
    watched.add_argument("outbox", type=Path, metavar="OUTBOX", help="results and their CSVs")
    watched.add_argument("--once", action="store_true", help="end when nothing is left to do")
    watched.add_argument(
        "--settle", type=float, default=5.0, metavar="S",
        help="seconds for which a file must stay the same before it is read (default: 5)",
    )  # fmt: skip
    watched.add_argument(
        "--sample-from-name",
        action="store_true",
        help="the name of an image without its suffix is the sample id where no CSV names one",
    )
    watched.add_argument("--profile", type=Path, metavar="FILE.toml", help="as for export")
    add_analysis_options(watched)


def watch(arguments: argparse.Namespace) -> int:
    """Answer what is dropped, until interrupted or, with --once, until nothing is left."""
    from petrography.image_codec import IMAGE_SUFFIXES
    from service.lims import WatchedFolder

    profile = read_profile(arguments.profile)
    prepared = prepare_analysis(arguments, views={})
    images = _image_handler(prepared, profile, from_name=arguments.sample_from_name)
    handlers = {**dict.fromkeys(IMAGE_SUFFIXES, images), ".json": _result_handler(profile)}
    folder = WatchedFolder(
        arguments.inbox,
        arguments.outbox,
        handlers,
        settle_s=arguments.settle,
        max_bytes=prepared.settings.max_image_bytes,
    )
    with folder.opened():
        return _watched(folder, once=arguments.once, pause_s=max(arguments.settle / 4.0, 0.05))


def _watched(folder: WatchedFolder, *, once: bool, pause_s: float) -> int:
    from service.lims import on_one_line

    status = DONE
    while True:
        handled = folder.look()
        for one in handled:
            print(on_one_line(one.name), one.state, on_one_line(one.why), sep="\t", flush=True)
            status = status if one.state == "done" else FAILED_VERIFICATION
        waits = any(one.state == "later" for one in handled)
        if once and not folder.unsettled and (waits or not handled):
            return status
        time.sleep(pause_s)


def _image_handler(prepared: PreparedAnalysis, profile: LimsProfile, *, from_name: bool) -> Handler:
    def analyse(dropped: Dropped, folder: Path) -> None:
        own = _of_sample(prepared, dropped, dropped.path.stem if from_name else None)
        own.run(dropped.path, folder)
        _write_tables(folder, read_stored_result(folder / "result.json"), profile)

    return analyse


def _result_handler(profile: LimsProfile) -> Handler:
    def export(dropped: Dropped, folder: Path) -> None:
        from petrography.report import parse_result

        content = dropped.path.read_bytes()
        result = parse_result(content, source=dropped.path.name)
        write_files(folder, {"result.json": content})
        _write_tables(folder, result, profile)

    return export


def _write_tables(folder: Path, result: Result, profile: LimsProfile) -> None:
    from service.lims import long_csv, two_dimension_csv

    tables = {"senaite.csv": two_dimension_csv, "edd-long.csv": long_csv}
    write_files(folder, {name: table([result], profile).encode() for name, table in tables.items()})


def _of_sample(
    prepared: PreparedAnalysis, dropped: Dropped, sample_id: str | None
) -> PreparedAnalysis:
    """Put what the CSV states into the request of the command line, and check it again."""
    from petrography.errors import MissingPartError

    stated = dict(dropped.stated)
    named = stated.get("sample_id") or stated.pop("id", None) or sample_id
    if not named:
        msg = (
            f"no sample is named for {dropped.path.name}; wanted a CSV of the same name, dropped before "
            "it, with sample_id, or --sample-from-name"
        )
        raise MissingPartError(msg)
    stated["sample_id"] = named
    return prepared.of_stated(stated, source=f"the CSV of {dropped.path.name}")

"""The command: from an archive to results and one table."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from command_line.batch.archive import ArchiveImage, read_archive
from command_line.batch.cluster import connected, load_ray
from command_line.batch.division import Division
from command_line.batch.one_image import ImageRow, WhereTo, lost_row
from command_line.batch.places import place_of
from command_line.batch.workers import Work, analysed_rows
from command_line.exit_status import DONE, FAILED_VERIFICATION, complain
from command_line.files import AddCommand
from command_line.one_analysis import StatedAnalysis, add_analysis_options, state_analysis
from command_line.optics_files import add_optics, read_flat_field, read_lens
from petrography.errors import InvalidParameterError

__all__ = ["add_commands", "batch", "gathered"]


def add_commands(add_command: AddCommand) -> None:
    """Describe the command."""
    parser = add_command(
        "batch", batch, "an archive of photographs, on several workers (extra batch)"
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="folder, searched with all its folders, or CSV with a column `file`; also in a bucket",
    )
    parser.add_argument(
        "destination",
        metavar="DEST",
        help="folder or s3://bucket/prefix; a sub-folder for each photograph, and batch.csv",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that analyse (default: one for every core for which there is memory, or for every GPU)",
    )
    add_analysis_options(parser)
    add_optics(parser)


def batch(arguments: argparse.Namespace) -> int:
    """Analyse what is not finished, and write one table of all."""
    from command_line.batch.table import TABLE_NAME, summary, table_csv
    from service.runtime import wants_gpu
    from service.settings import read_cluster_settings

    began_s = time.monotonic()
    _require_count(arguments.workers)
    cluster = read_cluster_settings().cluster
    ray = load_ray(cluster)
    stated = _stated(arguments)
    scratch = stated.settings.scratch_folder
    destination = place_of(arguments.destination, scratch)
    archive = read_archive(arguments.source, destination, TABLE_NAME, scratch)
    division = Division(arguments.workers, stated.settings.threads, wants_gpu(stated.settings))
    work = Work(stated, WhereTo(archive.place, destination), _model_sha256(stated))
    with destination.held(), connected(ray, cluster, division):
        rows = gathered(archive.images, analysed_rows(ray, archive.images, work, division))
        destination.put(TABLE_NAME, table_csv(rows))
    print(f"{summary(rows, time.monotonic() - began_s)}\n{destination.told}/{TABLE_NAME}")
    return DONE if all(row.status == "ok" for row in rows) else FAILED_VERIFICATION


def _require_count(workers: int | None) -> None:
    if workers is not None and workers < 1:
        msg = f"--workers {workers} analyse nothing; wanted 1 or more"
        raise InvalidParameterError(msg)


def _stated(arguments: argparse.Namespace) -> StatedAnalysis:
    """Read the options; workers are in other folders, so that paths become absolute."""
    stated = state_analysis(
        arguments,
        views={},
        flat_field=read_flat_field(arguments.flat_field),
        lens=read_lens(arguments.lens),
    )
    paths = {name: one.absolute() for name, one in stated.settings if isinstance(one, Path)}
    return replace(stated, settings=stated.settings.model_copy(update=paths))


def _model_sha256(stated: StatedAnalysis) -> tuple[str | None, ...]:
    """Open the model once here, so that what cannot be asked of it is refused at once."""
    # GPUs are for the workers.
    on_cpu = stated.settings.model_copy(update={"provider": "cpu"})
    return Work.digests(replace(stated, settings=on_cpu).opened())


def gathered(images: Sequence[ArchiveImage], came: Iterable[ImageRow]) -> list[ImageRow]:
    """Gather the rows behind a progress bar, and say at once what is wrong with a photograph."""
    from tqdm import tqdm

    rows: dict[str, ImageRow] = {}
    # A bar appears on a terminal only.
    with tqdm(total=len(images), unit="photograph", disable=None, leave=False) as bar:
        for row in came:
            rows[row.file] = row
            bar.update()
            if row.status != "ok":
                bar.clear()
                _complain_of(row)
        for image in images:
            if image.file not in rows:
                rows[image.file] = lost_row(image)
                _complain_of(rows[image.file])
    return [rows[image.file] for image in images]


def _complain_of(row: ImageRow) -> None:
    complain(f"{row.file}: {row.problem_detail}")
    if row.trace is not None:
        print(row.trace, file=sys.stderr)

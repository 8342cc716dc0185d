"""Judge models on annotated fields, and sum up what several folds say."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from command_line.exit_status import DONE
from command_line.files import AddCommand
from petrography.minerals import MINERALS, UNLABELLED_CODE

if TYPE_CHECKING:
    from tqdm import tqdm

    from export.judging import JudgedModel
    from petrography.accuracy import ModelMetrics
    from petrography.model_card import ModelCard
    from petrography.segmentation import Segmentation
    from training.evaluation import Mode, OnSeen
    from training.lumenstone import Field, FieldPaths

__all__ = ["add_commands", "folds", "test_model"]

# As of `training.lumenstone.LUMENSTONE`, which is imported when a command runs.
LUMENSTONE_IMAGES, LUMENSTONE_MASKS = "{subset}/imgs/{split}", "{subset}/masks/{split}"
_LUMENSTONE = (("S1v1", "S1"), ("S2v1", "S2"))


def add_commands(add_command: AddCommand) -> None:
    """Describe the commands."""
    _describe_test_model(
        add_command("test-model", test_model, "judge one or more models on annotated fields")
    )
    _describe_folds(
        add_command("folds", folds, "mean and spread over the evaluations of several folds")
    )


def _describe_folds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "reports",
        nargs="+",
        type=Path,
        metavar="REPORT",
        help="metrics.json of test-model, its folder, or a model card; one a fold",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="for folds.json and folds.md")


def _describe_test_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models_named", nargs="+", metavar="NAME[:VERSION]")
    parser.add_argument("--data", type=Path, required=True, help="folder of images and masks")
    parser.add_argument(
        "--subset",
        action="append",
        type=_subset,
        metavar="FOLDER=ASSOCIATION",
        help="what to judge on, repeatable (default: S1v1=S1 and S2v1=S2)",
    )
    _describe_layout(parser)
    parser.add_argument("--split", choices=("train", "test"), default="test")
    parser.add_argument(
        "--resampling-factor", type=float, help="model pixels per image pixel (default: the card's)"
    )
    parser.add_argument("--models", type=Path, metavar="DIR", default=Path("models"))
    parser.add_argument(
        "--border-px",
        type=_border,
        metavar="PX",
        default=3,
        help="distance within which borders are judged (default: 3)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="REPORT", help="folder for metrics, tables and pictures"
    )


def _describe_layout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--images",
        default=LUMENSTONE_IMAGES,
        metavar="PATTERN",
        help=f"folder of images below --data (default: {LUMENSTONE_IMAGES})",
    )
    parser.add_argument(
        "--masks",
        default=LUMENSTONE_MASKS,
        metavar="PATTERN",
        help=f"folder of masks below --data (default: {LUMENSTONE_MASKS})",
    )
    parser.add_argument(
        "--mask-codes",
        type=_mask_codes,
        default={},
        metavar="GIVEN=CODE,...",
        help="mineral codes (or 255) of masks that use others, such as 0=0,1=0,4=32",
    )
    parser.add_argument(
        "--view",
        type=_view,
        action="append",
        default=[],
        metavar="LIGHT:ANGLE=PATTERN",
        help="folder below --data of further photographs under the same names, for models of XPL "
        "fusion, with their light (PPL or XPL) and stage angle, such as XPL:0=xpl; repeatable",
    )


def _subset(text: str) -> tuple[str, str]:
    folder, _, association = text.partition("=")
    if folder and association:
        return folder, association
    msg = f"subset is {text[:40]!r}; wanted FOLDER=ASSOCIATION, such as S1v1=S1"
    raise argparse.ArgumentTypeError(msg)


def _view(text: str) -> tuple[str, str]:
    from training.crossed_views import parsed_view

    taken, _, pattern = text.partition("=")
    try:
        parsed_view(taken)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not pattern:
        msg = f"view is {text[:40]!r}; wanted LIGHT:ANGLE=PATTERN, such as XPL:0=xpl"
        raise argparse.ArgumentTypeError(msg)
    return taken, pattern


def _mask_codes(text: str) -> dict[int, int]:
    pairs = [re.fullmatch(r"(\d{1,3})=(\d{1,3})", one.strip(), re.ASCII) for one in text.split(",")]
    codes = {int(pair[1]): int(pair[2]) for pair in pairs if pair is not None}
    known = {*MINERALS, UNLABELLED_CODE}
    # 255 is never annotated, whatever a mask means by its other codes.
    if (
        len(codes) == len(pairs)
        and max(codes, default=UNLABELLED_CODE) < UNLABELLED_CODE
        and known.issuperset(codes.values())
    ):
        return codes
    msg = (
        f"mask codes are {text[:80]!r}; wanted GIVEN=CODE,... with each GIVEN once, 0 to 254, and "
        "CODE that of a mineral or 255"
    )
    raise argparse.ArgumentTypeError(msg)


def _border(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 99:
        return int(text)
    msg = f"border is {text[:40]!r}; wanted a whole number of pixels, 1 to 99"
    raise argparse.ArgumentTypeError(msg)


def test_model(arguments: argparse.Namespace) -> int:
    """Measure models on annotated fields; print their scores, and report them if asked."""
    from export.judging import accuracy_table, data_name, evaluations_of, find_model, open_model
    from petrography.accuracy import MetricsReport
    from training.lumenstone import Layout, find_fields

    if arguments.out is not None:
        # What is missing is missed now and not after hours.
        from export.assessment.report import write_report

        arguments.out.mkdir(parents=True, exist_ok=True)
    views = _views(arguments.view)
    opened = [
        open_model(
            find_model(arguments.models, name), resampling_factor=arguments.resampling_factor
        )
        for name in arguments.models_named
    ]
    _require_seen([one.card for one in opened], views)
    subsets = dict(arguments.subset or _LUMENSTONE)
    layout = Layout(arguments.images, arguments.masks, arguments.mask_codes, views)
    paths = find_fields(arguments.data, subsets, split=arguments.split, layout=layout)
    # Where the folders know no splits it would be wrong to call what they hold one.
    split = arguments.split if "{split}" in arguments.images else "undivided"
    data = data_name(subsets, split, len(paths), views=views)
    measured = _measured(opened, paths, arguments)
    for one in measured:
        if len(measured) > 1:
            print(f"\n{one.full_name}\n")
        print(accuracy_table(evaluations_of(one, data=data)))
    if arguments.out is not None:
        write_report(arguments.out, MetricsReport(data=data, models=tuple(measured)))
    return DONE


def _views(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    from petrography.errors import InvalidParameterError
    from training.crossed_views import require_usable_views

    try:
        require_usable_views([taken for taken, _ in given])
    except ValueError as error:
        raise InvalidParameterError(str(error)) from None
    return dict(given)


def _require_seen(cards: Sequence[ModelCard], views: Mapping[str, str]) -> None:
    """Check that views are given to models that see them, and tell where these do without."""
    from petrography.errors import InvalidParameterError
    from petrography.pipeline.model_view import is_fusion, sees_bands

    for card in cards:
        name = card.full_name
        if views and not is_fusion(card):
            seen = "stacks of bands" if sees_bands(card) else "photographs in plane-polarised light"
            msg = f"{name} sees {seen}; leave --view out"
            raise InvalidParameterError(msg)
        if is_fusion(card) and not views:
            said = (
                f"{name} is judged in plane-polarised light alone; --view shows it crossed polars"
            )
            print(said, file=sys.stderr)


def _measured(
    opened: list[JudgedModel], paths: tuple[FieldPaths, ...], arguments: argparse.Namespace
) -> list[ModelMetrics]:
    """Check every file, then measure every model; the bar counts files and maps."""
    from tqdm import tqdm

    from export.judging import check_fields, measure_model

    total = len(paths) * (1 + 2 * len(opened))
    with tqdm(total=total, unit="image", disable=not sys.stderr.isatty()) as bar:
        bar.set_description("checking files")
        check_fields(paths, [one.card for one in opened], on_checked=bar.update)
        found = []
        for one in opened:
            name = one.card.full_name
            bar.set_description(name)
            watch = _watch(bar, arguments.out, one.card)
            found.append(measure_model(one, paths, border_px=arguments.border_px, on_seen=watch))
    return found


def _watch(bar: tqdm[NoReturn], out: Path | None, card: ModelCard) -> OnSeen:
    """Draw every field, if there is a report, and move the bar."""
    draw = None
    if out is not None:
        from export.assessment.report import FieldPictures

        draw = FieldPictures(out, card.full_name, card.channels)

    def watch(field: Field, mode: Mode, seen: Segmentation) -> None:
        if draw is not None:
            draw(field, mode, seen)
        bar.update()

    return watch


def folds(arguments: argparse.Namespace) -> int:
    """Print mean and spread over the evaluations of several folds."""
    from export.assessment.folds import folds_markdown, merge_folds, read_fold

    summary = merge_folds([read_fold(path) for path in arguments.reports])
    text = folds_markdown(summary)
    print(text)
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "folds.json").write_text(summary.model_dump_json(indent=2) + "\n")
        (arguments.out / "folds.md").write_text(text + "\n")
    return DONE

"""What the commands share about files: reading images and results, writing, naming options."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from petrography.errors import InvalidParameterError

if TYPE_CHECKING:
    from petrography.image_codec import DecodedImage
    from petrography.images import Labels
    from petrography.report import Result

__all__ = [
    "AddCommand",
    "Command",
    "FolderSink",
    "add_out",
    "adding_to",
    "display_names",
    "json_bytes",
    "read_image",
    "read_labels",
    "read_stored_result",
    "result_folders",
    "write_files",
    "written_folder",
]

Command: TypeAlias = Callable[[argparse.Namespace], int]
# From name, function and help to the parser of a new command.
AddCommand: TypeAlias = Callable[[str, Command, str], argparse.ArgumentParser]


def adding_to(commands: Any) -> AddCommand:
    """Give what adds commands to the sub-parsers `commands` of a parser."""

    def add(name: str, run: Command, what: str) -> argparse.ArgumentParser:
        described: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what)
        described.set_defaults(run=run)
        return described

    return add


def add_out(parser: argparse.ArgumentParser, what: str, *, required: bool = True) -> None:
    """Describe the folder of the results."""
    parser.add_argument("--out", type=Path, required=required, metavar="DIR", help=what)


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """Write a JSON document for people: indented, with a last line end."""
    return f"{json.dumps(content, indent=2)}\n".encode()


def read_image(path: Path, *, whole: bool = False) -> DecodedImage:
    """Read a photograph; `whole` says that it is worked on as a whole, so that fewer pixels do.

    Raises
    ------
    InputError
        If the file is no image that can be read.
    OSError
        If there is no such file.
    """
    from petrography.image_codec import ImageLimits, decode_image

    limits = ImageLimits().of_whole() if whole else ImageLimits()
    return decode_image(path.read_bytes(), limits=limits, name=str(path))


def read_labels(path: Path) -> tuple[Labels, str]:
    """Read a label image; returns its codes and the SHA-256 of the file.

    Raises
    ------
    InputError
        If the file is no label image.
    OSError
        If there is no such file.
    """
    from petrography.image_codec import decode_labels
    from petrography.model_card import sha256_hex

    data = path.read_bytes()
    return decode_labels(data, name=str(path)), sha256_hex(data)


def read_stored_result(path: Path) -> Result:
    """Read a result.json from a file.

    Raises
    ------
    InvalidParameterError
        If it is none.
    OSError
        If there is no such file.
    """
    from petrography.report import parse_result

    return parse_result(path.read_bytes(), source=str(path))


def display_names(paths: Sequence[Path]) -> list[str]:
    """Name files in tables and reports: by their names, or by their paths where names are equal.

    Raises
    ------
    InvalidParameterError
        If one is given twice.
    """
    twice = sorted({str(path) for path in paths if paths.count(path) > 1})
    if twice:
        msg = f"{', '.join(twice)} is given more than once; wanted each file once"
        raise InvalidParameterError(msg)
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def result_folders(paths: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Where the results of each file go: `out` itself for one, a sub-folder each for several.

    Raises
    ------
    InvalidParameterError
        If two would go to one folder.
    """
    if len(paths) == 1:
        return {paths[0]: out}
    by_folder: dict[Path, Path] = {}
    for path in paths:
        folder = out / path.stem
        if folder in by_folder:
            msg = (
                f"{by_folder[folder]} and {path} would both be written to {folder}; rename one, or "
                "take them one at a time"
            )
            raise InvalidParameterError(msg)
        by_folder[folder] = path
    return {path: folder for folder, path in by_folder.items()}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, made if need be, even for none; nothing half written stays."""
    folder.mkdir(parents=True, exist_ok=True)
    with written_folder(folder) as sink:
        for name, content in files.items():
            with sink.create(name) as file:
                file.write(content)


class FolderSink:
    """Takes the files of an analysis into a folder, under other names until all are there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun: dict[Path, Path] = {}

    def create(self, name: str) -> BinaryIO:
        """Begin a file; see `petrography.pipeline.FileSink`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / name
        aside = self._begun[path] = path.with_name(f"{name}.tmp")
        return aside.open("w+b")

    def keep(self) -> None:
        """Give the files their names."""
        for path, aside in self._begun.items():
            aside.replace(path)

    def throw_away(self) -> None:
        """Remove what was begun."""
        for aside in self._begun.values():
            aside.unlink(missing_ok=True)


@contextmanager
def written_folder(folder: Path) -> Iterator[FolderSink]:
    """Write files into a folder, made if need be; they take their names when all are whole."""
    sink = FolderSink(folder)
    try:
        yield sink
        sink.keep()
    except BaseException:
        sink.throw_away()
        raise

"""Which photographs an archive has, what is stated of each, and where its results go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from command_line.batch.image_list import read_list
from command_line.batch.places import RESERVED, FolderPlace, Place, place_of
from command_line.batch.result_folders import archive_folders
from petrography.errors import InvalidParameterError

__all__ = ["Archive", "ArchiveImage", "read_archive"]

_LIST_SUFFIX = ".csv"


@dataclass(frozen=True)
class ArchiveImage:
    """One photograph.

    Attributes
    ----------
    file : str
        Its path in the archive.
    folder : str
        Of its results, below the destination.
    stated : dict of str to str
        What a list states of it: um_per_px, association, sample_id and the like.
    """

    file: str
    folder: str
    stated: dict[str, str]


@dataclass(frozen=True)
class Archive:
    """Photographs and where they lie; by path.

    Attributes
    ----------
    place : FolderPlace or BucketPlace
        Where they lie.
    images : tuple of ArchiveImage
        At least one.
    """

    place: Place
    images: tuple[ArchiveImage, ...]


def read_archive(
    source: str, destination: Place, table: str, scratch: Path | None = None
) -> Archive:
    """Find the photographs of an archive, without opening one.

    Parameters
    ----------
    source : str
        A folder, which is searched with all its folders, a CSV that lists files, or either in a
        bucket.
    destination : FolderPlace or BucketPlace
        Where results go.
    table : str
        Name of a file beside the folders of results.
    scratch : Path, optional
        Where copies of photographs in a bucket lie meanwhile.

    Raises
    ------
    InvalidParameterError
        If there are none, a list cannot be used, or results would be taken for photographs or
        take the place of the list.
    MalformedRequestError
        If a list is no CSV.
    OSError
        If the folder or the list cannot be read.
    """
    if source.lower().endswith(_LIST_SUFFIX):
        _require_list_stays(source, destination, table)
        place, listed = _listed(source, scratch)
    else:
        place = place_of(source, scratch)
        _require_apart(place, destination)
        listed = {file: {} for file in sorted(_images_of(place))}
    if not listed:
        msg = (
            f"{source} has no photographs; wanted PNG, JPEG or TIFF files, or a CSV that lists them"
        )
        raise InvalidParameterError(msg)
    for file in listed:
        _require_text(file)
    folders = archive_folders(list(listed), RESERVED | {table})
    return Archive(
        place, tuple(ArchiveImage(file, folders[file], stated) for file, stated in listed.items())
    )


def _images_of(place: Place) -> list[str]:
    from petrography.image_codec import IMAGE_SUFFIXES

    return [file for file in place.files() if file.lower().endswith(IMAGE_SUFFIXES)]


def _listed(source: str, scratch: Path | None) -> tuple[Place, dict[str, dict[str, str]]]:
    """Read a list and find the place from which its paths are meant."""
    if "://" in source:
        parent, _, name = source.rpartition("/")
        place = place_of(parent, scratch)
        content = place.read(name)
        if content is None:
            msg = f"{source} is not there"
            raise InvalidParameterError(msg)
        return place, read_list(source, content, None)
    path = Path(source).absolute()
    return FolderPlace(path.parent), read_list(source, path.read_bytes(), str(path.parent))


def _require_list_stays(source: str, destination: Place, table: str) -> None:
    if isinstance(destination, FolderPlace):
        taken = Path(source).resolve() == (destination.root / table).resolve()
    else:
        taken = source == f"{destination.told}/{table}"
    if taken:
        msg = (
            f"{source} is the list, and the table of the results would take its place; wanted "
            "another destination, or another name of the list"
        )
        raise InvalidParameterError(msg)


def _require_apart(source: Place, destination: Place) -> None:
    """Check that no result lies among the photographs: the next batch would analyse it."""
    if isinstance(source, FolderPlace) and isinstance(destination, FolderPlace):
        one, other = source.root.resolve(), destination.root.resolve()
        inside = other.is_relative_to(one)
    else:
        inside = f"{destination.told}/".startswith(f"{source.told}/")
    if inside:
        msg = (
            f"{destination.told} lies in {source.told}: the next batch would take results for "
            "photographs; wanted a destination outside"
        )
        raise InvalidParameterError(msg)


def _require_text(file: str) -> None:
    try:
        file.encode()
    except UnicodeEncodeError:
        # It could stand in no table and no document.
        shown = file.encode(errors="backslashreplace").decode()
        msg = f"the name {shown} is no text in UTF-8; rename it"
        raise InvalidParameterError(msg) from None

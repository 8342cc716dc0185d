"""Models from a bucket: copied into a local folder, which is then served like any other.

The bucket holds what a models folder holds. A version is copied aside, its graph is held against
its card, and it is renamed into place, so that the folder never has half of one. What the bucket
no longer has is removed; a bucket that does not answer, or has no model at all, changes nothing.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from petrography.errors import ConfigurationError, ModelCardError
from service.bucket import Bucket, StoredObject
from service.disk import ASIDE, aside_of, changed_s, put_whole, remove_folder
from service.repository.model_folders import (
    CARD_FILE,
    MODEL_FILE,
    read_card,
    read_graph,
    subfolders,
)
from service.repository.name_change import NotServed
from service.repository.traffic import TRAFFIC_FILE

__all__ = ["BucketMirror"]

_NAME = r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,99})"
_MODEL = re.compile(
    rf"{_NAME}/(?P<version>[0-9]{{1,9}})/(?P<file>model\.(?:onnx|json)(?:\.minisig)?)", re.ASCII
)
_TRAFFIC = re.compile(rf"{_NAME}/{re.escape(TRAFFIC_FILE)}", re.ASCII)
# What of the bucket lies in the folder of a version: the tags of its objects, by file.
_TAGS_FILE = ".bucket.json"
# No copy takes that long.
_LEFTOVER_S = 24 * 3600.0


class BucketMirror:
    """A local folder that follows a bucket.

    Parameters
    ----------
    bucket : Bucket
        What is followed.
    folder : Path
        Nothing but the mirror; several processes may share it.
    """

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self._bucket, self._folder = bucket, folder
        self.refused: tuple[NotServed, ...] = ()

    def update(self) -> None:
        """Copy what is new and remove what is gone; `refused` then tells what is left out.

        Raises
        ------
        BucketUnavailableError
            If the bucket does not answer; the folder is as it was, or partly newer.
        ConfigurationError
            If there is no model in the bucket.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        listed = self._bucket.list()
        versions: dict[tuple[str, str], dict[str, StoredObject]] = defaultdict(dict)
        for one in listed:
            if match := _MODEL.fullmatch(one.path):
                versions[match["name"], match["version"]][match["file"]] = one
        if not versions:
            msg = f"there is no model in {self._bucket.url}; wanted NAME/VERSION/{MODEL_FILE}"
            raise ConfigurationError(msg)
        refused = []
        for (name, version), files in sorted(versions.items()):
            try:
                self._copy_version(name, version, files)
            except (ModelCardError, FileNotFoundError) as error:
                refused.append(NotServed(name, version, "refused", f"in the bucket: {error}"))
        self.refused = tuple(refused)
        weights = {match["name"] for one in listed if (match := _TRAFFIC.fullmatch(one.path))}
        for name in weights & {name for name, _ in versions}:
            self._copy_traffic(name)
        self._remove_gone(set(versions), weights)

    def _copy_version(self, name: str, version: str, files: Mapping[str, StoredObject]) -> None:
        place = self._folder / name / version
        tags = {file: one.tag for file, one in files.items()}
        if tags == _tags_in(place):
            return
        if missing := {CARD_FILE, MODEL_FILE} - set(files):
            msg = f"{name}/{version} has no {', '.join(sorted(missing))} yet"
            raise ModelCardError(msg)
        aside = aside_of(place) / name / version
        aside.mkdir(parents=True)
        try:
            for file, one in files.items():
                self._bucket.download(one.path, aside / file)
            read_graph(aside, read_card(aside, None), None)
            (aside / _TAGS_FILE).write_text(json.dumps(tags))
            _put_into_place(aside, place, tags)
        finally:
            shutil.rmtree(aside.parent.parent, ignore_errors=True)

    def _copy_traffic(self, name: str) -> None:
        file = self._folder / name / TRAFFIC_FILE
        try:
            content = self._bucket.read(f"{name}/{TRAFFIC_FILE}")
        except FileNotFoundError:
            return
        is_same = file.is_file() and file.read_bytes() == content
        if file.parent.is_dir() and not is_same:
            put_whole(file, content)

    def _remove_gone(self, versions: set[tuple[str, str]], weights: set[str]) -> None:
        for folder in subfolders(self._folder):
            _remove_leftovers(folder)
            if folder.name not in weights:
                (folder / TRAFFIC_FILE).unlink(missing_ok=True)
            for path in subfolders(folder):
                if (folder.name, path.name) not in versions:
                    remove_folder(path)


def _put_into_place(aside: Path, place: Path, tags: Mapping[str, str]) -> None:
    """Let a version take the place of another one, unless another process was first."""
    if tags == _tags_in(place):
        # That process may be about to open what it has there.
        return
    remove_folder(place)
    with suppress(OSError):
        aside.rename(place)


def _tags_in(place: Path) -> dict[str, str]:
    try:
        tags: dict[str, str] = json.loads((place / _TAGS_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return tags


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half copied."""
    for path in folder.glob(f"{ASIDE}*"):
        if time.time() - changed_s(path) > _LEFTOVER_S:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

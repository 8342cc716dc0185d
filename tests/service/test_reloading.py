"""The models folder while it is served: loaded, refused, divided, switched and freed."""

from __future__ import annotations

import errno
import gc
import json
import os
import shutil
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from petrography.errors import ConfigurationError, ModelNotFoundError
from service.repository import Changes, FolderWatch, Repository
from service.settings import Settings
from tests.tiny_model import TILE_PX, write_model


def watched(folder: Path, **changes: Any) -> tuple[FolderWatch, Repository]:
    fields = {"models_folder": folder, "provider": "cpu", "threads": 1, **changes}
    watch = FolderWatch(Settings.model_validate(fields))
    return watch, watch.open()


def second_look(watch: FolderWatch) -> Changes:
    """Look twice: what is new is taken up by the second."""
    assert watch.look() is None
    changes = watch.look()
    assert changes is not None
    return changes


def served(repository: Repository) -> list[str]:
    return [f"{model.card.name}:{model.card.version}" for model in repository]


def reasons(watch: FolderWatch) -> list[tuple[str, str | None, str]]:
    return [(one.name, one.version, one.state) for one in watch.not_served()]


def test_a_new_version_is_switched_in_at_the_second_look(model_folder: Path) -> None:
    watch, before = watched(model_folder)
    write_model(model_folder, version=2)

    assert watch.look() is None
    assert reasons(watch) == [("tiny", "2", "loading")]
    changes = watch.look()

    assert changes is not None
    assert served(changes.repository) == ["tiny:1", "tiny:2"]
    assert [model.card.version for model, _ in changes.loaded] == [2]
    assert changes.repository.get("tiny").card.version == 2
    assert changes.repository.get("tiny:1") is before.get("tiny:1")
    assert watch.not_served() == ()
    assert watch.look() is None


def test_a_new_name_is_taken_up_at_once_when_somebody_says_so(model_folder: Path) -> None:
    watch, _ = watched(model_folder)
    write_model(model_folder, name="other")

    changes = watch.look(at_once=True)

    assert changes is not None
    assert served(changes.repository) == ["other:1", "tiny:1"]


def test_a_folder_that_is_still_copied_waits(model_folder: Path) -> None:
    watch, _ = watched(model_folder)
    folder = write_model(model_folder, version=2)
    graph = (folder / "model.onnx").read_bytes()
    for size in (100, 200, len(graph)):
        (folder / "model.onnx").write_bytes(graph[:size])
        assert watch.look() is None
        assert reasons(watch) == [("tiny", "2", "loading")]

    changes = watch.look()

    assert changes is not None
    assert served(changes.repository) == ["tiny:1", "tiny:2"]


def test_a_broken_folder_is_refused_until_it_is_mended(model_folder: Path) -> None:
    watch, before = watched(model_folder)
    folder = write_model(model_folder, version=2)
    graph = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(graph[:-5])
    write_model(model_folder, version=3)

    changes = second_look(watch)

    assert served(changes.repository) == ["tiny:1", "tiny:3"]
    assert changes.repository.get("tiny:1") is before.get("tiny:1")
    assert changes.refused == 1
    (refused,) = watch.not_served()
    assert (refused.version, refused.state) == ("2", "refused")
    assert "was altered" in refused.reason
    assert str(model_folder) not in refused.reason
    assert watch.look() is None
    (folder / "model.onnx").write_bytes(graph)
    assert served(second_look(watch).repository) == ["tiny:1", "tiny:2", "tiny:3"]
    assert watch.not_served() == ()


def test_what_could_not_be_read_for_once_is_tried_again(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, _ = watched(model_folder)
    graph, read_bytes = write_model(model_folder, version=2) / "model.onnx", Path.read_bytes

    def no_descriptor(path: Path) -> bytes:
        if path == graph:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return read_bytes(path)

    with monkeypatch.context() as busy:
        busy.setattr(Path, "read_bytes", no_descriptor)
        changes = second_look(watch)
    assert served(changes.repository) == ["tiny:1"]
    (refused,) = watch.not_served()
    assert (refused.version, refused.state) == ("2", "refused")
    assert "Too many open files" in refused.reason

    changes_then = watch.look()
    assert changes_then is not None
    assert served(changes_then.repository) == ["tiny:1", "tiny:2"]
    assert watch.not_served() == ()
    assert watch.look() is None


@pytest.mark.parametrize(
    ("file", "content"),
    [("model.json", b"{}"), ("model.onnx", b"no graph"), ("model.json", b"\xff\x00")],
)
def test_a_version_that_is_served_never_changes(
    model_folder: Path, file: str, content: bytes
) -> None:
    watch, before = watched(model_folder)
    (model_folder / "tiny" / "1" / file).write_bytes(content)

    changes = second_look(watch)

    assert changes.repository.get(None) is before.get(None)
    assert reasons(watch) == [("tiny", "1", "refused")]


def test_another_card_over_a_served_version_is_refused(model_folder: Path) -> None:
    watch, before = watched(model_folder)
    shutil.rmtree(model_folder / "tiny")
    write_model(model_folder, description="Another one.")

    changes = second_look(watch)

    assert changes.repository.get("tiny:1") is before.get("tiny:1")
    (refused,) = watch.not_served()
    assert "a version never changes" in refused.reason


def test_a_version_that_is_taken_out_is_freed_with_its_last_request(model_folder: Path) -> None:
    write_model(model_folder, version=2)
    watch, repository = watched(model_folder)
    shutil.rmtree(model_folder / "tiny" / "1")
    tiles = np.zeros((1, TILE_PX, TILE_PX, 3), dtype=np.uint8)
    threads = set(threading.enumerate())
    request = repository.get("tiny:1").predictor_for((0, 1))
    session = weakref.ref(repository.get("tiny:1").opened.labels)
    in_flight = repository.get("tiny:1")
    gc.collect()
    gc.disable()
    try:
        repository = second_look(watch).repository
        assert served(repository) == ["tiny:2"]
        assert reasons(watch) == [("tiny", "1", "draining")]
        request.labels(tiles)
        del request
        assert session() is not None
        del in_flight
        # Without the collector: nothing holds it in a circle.
        assert session() is None
    finally:
        gc.enable()
    assert watch.not_served() == ()
    # No new one; what a test before left behind may have ended meanwhile.
    assert set(threading.enumerate()) <= threads
    with pytest.raises(ModelNotFoundError):
        repository.get("tiny:1")


@pytest.mark.parametrize("default", [None, "tiny", "tiny:1"])
def test_what_requests_get_by_default_cannot_be_taken_out(
    model_folder: Path, default: str | None
) -> None:
    watch, before = watched(model_folder, default_model=default)
    shutil.rmtree(model_folder / "tiny")

    changes = second_look(watch)

    assert changes.repository.get(None) is before.get(None)
    assert reasons(watch) == [("tiny", None, "refused")]


def test_a_folder_that_is_gone_changes_nothing(model_folder: Path) -> None:
    watch, _ = watched(model_folder)
    model_folder.rename(model_folder.with_name("elsewhere"))

    assert watch.look() is None
    assert "cannot be read" in (watch.problem or "")
    model_folder.with_name("elsewhere").rename(model_folder)
    assert watch.look() is None
    assert watch.problem is None


def weights(folder: Path, text: str, name: str = "tiny") -> None:
    (folder / name / "traffic.toml").write_text(text)


def test_weights_divide_requests_without_a_version(model_folder: Path) -> None:
    write_model(model_folder, version=2)
    weights(model_folder, "[weights]\n1 = 3\n2 = 1\n")
    _, repository = watched(model_folder)

    chosen = [repository.get("tiny", str(number)).card.version for number in range(2000)]

    assert chosen == [repository.get(None, str(number)).card.version for number in range(2000)]
    # 2000 throws at 1/4: three standard deviations are 58.
    assert 442 < chosen.count(2) < 558
    assert repository.get("tiny").card.version == 1
    assert repository.get("tiny:2", "0").card.version == 2
    assert [repository.divides(one) for one in (None, "tiny", "tiny:1")] == [True, True, False]


def test_raising_the_weight_of_the_newest_only_adds_images(model_folder: Path) -> None:
    write_model(model_folder, version=2)
    weights(model_folder, "[weights]\n1 = 90\n2 = 10\n")
    watch, repository = watched(model_folder)
    tenth = {one for one in map(str, range(500)) if repository.get(None, one).card.version == 2}
    weights(model_folder, "[weights]\n1 = 50\n2 = 50\n")

    half = second_look(watch).repository

    now = {one for one in map(str, range(500)) if half.get(None, one).card.version == 2}
    assert tenth < now
    assert half.get("tiny:1") is repository.get("tiny:1")


BAD_WEIGHTS = [
    ("", "states []"),
    ("weights = 1", "states"),
    ("[weights]\n", "no version has a weight"),
    ("[weights]\n1 = 0\n", "no version has a weight"),
    ("[weights]\n1 = -1\n", "weight -1"),
    ("[weights]\n1 = nan\n", "weight nan"),
    ("[weights]\n1 = inf\n", "weight inf"),
    ("[weights]\n1 = true\n", "weight True"),
    ("[weights]\n1 = '1'\n", "wanted a number"),
    ("[weights]\n01 = 1\n", "no version"),
    ("[weights]\nnewest = 1\n", "no version"),
    ("[weights]\n7 = 1\n", "not served"),
    ("[weights]\n1 = 1\n[more]\n", "states"),
    ("[weights\n", "cannot be read"),
    ("[weights]\n1 = 1\n#" + "x" * 70_000, "bytes"),
]


@pytest.mark.parametrize(("text", "reason"), BAD_WEIGHTS)
def test_bad_weights_are_refused_and_those_of_before_stay(
    model_folder: Path, text: str, reason: str
) -> None:
    write_model(model_folder, version=2)
    weights(model_folder, "[weights]\n1 = 1\n")
    watch, _ = watched(model_folder)
    weights(model_folder, text)

    changes = second_look(watch)

    assert changes.repository.get("tiny").card.version == 1
    (refused,) = watch.not_served()
    assert (refused.version, refused.state) == (None, "refused")
    assert reason in refused.reason


def test_bad_weights_stop_the_start(model_folder: Path) -> None:
    weights(model_folder, "[weights]\n7 = 1\n")

    with pytest.raises(ConfigurationError, match=r"versions \[7\]"):
        watched(model_folder)


def test_a_version_with_a_weight_cannot_be_taken_out(model_folder: Path) -> None:
    write_model(model_folder, version=2)
    weights(model_folder, "[weights]\n1 = 1\n2 = 1\n")
    watch, _ = watched(model_folder)
    shutil.rmtree(model_folder / "tiny" / "1")

    changes = second_look(watch)

    assert served(changes.repository) == ["tiny:1", "tiny:2"]
    assert reasons(watch) == [("tiny", None, "refused")]
    weights(model_folder, "[weights]\n2 = 1\n")
    assert served(second_look(watch).repository) == ["tiny:2"]


def test_without_weights_the_newest_gets_all_again(model_folder: Path) -> None:
    write_model(model_folder, version=2)
    weights(model_folder, "[weights]\n1 = 1\n")
    watch, repository = watched(model_folder)
    assert repository.get(None, "x").card.version == 1
    (model_folder / "tiny" / "traffic.toml").unlink()

    assert second_look(watch).repository.get(None, "x").card.version == 2


def test_touching_files_changes_nothing(model_folder: Path) -> None:
    watch, repository = watched(model_folder)
    card = model_folder / "tiny" / "1" / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()), indent=2))

    watch.look()
    changes = watch.look()

    assert changes is None or changes.repository.get(None) is repository.get(None)
    assert watch.not_served() == ()

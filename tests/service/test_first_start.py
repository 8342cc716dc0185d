"""What a worker does that cannot start; tests/service/test_bento.py sees the supervisor end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from petrography.errors import ConfigurationError
from service.first_start import FirstStart


def fail(start: FirstStart) -> None:
    with start.watched():
        message = "no GPU"
        raise ConfigurationError(message)


def test_nobody_is_told_where_nobody_waits() -> None:
    with pytest.raises(ConfigurationError, match="no GPU"):
        fail(FirstStart(None))


def test_a_worker_that_fails_later_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.kill", lambda *_: pytest.fail("the service was asked to end"))
    start = FirstStart(tmp_path)
    start.succeeded()

    with pytest.raises(SystemExit):
        fail(start)
    start.require_succeeded()


def test_an_orphan_does_not_ask_its_new_parent_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.kill", lambda *_: pytest.fail("another process was asked to end"))
    with pytest.raises(SystemExit):
        fail(FirstStart(tmp_path, supervisor_pid=os.getppid() + 1))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConfigurationError("no GPU"), "^no GPU$"),
        (KeyError("fault of ours"), "KeyError.*see the log"),
    ],
)
def test_the_first_that_fails_ends_the_service_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr("os.kill", lambda *told: signals.append(told))
    start = FirstStart(tmp_path)

    with pytest.raises(SystemExit), start.watched():
        raise error
    with pytest.raises(ConfigurationError, match=words):
        start.require_succeeded()
    # One that was started before the supervisor ended does nothing any more.
    with pytest.raises(SystemExit), start.watched():
        pytest.fail("it began")
    assert len(signals) == 1

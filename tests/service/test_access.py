"""API keys: what is kept of them, whom they let in, how often, and when they end."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petrography.errors import (
    ConfigurationError,
    ForbiddenError,
    RateLimitError,
    UnauthenticatedError,
)
from service.access import (
    Guard,
    Principal,
    create_key,
    empty_key_file,
    read_key_file,
    revoke_key,
    write_key_file,
)
from service.access.key_file import KeyFile
from service.access.rate_limit import RateLimit
from service.settings import Settings
from tests.admitting import admit

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds, self.utc = 0.0, NOW

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> dt.datetime:
        return self.utc


def written(path: Path, content: KeyFile) -> Path:
    write_key_file(path, content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_names_its_tenant_and_scopes_and_is_kept_nowhere(path: Path) -> None:
    content, key = create_key(empty_key_file(), tenant="lab-1", scopes=["read"], now=NOW)
    guard = Guard(written(path, content))
    assert admit(guard, key) == Principal(content.keys[0].id, "lab-1", frozenset({"read"}))
    secret = key.split("_", 2)[2]
    assert len(secret) == 43  # 256 bits
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_keys_differ() -> None:
    content, first = create_key(empty_key_file(), tenant="a", scopes=["read"], now=NOW)
    content, second = create_key(content, tenant="a", scopes=["read"], now=NOW)
    assert first != second
    assert len({one.sha256 for one in content.keys}) == 2


@pytest.mark.parametrize(
    "presented",
    [
        None,
        "",
        "ps_",
        "ps__",
        "nothing",
        "ps_000000000000_x",
        "\ud800",
        "ps_{id}_",
        "{key}x",
        "{id}",
    ],
)
def test_who_has_no_good_key_stays_out(path: Path, presented: str | None) -> None:
    content, key = create_key(empty_key_file(), tenant="a", scopes=["read"], now=NOW)
    guard = Guard(written(path, content))
    given_key = presented and presented.replace("{id}", content.keys[0].id).replace("{key}", key)
    with pytest.raises(UnauthenticatedError, match="API key") as refused:
        admit(guard, given_key)
    assert content.keys[0].sha256 not in str(refused.value)


def test_a_key_ends_when_it_is_said_to(path: Path) -> None:
    content, key = create_key(
        empty_key_file(), tenant="a", scopes=["read"], now=NOW, expires_utc=NOW + DAY
    )
    clock = Clock()
    guard = Guard(written(path, content), now=clock.now)
    clock.utc = NOW + DAY - dt.timedelta(seconds=1)
    assert admit(guard, key).tenant == "a"
    clock.utc = NOW + DAY
    with pytest.raises(UnauthenticatedError, match="expired at 2026-11-22T12:00:00"):
        admit(guard, key)


def test_a_key_is_revoked_while_the_service_runs(path: Path) -> None:
    content, key = create_key(empty_key_file(), tenant="a", scopes=["read"], now=NOW)
    guard = Guard(written(path, content))
    admit(guard, key)
    revoked = revoke_key(content, content.keys[0].id, now=NOW)
    write_key_file(path, revoke_key(revoked, content.keys[0].id, now=NOW + DAY))
    with pytest.raises(UnauthenticatedError, match="revoked at 2026-11-21T12:00:00"):
        admit(guard, key)


@pytest.mark.parametrize("broken", ["", "{", '{"version": 1, "keys": [{}]}'])
def test_a_file_that_breaks_later_changes_nothing_and_one_at_the_start_is_refused(
    path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    content, key = create_key(empty_key_file(), tenant="a", scopes=["read"], now=NOW)
    guard = Guard(written(path, content))
    path.write_text(broken)
    assert admit(guard, key).tenant == "a"
    assert "the keys of before stay in force" in caplog.text
    assert content.keys[0].sha256 not in caplog.text
    with pytest.raises(ConfigurationError, match=r"keys\.json"):
        Guard(path)


def test_a_file_that_could_not_be_read_for_a_moment_revokes_its_keys_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, key = create_key(empty_key_file(), tenant="a", scopes=["read"], now=NOW)
    clock = Clock()
    guard = Guard(written(path, content), now=clock.now, clock=clock)
    write_key_file(path, revoke_key(content, content.keys[0].id, now=NOW))

    def unreadable(_path: Path) -> KeyFile:
        msg = "Too many open files"
        raise ConfigurationError(msg)

    with monkeypatch.context() as patched:
        patched.setattr("service.access.guard.read_key_file", unreadable)
        assert admit(guard, key).tenant == "a"
    # Not at every request: the log would fill up.
    assert admit(guard, key).tenant == "a"
    clock.seconds = 10.0
    with pytest.raises(UnauthenticatedError, match="revoked"):
        admit(guard, key)


def test_a_file_with_the_time_and_size_of_another_is_another(path: Path) -> None:
    content, _ = create_key(empty_key_file(), tenant="a", scopes=["read"], now=NOW)
    other, key = create_key(empty_key_file(), tenant="b", scopes=["read"], now=NOW)
    guard = Guard(written(path, content))
    before = path.stat()
    path.write_text(other.model_dump_json(indent=2) + "\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert path.stat().st_size == before.st_size
    assert admit(guard, key).tenant == "b"


def test_what_a_key_does_not_allow_is_named() -> None:
    with pytest.raises(ForbiddenError, match="may read; this needs the scope analyse"):
        Principal("id", "a", frozenset({"read"})).require("analyse")


def test_requests_are_counted_for_every_key_and_earned_back(path: Path) -> None:
    content, often = create_key(
        empty_key_file(), tenant="a", scopes=["read"], now=NOW, requests_per_minute=3
    )
    content, other = create_key(content, tenant="a", scopes=["read"], now=NOW)
    clock = Clock()
    guard = Guard(written(path, content), clock=clock)
    for _ in range(3):
        admit(guard, often)
    with pytest.raises(RateLimitError, match="3 requests a minute") as refused:
        admit(guard, often)
    assert refused.value.retry_after_s == 20
    admit(guard, other)
    clock.seconds = 20.0
    admit(guard, often)
    with pytest.raises(RateLimitError):
        admit(guard, often)


@given(
    per_minute=st.integers(1, 500),
    pauses=st.lists(st.floats(0.0, 30.0, allow_nan=False), max_size=200),
)
def test_no_order_of_requests_gets_more_than_the_limit(
    per_minute: int, pauses: list[float]
) -> None:
    clock, admitted = Clock(), 0
    limit = RateLimit(clock)
    for pause in pauses:
        clock.seconds += pause
        with contextlib.suppress(RateLimitError):
            limit.count("key", per_minute)
            admitted += 1
    assert admitted <= per_minute + clock.seconds * per_minute / 60.0 + 1e-6


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"tenant": "Lab 1"}, "tenant"),
        ({"tenant": "../x"}, "tenant"),
        ({"scopes": ["write"]}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"note": "x" * 300}, "note"),
    ],
)
def test_an_impossible_key_is_refused_by_name(wrong: dict[str, Any], named: str) -> None:
    arguments: dict[str, Any] = {"tenant": "a", "scopes": ["read"], "now": NOW}
    with pytest.raises(ConfigurationError, match=named):
        create_key(empty_key_file(), **(arguments | wrong))


def test_an_unknown_id_and_a_doubled_one_are_refused(path: Path) -> None:
    content, _ = create_key(empty_key_file(), tenant="a", scopes=["read"], now=NOW)
    with pytest.raises(ConfigurationError, match="there is no key 'x'"):
        revoke_key(content, "x", now=NOW)
    twice = json.loads(content.model_dump_json())
    twice["keys"] *= 2
    path.write_text(json.dumps(twice))
    with pytest.raises(ConfigurationError, match="two keys have one id"):
        read_key_file(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_key_file(tmp_path / "absent" / "keys.json", empty_key_file())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.8.9.10"])
def test_without_keys_only_this_machine_is_served(host: str) -> None:
    Settings(host=host).require_guarded()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_other_machines_are_served_with_keys_or_knowingly(host: str, path: Path) -> None:
    with pytest.raises(ConfigurationError, match="PETROSERVE_API_KEYS"):
        Settings(host=host).require_guarded()
    Settings(host=host, api_keys=path).require_guarded()
    Settings(host=host, open_access=True).require_guarded()

"""`petroserve keys`: made, listed, revoked; secrets of callbacks."""

from __future__ import annotations

from pathlib import Path

import pytest

import petroserve
from petrography.errors import UnauthenticatedError
from service.access import Guard
from service.webhooks import parse_secret
from tests.admitting import admit

pytestmark = pytest.mark.usefixtures("clean_environment")


def run(*arguments: object) -> int:
    return petroserve.main(["keys", *map(str, arguments)])


def test_from_creation_to_revocation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    assert run("create", "--keys-file", path, "--tenant", "lab", "--expires-days", 30) == 0
    key = capsys.readouterr().out.strip()
    principal = admit(Guard(path), key)
    assert principal.tenant == "lab"
    assert principal.scopes == {"read", "analyse"}

    monkeypatch.setenv("PETROSERVE_API_KEYS", str(path))
    reading = ("--scope", "read", "--requests-per-minute", 5, "--note", "LIMS")
    assert run("create", "--tenant", "mine", *reading) == 0
    capsys.readouterr()
    assert run("list") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{principal.key_id}\tlab\tanalyse,read\t\tgood until ")
    assert second.endswith("mine\tread\t5 a minute\tgood\tLIMS")

    assert run("revoke", principal.key_id) == 0
    with pytest.raises(UnauthenticatedError, match="revoked"):
        admit(Guard(path), key)
    assert run("list") == 0
    assert "revoked at" in capsys.readouterr().out.splitlines()[0]


def test_every_webhook_secret_is_another_and_can_be_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("webhook-secret") == run("webhook-secret") == 0
    secrets = capsys.readouterr().out.splitlines()
    assert all(one.startswith("whsec_") for one in secrets)
    keys = {parse_secret(one) for one in secrets}
    assert [len(key) for key in keys] == [32, 32]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "--tenant", "lab"), "no key file is named"),
        (("create", "--keys-file", "{path}", "--tenant", "A B"), "tenant"),
        (("create", "--keys-file", "{path}", "--tenant", "a", "--scope", "all"), "scopes"),
        (("create", "--keys-file", "{path}", "--tenant", "a", "--expires-days", "nan"), "days"),
        (("revoke", "--keys-file", "{path}", "x"), "cannot be read"),
        (("list", "--keys-file", "{path}"), "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    path = tmp_path / "keys.json"
    assert run(*(one.replace("{path}", str(path)) for one in arguments)) == 2
    assert message in capsys.readouterr().err
    assert not path.exists()

"""Secrets and networks of callbacks: what is wrong stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrography.errors import ConfigurationError
from service.jobs import callback_keys
from service.jobs.callbacks import open_callbacks
from service.settings import Settings
from service.telemetry import Telemetry
from service.webhooks import new_secret, parse_secret


def test_several_secrets_sign_and_none_means_no_callbacks(tmp_path: Path) -> None:
    new, old = new_secret(), new_secret()
    (tmp_path / "secrets").write_text(f"# the new one\n{new}\n\n{old}\n")
    settings = Settings(webhook_secrets_file=tmp_path / "secrets")
    assert callback_keys(settings).of("lab") == (parse_secret(new), parse_secret(old))
    assert not callback_keys(Settings())
    assert open_callbacks(Settings(), Telemetry(None)) is None


def test_a_tenant_may_have_secrets_of_its_own(tmp_path: Path) -> None:
    everybodys, new, old = (new_secret() for _ in range(3))
    (tmp_path / "secrets").write_text(f"lab {new}\n{everybodys}\n  lab\t{old}\n")
    keys = callback_keys(Settings(webhook_secrets_file=tmp_path / "secrets"))
    assert keys.of("lab") == (parse_secret(new), parse_secret(old))
    assert keys.of("mine") == keys.of("") == (parse_secret(everybodys),)
    (tmp_path / "secrets").write_text(f"lab {new}\n")
    only = callback_keys(Settings(webhook_secrets_file=tmp_path / "secrets"))
    assert (only.of("lab"), only.of("mine")) == ((parse_secret(new),), ())


def test_a_line_that_is_no_secret_is_named_and_not_shown(tmp_path: Path) -> None:
    for wrong in ("lab of north whsec_AAAA", "lab whsec_AAAA"):
        (tmp_path / "secrets").write_text(f"{new_secret()}\n{wrong}\n")
        with pytest.raises(ConfigurationError, match="line 2") as refused:
            callback_keys(Settings(webhook_secrets_file=tmp_path / "secrets"))
        assert "AAAA" not in str(refused.value)


@pytest.mark.parametrize("content", ["", "# nothing\n", "whsec_short", "\udcff"])
def test_what_is_no_secret_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigurationError):
        callback_keys(Settings(webhook_secrets_file=path))
    with pytest.raises(ConfigurationError):
        callback_keys(Settings(webhook_secrets_file=tmp_path / "none"))


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="PETROSERVE_WEBHOOK_NETWORKS"):
        callback_keys(Settings(webhook_networks="everywhere"))

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
    assert callback_keys(settings) == [parse_secret(new), parse_secret(old)]
    assert callback_keys(Settings()) == []
    assert open_callbacks(Settings(), Telemetry(None)) is None


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

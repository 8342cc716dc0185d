"""Secrets and networks of callbacks: what is wrong stops the start, and each is signed for its tenant."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from petrography.errors import ConfigurationError
from service.jobs import callback_keys
from service.jobs.callbacks import open_callbacks
from service.settings import Settings
from service.telemetry import Telemetry
from service.webhooks import new_secret, parse_secret
from tests.jobs.kept_job import kept_job
from tests.jobs.one_job import CALLBACK, asked_job, one_job


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


def test_a_callback_is_signed_for_its_tenant_also_where_its_files_are_gone(tmp_path: Path) -> None:
    """An operator may remove them (`petroserve jobs purge`) while the end is still to be told."""
    (tmp_path / "secrets").write_text(f"lab {new_secret()}\n{new_secret()}\n")
    settings = Settings(artefacts_folder=tmp_path, webhook_secrets_file=tmp_path / "secrets")
    callbacks = open_callbacks(settings, Telemetry(None))
    assert callbacks is not None
    with closing(callbacks), one_job(tmp_path / "jobs") as job:
        begun = job.catalogue.begin(replace(asked_job(), owner="lab"))
        stated = {"owner": "lab", "href_root": "/v1/analyses", "callback": CALLBACK}
        job.analysis_id = kept_job(job.files, begun.analysis_id, **stated).analysis_id

        def purged(name: str, call: Any) -> Any:
            if name == "notify":
                job.files.remove(begun.analysis_id)
            return call()

        job.runner._callbacks = callbacks
        job.runner.work(begun.analysis_id, purged)

        (message,) = callbacks._store.about(begun.analysis_id)
        assert (message.owner, message.state) == ("lab", "waiting")

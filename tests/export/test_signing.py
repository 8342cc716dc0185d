from __future__ import annotations

import stat
from pathlib import Path

import pytest

from export.signing import read_secret_key, sign_model, write_key_pair
from petrography.errors import ConfigurationError
from petrography.minisign import new_secret_key, parse_public_key, verify
from tests.command_runs import Run
from tests.tiny_model import write_model


def no_password() -> str:
    pytest.fail("a password was asked for")


@pytest.fixture
def key_pair(tmp_path: Path) -> tuple[Path, Path]:
    return write_key_pair(tmp_path / "keys", password="")


def test_a_new_pair_signs_and_verifies(key_pair: tuple[Path, Path], tmp_path: Path) -> None:
    secret, public = key_pair
    folder = write_model(tmp_path)
    signatures = sign_model(folder, read_secret_key(secret, password=no_password), signed_utc_s=7)
    assert [path.name for path in signatures] == ["model.onnx.minisig", "model.json.minisig"]
    key = parse_public_key(public.read_text(), source="public")
    for path in signatures:
        file = path.with_suffix("")
        comment = verify(file.read_bytes(), path.read_text(), key, source=file.name)
        assert comment == f"timestamp:7\tfile:{file.name}\tmodel:tiny:1\thashed"


def test_only_the_owner_may_read_the_secret_key(key_pair: tuple[Path, Path]) -> None:
    assert stat.S_IMODE(key_pair[0].stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(key_pair: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigurationError, match=r"petroserve\.key exists"):
        write_key_pair(key_pair[0].parent, password="")


def test_a_signed_version_is_not_signed_over(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    sign_model(folder, new_secret_key(), signed_utc_s=0)
    with pytest.raises(ConfigurationError, match=r"model\.onnx\.minisig exists"):
        sign_model(folder, new_secret_key(), signed_utc_s=0)


def test_a_graph_that_is_not_the_cards_is_not_signed(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    graph = folder / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    with pytest.raises(ConfigurationError, match="another SHA-256"):
        sign_model(folder, new_secret_key(), signed_utc_s=0)
    assert not list(folder.glob("*.minisig"))


def test_an_incomplete_folder_is_not_signed(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    (folder / "model.onnx").unlink()
    with pytest.raises(ConfigurationError, match=r"model\.onnx is missing"):
        sign_model(folder, new_secret_key(), signed_utc_s=0)


def test_a_secret_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"secret key .*absent\.key cannot be read"):
        read_secret_key(tmp_path / "absent.key", password=no_password)


def test_the_commands_sign_list_and_verify(run: Run, model_folder: Path, tmp_path: Path) -> None:
    models = ("--models", model_folder)
    status, printed, _ = run("models", "keygen", "--out", tmp_path / "keys", "--no-password")
    assert status == 0
    secret, public = map(Path, printed.split())

    status, printed, _ = run("models", "list", *models)
    assert (status, printed.count("unsigned")) == (0, 1)
    status, _, complaint = run("models", "verify", *models, "--public-key", public)
    assert status == 1
    assert "model.json is not signed" in complaint

    status, printed, _ = run("models", "sign", "tiny:1", "--key", secret, *models)
    assert status == 0
    assert len(printed.splitlines()) == 2
    name = parse_public_key(public.read_text(), source="public").name
    status, printed, _ = run("models", "list", *models)
    assert f"signed by {name}, not verified" in printed
    status, printed, _ = run("models", "verify", *models, "--public-key", public)
    assert (status, printed.count("signature good")) == (0, 1)


@pytest.mark.parametrize("named", ["tiny", "tiny:", "tiny:2", "other:1", "../tiny:1", ":1"])
def test_what_is_signed_is_named_exactly(
    run: Run, model_folder: Path, key_pair: tuple[Path, Path], named: str
) -> None:
    words = ("models", "sign", named, "--key", key_pair[0], "--models", model_folder)
    status, _, complaint = run(*words)
    assert status == 2
    assert "wanted NAME:VERSION" in complaint
    assert not list(model_folder.rglob("*.minisig"))

"""Which version a name means when there are variants of lower precision, and who signed it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.signing import sign_model
from petrography.errors import ConfigurationError, ModelCardError, ModelNotFoundError
from petrography.minisign import SecretKey, new_secret_key, public_key_text
from petrography.model_card import ModelCard, Precision, newest_version
from service.repository import FolderWatch, Repository, open_repository
from service.settings import Settings
from tests.tiny_model import tiny_card, write_model


def derived_from(version: int) -> dict[str, Any]:
    """What the card of a variant says of its float32 version."""
    return {
        "version": version,
        "onnx_sha256": "0" * 64,
        "method": "by hand",
        "data": "none",
        "scores": [
            {
                "classes_given": True,
                "label_agreement": 1.0,
                "mean_iou": 1.0,
                "pixel_accuracy": 1.0,
                "float32_mean_iou": 1.0,
                "float32_pixel_accuracy": 1.0,
            }
        ],
        "least_agreement": 0.98,
        "largest_iou_loss": 0.01,
        "accepted_below_bound": False,
        "onnx_bytes": 1,
        "float32_onnx_bytes": 2,
        "float32_timings": [],
    }


def variant(precision: str, version: int) -> dict[str, Any]:
    return {"precision": precision, "derived_from": derived_from(version)}


def opened(folder: Path, **changes: Any) -> Repository:
    fields = {"models_folder": folder, "provider": "cpu", "threads": 1, **changes}
    return open_repository(Settings.model_validate(fields))


@pytest.fixture
def with_variants(tmp_path: Path) -> Path:
    """tiny:1, tiny:2, int8 of 1 as tiny:3, int8 of 2 as tiny:4, float16 of 1 as tiny:5."""
    write_model(tmp_path, version=1)
    write_model(tmp_path, version=2)
    write_model(tmp_path, version=3, **variant("int8", 1))
    write_model(tmp_path, version=4, **variant("int8", 2))
    write_model(tmp_path, version=5, **variant("float16", 1))
    return tmp_path


def test_a_variant_is_never_the_default_by_itself(with_variants: Path) -> None:
    repository = opened(with_variants)
    assert repository.get(None).card.version == 2
    assert repository.get("tiny").card.version == 2
    defaults = [model.card.version for model in repository if repository.is_default(model)]
    assert defaults == [2]


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_a_pinned_version_is_served_exactly(with_variants: Path, version: int) -> None:
    assert opened(with_variants).get(f"tiny:{version}").card.version == version


def test_the_setting_asks_for_a_precision_of_the_newest_weights(with_variants: Path) -> None:
    assert opened(with_variants, model_precision="int8").get("tiny").card.version == 4


def test_a_precision_that_the_newest_weights_lack_is_refused(with_variants: Path) -> None:
    # float16 is there of version 1 only: old weights must not come back through a setting.
    with pytest.raises(
        ConfigurationError, match=r"'tiny' are not served in float16.*tiny:3 \(int8\)"
    ):
        opened(with_variants, model_precision="float16")


def test_a_pinned_default_goes_before_the_precision(with_variants: Path) -> None:
    repository = opened(with_variants, model_precision="float16", default_model="tiny:5")
    assert repository.get(None).card.version == 5
    with pytest.raises(ModelNotFoundError, match="PETROSERVE_MODEL_PRECISION"):
        repository.get("tiny")


def test_variants_alone_are_no_float32_model(tmp_path: Path) -> None:
    write_model(tmp_path, version=3, **variant("int8", 1))
    with pytest.raises(ConfigurationError, match="are not served in float32"):
        opened(tmp_path)
    assert opened(tmp_path, model_precision="int8").get("tiny").card.version == 3


@pytest.mark.parametrize(
    "fields",
    [{"precision": "int8"}, {"derived_from": derived_from(1)}],
    ids=["variant of nothing", "float32 that derives"],
)
def test_a_card_says_both_or_neither(tmp_path: Path, fields: dict[str, Any]) -> None:
    write_model(tmp_path, **fields)
    with pytest.raises(ModelCardError, match="wanted derived_from for float16 and int8"):
        opened(tmp_path)


PRECISIONS: list[Precision] = ["float32", "float16", "int8"]


@st.composite
def families(draw: st.DrawFn) -> list[ModelCard]:
    """Versions of one model in any order, every variant of some earlier version."""
    cards: list[ModelCard] = []
    for version in range(1, draw(st.integers(1, 7)) + 1):
        precision = draw(st.sampled_from(PRECISIONS)) if version > 1 else "float32"
        changes = (
            {} if precision == "float32" else variant(precision, draw(st.integers(1, version - 1)))
        )
        cards.append(tiny_card(version=version, **changes))
    return draw(st.permutations(cards))


@given(families(), st.sampled_from(PRECISIONS))
def test_the_chosen_version_has_the_newest_weights_in_the_wanted_precision(
    cards: list[ModelCard], precision: Precision
) -> None:
    chosen = newest_version(cards, precision)
    newest = max(card.weights_version for card in cards)
    fitting = [
        card for card in cards if (card.weights_version, card.precision) == (newest, precision)
    ]
    if chosen is None:
        assert not fitting
    else:
        assert chosen in fitting
        assert chosen.version == max(card.version for card in fitting)


@pytest.fixture
def key() -> SecretKey:
    return new_secret_key()


@pytest.fixture
def public_key(key: SecretKey, tmp_path: Path) -> Path:
    path = tmp_path / "petroserve.pub"
    path.write_text(public_key_text(key.public))
    return path


@pytest.fixture
def signed(key: SecretKey, model_folder: Path) -> Path:
    sign_model(model_folder / "tiny" / "1", key, signed_utc_s=0)
    return model_folder


def test_a_signed_model_is_served(signed: Path, public_key: Path) -> None:
    assert opened(signed, models_public_key=public_key).get("tiny").card.version == 1


def test_signatures_are_not_asked_for_without_a_key(model_folder: Path) -> None:
    assert opened(model_folder).get("tiny").card.version == 1


@pytest.mark.parametrize("name", ["model.onnx", "model.json"])
def test_a_missing_signature_stops_the_start(signed: Path, public_key: Path, name: str) -> None:
    (signed / "tiny" / "1" / f"{name}.minisig").unlink()
    with pytest.raises(ModelCardError, match=rf"{name} is not signed: there is no {name}\.minisig"):
        opened(signed, models_public_key=public_key)


def test_a_card_that_was_altered_stops_the_start(signed: Path, public_key: Path) -> None:
    card = signed / "tiny" / "1" / "model.json"
    card.write_text(card.read_text().replace("Nearest colour", "Nearest color"))
    with pytest.raises(ModelCardError, match=r"model\.json does not carry a good signature"):
        opened(signed, models_public_key=public_key)


def test_a_graph_whose_digest_was_forged_on_the_card_stops_the_start(
    signed: Path, public_key: Path, key: SecretKey, tmp_path: Path
) -> None:
    # The forger has a card that was signed, but for another graph of the same name.
    other = write_model(tmp_path / "other", description="another card")
    (other / "model.onnx").write_bytes((other / "model.onnx").read_bytes() + b"")
    sign_model(other, key, signed_utc_s=0)
    for name in ("model.json", "model.json.minisig"):
        (signed / "tiny" / "1" / name).write_bytes((other / name).read_bytes())
    graph = signed / "tiny" / "1" / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\x00")
    with pytest.raises(ModelCardError, match=r"model\.onnx does not carry a good signature"):
        opened(signed, models_public_key=public_key)


def test_a_model_signed_with_another_key_stops_the_start(signed: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pub"
    other.write_text(public_key_text(new_secret_key().public))
    with pytest.raises(ModelCardError, match=r"was signed with key .* wanted key"):
        opened(signed, models_public_key=other)


@pytest.mark.parametrize("content", [None, "no key", b"\xff\xfe"])
def test_a_key_that_cannot_be_used_stops_the_start(
    signed: Path, tmp_path: Path, content: str | bytes | None
) -> None:
    path = tmp_path / "given.pub"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match=r"given\.pub (cannot be read|is no public key)"):
        opened(signed, models_public_key=path)


def test_newer_weights_without_the_wanted_precision_are_not_switched_in(tmp_path: Path) -> None:
    write_model(tmp_path, version=1)
    write_model(tmp_path, version=2, **variant("float16", 1))
    write_model(tmp_path, name="zinc")
    write_model(tmp_path, name="zinc", version=2, **variant("float16", 1))
    fields = {"models_folder": tmp_path, "provider": "cpu", "model_precision": "float16"}
    watch = FolderWatch(Settings.model_validate({**fields, "default_model": "zinc"}))
    assert watch.open().get("tiny").card.version == 2
    write_model(tmp_path, version=3)
    watch.look()

    changes = watch.look()

    assert changes is not None
    assert changes.repository.get("tiny").card.version == 2
    (refused,) = watch.not_served()
    assert "not served in float16" in refused.reason

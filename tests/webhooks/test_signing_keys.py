"""Messages are signed with the secret of their tenant."""

from __future__ import annotations

from pathlib import Path

import pytest

from petrography.errors import WebhookSignatureError
from service.webhooks import (
    AddressGuard,
    DeliveryStore,
    SigningKeys,
    WebhookSender,
    new_secret,
    parse_secret,
    verify,
)
from tests.webhooks.test_sender import HAPPENED, KEYS, World


def test_a_tenant_with_a_secret_of_its_own_gets_messages_signed_with_it_only(
    tmp_path: Path,
) -> None:
    world, store = World(), DeliveryStore(tmp_path / "messages.sqlite")
    everybodys, own = KEYS[0], parse_secret(new_secret())
    sender = WebhookSender(
        store,
        SigningKeys((everybodys,), {"lab": (own,)}),
        guard=AddressGuard(resolve=world.resolve),
        send_over=world.post,
        clock=world.clock,
    )
    for tenant in ("lab", "mine", ""):
        sender.send(
            f"m-{tenant}",
            "https://hooks.example/x",
            "analysis.done",
            {},
            happened=HAPPENED,
            owner=tenant,
        )
    assert world.run(sender, store) == ["delivered"] * 3
    for _, headers, body in world.received:
        right, wrong = (own, everybodys) if headers["webhook-id"] == "m-lab" else (everybodys, own)
        verify(headers, body, [right], now_s=world.now_s)
        with pytest.raises(WebhookSignatureError):
            verify(headers, body, [wrong], now_s=world.now_s)


def test_a_message_of_a_tenant_without_a_secret_is_never_sent(tmp_path: Path) -> None:
    world, store = World(), DeliveryStore(tmp_path / "messages.sqlite")
    sender = WebhookSender(
        store,
        SigningKeys((), {"lab": tuple(KEYS)}),
        guard=AddressGuard(resolve=world.resolve),
        send_over=world.post,
        clock=world.clock,
    )
    sender.send(
        "m", "https://hooks.example/x", "analysis.done", {}, happened=HAPPENED, owner="mine"
    )
    assert world.run(sender, store)[-1] == "dead"
    assert world.received == []
    assert "no secret of its tenant" in store.message("m").error

"""Delivery all the time: side by side, in order, and whatever happens to the store."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from petrography.errors import DatabaseUnavailableError
from service.webhooks import (
    AddressGuard,
    Answer,
    Delivering,
    DeliveryStore,
    Message,
    State,
    Target,
    WebhookSender,
    new_secret,
    parse_secret,
    receiver_of,
)

WITHIN_S = 20.0
HAPPENED = datetime(2026, 11, 20, 21, 4, tzinfo=UTC)
SLOW, QUICK = "https://slow.example/told", "https://quick.example/told"


class Network:
    """Receivers, of which the slow one answers when the test says so."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.begun: list[str] = []
        self.arrived: list[str] = []

    def post(self, target: Target, headers: Mapping[str, str], _body: bytes) -> Answer:
        self.begun.append(headers["webhook-id"])
        if target.host.startswith("slow"):
            assert self.go_on.wait(WITHIN_S)
        self.arrived.append(headers["webhook-id"])
        return Answer(200)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DeliveryStore]:
    held = DeliveryStore(tmp_path / "callbacks.sqlite")
    yield held
    held.close()


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def sender(store: DeliveryStore, network: Network) -> WebhookSender:
    guard = AddressGuard(resolve=lambda _host, _port: ["93.184.216.34"])
    keys = [parse_secret(new_secret())]
    return WebhookSender(store, keys, guard=guard, send_over=network.post)


def send(sender: WebhookSender, message_id: str, url: str, owner: str = "") -> None:
    sender.send(message_id, url, "analysis.done", {}, happened=HAPPENED, owner=owner)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_slow_receiver_holds_up_nobody_and_gets_its_messages_in_order(
    sender: WebhookSender, store: DeliveryStore, network: Network
) -> None:
    for number in range(3):
        send(sender, f"slow{number}", f"{SLOW}?sample={number}")
    for number in range(5):
        send(sender, f"quick{number}", QUICK)
    delivering = Delivering(sender)
    delivering.start()
    until(lambda: len(network.arrived) == 5)
    assert network.arrived == [f"quick{number}" for number in range(5)]
    assert [one for one in network.begun if one.startswith("slow")] == ["slow0"]
    network.go_on.set()
    until(lambda: store.waiting() == 0)
    assert network.arrived[5:] == ["slow0", "slow1", "slow2"]
    delivering.close()


def test_the_end_waits_for_what_is_on_its_way_and_not_for_what_is_due(
    sender: WebhookSender, store: DeliveryStore, network: Network
) -> None:
    for number in range(20):
        send(sender, f"m{number:02}", f"https://slow{number}.example/")
    delivering = Delivering(sender, at_once=8)
    delivering.start()
    until(lambda: len(network.begun) == 4)
    closing = threading.Thread(target=delivering.close)
    closing.start()
    network.go_on.set()
    closing.join(WITHIN_S)
    assert not closing.is_alive()
    assert len(network.arrived) <= 8
    assert store.waiting() == 20 - len(network.arrived)


@pytest.mark.parametrize(
    ("receivers", "hanging"),
    [
        ([f"https://slow{number}.example/" for number in range(24)], 4),
        ([f"https://slow.example:{8000 + number}/" for number in range(24)], 1),
    ],
)
def test_a_tenant_whose_receivers_hang_holds_up_no_other(
    sender: WebhookSender, network: Network, receivers: list[str], hanging: int
) -> None:
    for number, url in enumerate(receivers):
        send(sender, f"a{number}", url, "A")
    delivering = Delivering(sender)
    delivering.start()
    until(lambda: len(network.begun) >= hanging)
    send(sender, "b", QUICK, "B")
    until(lambda: network.arrived == ["b"])
    assert len(network.begun) == hanging + 1
    network.go_on.set()
    delivering.close()


def test_whoever_has_the_fewest_under_way_comes_first(store: DeliveryStore) -> None:
    for number in range(9):
        store.add(f"a{number}", f"https://r{number}.example/", b"", now_s=0.0, owner="A")
    store.add("b", "https://r0.example/", b"", now_s=1.0, owner="B")
    under_way: list[Message] = []
    for free in (8, 7, 6):
        message = store.take_due(now_s=5.0, lease_s=60.0, under_way=under_way, free=free)
        assert message is not None
        under_way.append(message)
    # B's has not waited for so long, and goes where one of A's is under way.
    assert [one.id for one in under_way] == ["a0", "b", "a1"]


def test_one_owner_leaves_places_to_the_next(store: DeliveryStore) -> None:
    under_way: list[Message] = []
    for now_s, owner in enumerate("ABCD"):
        for number in range(9):
            url = f"https://r{number}.example/"
            store.add(f"{owner}{number}", url, b"", now_s=now_s, owner=owner)
        while message := store.take_due(
            now_s=now_s, lease_s=60.0, under_way=under_way, free=8 - len(under_way)
        ):
            under_way.append(message)
    assert "".join(one.owner for one in under_way) == "AAAABBCD"


class TroubledStore(DeliveryStore):
    """A store whose file does not answer for a while."""

    troubles: int = 3

    def take_due(self, **asked: Any) -> Message | None:
        if self.troubles:
            self.troubles -= 1
            raise sqlite3.OperationalError("database or disk is full")
        return super().take_due(**asked)


def test_a_store_that_does_not_answer_is_not_the_end(tmp_path: Path, network: Network) -> None:
    store = TroubledStore(tmp_path / "callbacks.sqlite")
    guard = AddressGuard(resolve=lambda _host, _port: ["93.184.216.34"])
    sender = WebhookSender(store, [parse_secret(new_secret())], guard=guard, send_over=network.post)
    send(sender, "m1", QUICK)
    delivering = Delivering(sender)
    delivering.start()
    until(lambda: network.arrived == ["m1"])
    delivering.close()
    store.close()


def test_a_try_that_breaks_is_not_the_end(store: DeliveryStore, network: Network) -> None:
    broken = ["m1"]

    def post(target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        if headers["webhook-id"] in broken:
            raise ZeroDivisionError
        return network.post(target, headers, body)

    guard = AddressGuard(resolve=lambda _host, _port: ["93.184.216.34"])
    sender = WebhookSender(store, [parse_secret(new_secret())], guard=guard, send_over=post)
    send(sender, "m1", QUICK)
    send(sender, "m2", QUICK)
    delivering = Delivering(sender)
    delivering.start()
    until(lambda: network.arrived == ["m2"])
    delivering.close()
    assert store.message("m1").state == "waiting"


def test_a_change_that_cannot_be_committed_is_undone(
    sender: WebhookSender, store: DeliveryStore
) -> None:
    def refuse_commit(action: int, what: str | None, *_: object) -> int:
        is_commit = action == sqlite3.SQLITE_TRANSACTION and what == "COMMIT"
        return sqlite3.SQLITE_DENY if is_commit else sqlite3.SQLITE_OK

    store._database.set_authorizer(refuse_commit)
    with pytest.raises(DatabaseUnavailableError, match="nothing was changed"):
        send(sender, "m1", QUICK)
    store._database.set_authorizer(None)
    assert store.counts() == {}
    send(sender, "m2", QUICK)
    assert store.counts() == {"waiting": 1}


@pytest.mark.parametrize(
    ("url", "receiver"),
    [
        (QUICK, "quick.example"),
        ("https://LIMS.example:8443?key=s", "lims.example"),
        ("http://[fd00::1]:80/x", "[fd00::1]"),
        ("https://[FD00::1]/x", "[fd00::1]"),
        ("https://a.example#x/y", "a.example"),
    ],
)
def test_addresses_of_one_host_are_one_receiver(url: str, receiver: str) -> None:
    assert receiver_of(url) == receiver


@pytest.mark.parametrize("ended", ["dead", "waiting", "delivered"])
def test_a_redelivery_is_not_lost_by_a_try_that_was_on_its_way(
    store: DeliveryStore, ended: State
) -> None:
    store.add("m", QUICK, b"{}", now_s=0.0)
    message = store.take_due(now_s=0.0, lease_s=60.0)
    assert message is not None
    store.settle(message, state="waiting", next_s=100.0, status=500, error="status 500")
    last = store.take_due(now_s=100.0, lease_s=60.0)
    assert last is not None
    # While the receiver lets it wait.
    store.redeliver("m", now_s=110.0)

    store.settle(last, state=ended, next_s=9000.0, status=500, error="status 500")

    again = store.message("m")
    assert (again.state, again.tries, again.next_s) == ("waiting", 0, 110.0)
    assert store.take_due(now_s=110.0, lease_s=60.0) is not None


def test_what_arrived_after_its_lease_has_arrived(store: DeliveryStore) -> None:
    store.add("m", QUICK, b"{}", now_s=0.0)
    first, second = (store.take_due(now_s=now_s, lease_s=60.0) for now_s in (0.0, 60.0))
    assert first is not None
    assert second is not None
    store.settle(first, state="dead", next_s=70.0, status=500, error="status 500")
    assert store.message("m").state == "waiting"
    store.settle(first, state="delivered", next_s=70.0, status=200, error="")
    store.settle(second, state="dead", next_s=80.0, status=500, error="status 500")
    assert store.message("m").state == "delivered"

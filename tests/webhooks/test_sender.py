"""Webhooks on their way: tried over a day, kept over restarts, given up in the open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from petrography.errors import ConfigurationError, InvalidParameterError, NotFoundError
from service import tracing
from service.webhooks import (
    STANDARD_SCHEDULE,
    AddressGuard,
    Answer,
    Delivery,
    DeliveryStore,
    Schedule,
    Target,
    WebhookSender,
    new_secret,
    parse_secret,
    verify,
)

URL, PUBLIC = "https://hooks.example/petroserve", "93.184.216.34"
KEYS = [parse_secret(new_secret()), parse_secret(new_secret())]
HAPPENED = datetime(2026, 11, 20, 21, 4, tzinfo=UTC)
HOUR_S = 3600.0


class World:
    """A receiver, a resolver and a clock that a test holds in its hand."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0
        self.addresses = [PUBLIC]
        self.answers: Iterator[Answer] = iter(())
        self.received: list[tuple[float, Mapping[str, str], bytes]] = []

    def clock(self) -> float:
        return self.now_s

    def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        assert target.address == PUBLIC
        self.received.append((self.now_s, headers, body))
        return next(self.answers, Answer(200))

    def resolve(self, _host: str, _port: int) -> list[str]:
        if not self.addresses:
            raise OSError("name not known")
        return self.addresses

    def sender(self, store: DeliveryStore, schedule: Schedule = STANDARD_SCHEDULE) -> WebhookSender:
        return WebhookSender(
            store,
            KEYS,
            guard=AddressGuard(resolve=self.resolve),
            schedule=schedule,
            send_over=self.post,
            clock=self.clock,
            chance=lambda: 0.5,
        )

    def run(self, sender: WebhookSender, store: DeliveryStore) -> list[str]:
        """Let time go from try to try until nothing waits."""
        states = []
        while waiting := store.listed({"waiting"}):
            self.now_s = max(self.now_s, min(one.next_s for one in waiting))
            states += [one.state for one in delivered_now(sender)]
        return states


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "webhooks.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[DeliveryStore]:
    held = DeliveryStore(path)
    yield held
    held.close()


def delivered_now(sender: WebhookSender) -> list[Delivery]:
    """Try everything that is due, one after the other."""
    tries = []
    while message := sender.take():
        tries.append(sender.deliver(message))
    return tries


def send(sender: WebhookSender, message_id: str = "a1.done", url: str = URL) -> str:
    data = {"id": "a1", "sample": "=SEC\u00df"}
    return sender.send(message_id, url, "analysis.done", data, happened=HAPPENED).state


def test_a_message_arrives_signed_with_every_key(world: World, store: DeliveryStore) -> None:
    sender = world.sender(store)
    assert send(sender) == "waiting"
    (done,) = delivered_now(sender)
    assert (done.state, done.status, done.error) == ("delivered", 200, "")
    ((_, headers, body),) = world.received
    for key in KEYS:
        assert verify(headers, body, [key], now_s=world.now_s) == "a1.done"
    assert body.decode() == (
        '{"type":"analysis.done","timestamp":"2026-11-20T21:04:00.000Z",'
        '"data":{"id":"a1","sample":"=SECß"}}'
    )
    assert headers["content-type"] == "application/json"
    assert delivered_now(sender) == []


def test_the_same_event_is_sent_once(world: World, store: DeliveryStore) -> None:
    sender = world.sender(store)
    send(sender)
    world.now_s += 50.0
    send(sender)
    delivered_now(sender)
    assert send(sender) == "delivered"
    assert delivered_now(sender) == []
    assert len(world.received) == 1
    with pytest.raises(InvalidParameterError, match="another address or body"):
        sender.send("a1.done", URL, "analysis.failed", {}, happened=HAPPENED)


def test_a_receiver_that_is_down_is_tried_for_a_day(world: World, store: DeliveryStore) -> None:
    sender, down = world.sender(store), Answer(None, error="ConnectError: refused")
    world.answers = iter([down] * 100)
    send(sender)
    states = world.run(sender, store)
    assert states == ["waiting"] * 7 + ["dead"]
    times_s = [moment for moment, _, _ in world.received]
    assert times_s[-1] - times_s[0] >= 24 * HOUR_S
    assert times_s[1] - times_s[0] == 5.0 * 1.05
    assert len({body for _, _, body in world.received}) == 1
    for moment, headers, body in world.received:
        verify(headers, body, KEYS, now_s=moment)
    (letter,) = store.listed(("dead",))
    assert (letter.tries, letter.error) == (8, "ConnectError: refused")


def test_a_dead_letter_is_delivered_again_on_demand(world: World, store: DeliveryStore) -> None:
    sender = world.sender(store, Schedule(()))
    world.answers = iter([Answer(500)])
    send(sender)
    assert world.run(sender, store) == ["dead"]
    assert store.message("a1.done").error == "status 500"
    sender.redeliver("a1.done")
    assert world.run(sender, store) == ["delivered"]
    assert store.listed(("dead",)) == ()
    assert world.received[0][1]["webhook-id"] == world.received[1][1]["webhook-id"]
    with pytest.raises(NotFoundError):
        sender.redeliver("nothing")


def test_a_receiver_that_is_gone_is_closed_until_redelivery(
    world: World, store: DeliveryStore
) -> None:
    sender = world.sender(store)
    world.answers = iter([Answer(410)])
    send(sender, "m1")
    send(sender, "m2")
    assert [one.state for one in delivered_now(sender)] == ["dead"]
    assert send(sender, "m3") == "dead"
    assert send(sender, "m4", "https://other.example/") == "waiting"
    assert {one.id for one in store.listed(("dead",))} == {"m1", "m2", "m3"}
    assert "gone" in store.message("m3").error
    sender.redeliver("m3")
    assert send(sender, "m5") == "waiting"
    assert world.run(sender, store) == ["delivered"] * 3


def test_a_wish_to_wait_is_obeyed_within_bounds(world: World, store: DeliveryStore) -> None:
    sender, started_s = world.sender(store), world.now_s
    world.answers = iter([Answer(429, retry_after_s=600.0), Answer(503, retry_after_s=1e9)])
    send(sender)
    world.run(sender, store)
    times_s = [moment - started_s for moment, _, _ in world.received]
    assert times_s == [0.0, 600.0, 600.0 + 12 * HOUR_S]


@pytest.mark.parametrize("status", [301, 302, 400, 404, 500])
def test_everything_but_success_is_tried_again(
    world: World, store: DeliveryStore, status: int
) -> None:
    world.answers = iter([Answer(status)])
    sender = world.sender(store)
    send(sender)
    assert world.run(sender, store) == ["waiting", "delivered"]


def test_a_name_that_turns_inward_gets_nothing(world: World, store: DeliveryStore) -> None:
    sender = world.sender(store)
    send(sender)
    world.addresses = ["169.254.169.254"]
    (done,) = delivered_now(sender)
    assert (done.state, done.status) == ("waiting", None)
    assert "lies inside" in done.error
    assert world.received == []
    with pytest.raises(InvalidParameterError, match="lies inside"):
        send(sender, "m2")
    assert store.waiting() == 1


def test_a_name_that_is_not_found_now_is_tried_later(world: World, store: DeliveryStore) -> None:
    world.addresses = []
    sender = world.sender(store)
    send(sender)
    assert delivered_now(sender)[0].error == "name not known"
    world.addresses = [PUBLIC]
    assert world.run(sender, store) == ["delivered"]


def test_what_a_killed_process_had_taken_comes_back(world: World, path: Path) -> None:
    first = DeliveryStore(path)
    sender = world.sender(first)
    send(sender, "m1")
    send(sender, "m2")

    def die(target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        raise KeyboardInterrupt

    killed = WebhookSender(
        first, KEYS, guard=AddressGuard(resolve=world.resolve), send_over=die, clock=world.clock
    )
    with pytest.raises(KeyboardInterrupt):
        delivered_now(killed)
    first.close()
    second = DeliveryStore(path)
    following = world.sender(second)
    assert [one.message_id for one in delivered_now(following)] == ["m2"]
    assert world.run(following, second) == ["delivered"]
    assert second.waiting() == 0
    second.close()


def test_two_processes_do_not_send_the_same(world: World, path: Path) -> None:
    one, other = DeliveryStore(path), DeliveryStore(path)
    for number in range(30):
        send(world.sender(one), f"m{number}")
    taken = []
    while True:
        pair = [held.take_due(now_s=world.now_s, lease_s=60.0) for held in (one, other)]
        if not any(pair):
            break
        taken += [message.id for message in pair if message]
    assert sorted(taken) == sorted(f"m{number}" for number in range(30))
    one.close()
    other.close()


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from([None, 200, 204, 302, 404, 410, 429, 500]), max_size=12))
def test_every_message_ends_delivered_or_dead(tmp_path: Path, statuses: list[int | None]) -> None:
    world, held = World(), DeliveryStore(tmp_path / new_secret().replace("/", "_"))
    world.answers = (Answer(status, error="" if status else "lost") for status in statuses)
    sender = world.sender(held)
    send(sender)
    states = world.run(sender, held)
    final = held.message("a1.done")
    assert final.state == states[-1] in {"delivered", "dead"}
    assert final.tries == len(states) == len(world.received) <= 8
    good = [status for status in statuses if status in {200, 204, 410}]
    if good and statuses.index(good[0]) < 8:
        assert final.state == ("dead" if good[0] == 410 else "delivered")
    held.close()


def test_delivered_messages_are_forgotten_dead_ones_kept(
    world: World, store: DeliveryStore
) -> None:
    sender = world.sender(store, Schedule(()))
    world.answers = iter([Answer(200), Answer(500)])
    send(sender, "m1")
    send(sender, "m2")
    world.run(sender, store)
    assert store.forget(before_s=world.now_s) == 0
    assert store.forget(before_s=world.now_s + 1.0) == 1
    assert [one.id for one in store.listed(("dead",))] == ["m2"]
    with pytest.raises(NotFoundError):
        store.message("m1")


@pytest.mark.parametrize("message_id", ["", "m\r\nx: y", "m\u00e4", "m\x00"])
def test_an_id_that_is_no_header_is_refused(
    world: World, store: DeliveryStore, message_id: str
) -> None:
    with pytest.raises(InvalidParameterError, match="no id of a message"):
        send(world.sender(store), message_id)


def test_ids_and_addresses_are_data_for_the_database(world: World, store: DeliveryStore) -> None:
    sender = world.sender(store)
    send(sender, "'); DROP TABLE message; --", "https://hooks.example/'--")
    assert world.run(sender, store) == ["delivered"]


def test_without_a_key_nothing_is_sent(world: World, store: DeliveryStore) -> None:
    with pytest.raises(ConfigurationError, match="no secret"):
        WebhookSender(store, [])


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    foreign, later = tmp_path / "foreign", tmp_path / "later"
    foreign.write_bytes(b"no database" * 100)
    with sqlite3.connect(later) as database:
        database.execute("PRAGMA user_version = 4")
    database.close()
    with pytest.raises(ConfigurationError, match="cannot be used"):
        DeliveryStore(foreign)
    with pytest.raises(ConfigurationError, match="is of version 4"):
        DeliveryStore(later)


def test_a_webhook_goes_on_with_the_trace_of_what_it_tells_of(
    world: World, store: DeliveryStore
) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    tries: list[tuple[str, float]] = []
    sender = WebhookSender(
        store,
        KEYS,
        guard=AddressGuard(resolve=world.resolve),
        send_over=world.post,
        clock=world.clock,
        observe=lambda state, seconds: tries.append((state, seconds)),
    )
    world.answers = iter([Answer(503)])
    with tracing.continued(traceparent, "job"):
        send(sender)
    assert world.run(sender, store) == ["waiting", "delivered"]
    # Sent long after the work has ended, and both times.
    assert [headers["traceparent"] for _, headers, _ in world.received] == [traceparent] * 2
    assert [state for state, _ in tries] == ["waiting", "delivered"]
    assert all(seconds >= 0 for _, seconds in tries)
    assert store.counts() == {"delivered": 1}


def test_a_store_of_the_first_version_is_brought_up_to_date(world: World, path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.executescript(
            "CREATE TABLE message (id TEXT PRIMARY KEY, url TEXT NOT NULL, body BLOB NOT NULL, "
            "created_s REAL NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL, "
            "next_s REAL NOT NULL, status INTEGER, error TEXT NOT NULL) STRICT;"
            f"INSERT INTO message VALUES ('old', '{URL}', x'7b7d', 0, 'waiting', 0, 0, NULL, '');"
            "PRAGMA user_version = 1;"
        )
    database.close()
    for _ in range(2):
        store = DeliveryStore(path)
        assert store.message("old").traceparent == ""
        store.close()
    store = DeliveryStore(path)
    assert world.run(world.sender(store), store) == ["delivered"]
    store.close()


def test_a_receiver_that_is_gone_for_one_tenant_is_open_for_others(
    world: World, store: DeliveryStore
) -> None:
    sender = world.sender(store)
    world.answers = iter([Answer(410)])

    def send_for(owner: str, message_id: str) -> str:
        kept = sender.send(message_id, URL, "analysis.done", {}, happened=HAPPENED, owner=owner)
        return kept.state

    send_for("lab", "m1")
    delivered_now(sender)
    closed_s = world.now_s
    world.now_s += 60.0
    assert (store.closed_s(URL, "lab"), store.closed_s(URL, "mine")) == (closed_s, None)
    assert (send_for("lab", "m2"), send_for("mine", "m3")) == ("dead", "waiting")
    sender.redeliver("m1")
    assert store.closed_s(URL, "lab") is None
    assert world.run(sender, store) == ["delivered"] * 2


def test_a_store_of_the_second_version_is_brought_up_to_date(world: World, path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.executescript(
            "CREATE TABLE message (id TEXT PRIMARY KEY, url TEXT NOT NULL, body BLOB NOT NULL, "
            "created_s REAL NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL, "
            "next_s REAL NOT NULL, status INTEGER, error TEXT NOT NULL, "
            "traceparent TEXT NOT NULL DEFAULT '') STRICT;"
            "CREATE TABLE closed (url TEXT PRIMARY KEY, closed_s REAL NOT NULL) STRICT;"
            f"INSERT INTO message VALUES ('old', '{URL}', x'7b7d', 0, 'dead', 1, 0, 410, '', '');"
            f"INSERT INTO closed VALUES ('{URL}', 0);"
            "PRAGMA user_version = 2;"
        )
    database.close()
    store = DeliveryStore(path)
    assert store.closed_s(URL, "") is None
    sender = world.sender(store)
    sender.redeliver("old")
    assert world.run(sender, store) == ["delivered"]
    store.close()

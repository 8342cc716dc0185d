"""`petroserve jobs callbacks` and `redeliver` beside a service."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.jobs.redelivery import callbacks_file
from service.settings import Settings
from service.webhooks import (
    AddressGuard,
    Answer,
    DeliveryStore,
    Schedule,
    WebhookSender,
    new_secret,
    parse_secret,
)
from tests.command_runs import Run

pytestmark = pytest.mark.usefixtures("clean_environment")

URL = "https://lims.example/told?key=secret"


def store_with_dead_letters(folder: Path, *ids: str) -> DeliveryStore:
    store = DeliveryStore(callbacks_file(Settings(artefacts_folder=folder)))
    sender = WebhookSender(
        store,
        [parse_secret(new_secret())],
        guard=AddressGuard(resolve=lambda _host, _port: ["93.184.216.34"]),
        schedule=Schedule(()),
        send_over=lambda *_: Answer(503),
    )
    for message_id in ids:
        sender.send(message_id, URL, "analysis.done", {}, happened=datetime.now(UTC))
        message = sender.take()
        assert message is not None
        sender.deliver(message)
    return store


def test_dead_letters_are_listed_and_sent_again(run: Run, tmp_path: Path) -> None:
    beside = ("--artefacts", tmp_path)
    status, _, complaint = run("jobs", "callbacks", *beside)
    assert (status, "there are no callbacks" in complaint) == (2, True)

    store = store_with_dead_letters(tmp_path, "a.done.1", "b.failed.2", "ab.done.3")
    status, listed, _ = run("jobs", "callbacks", "--dead", *beside)
    assert status == 0
    lines = {line.split("\t")[0]: line.split("\t")[1:] for line in listed.splitlines()}
    assert set(lines) == {"a.done.1", "b.failed.2", "ab.done.3"}
    state, _, *told = lines["a.done.1"]
    assert (state, told) == ("dead", ["1", "https://lims.example/told", "status 503"])

    assert run("jobs", "redeliver", "a", *beside)[:2] == (0, "a.done.1\n")
    assert run("jobs", "redeliver", "b.failed.2", *beside)[:2] == (0, "b.failed.2\n")
    _, listed, _ = run("jobs", "callbacks", "--json", *beside)
    states = {one["id"]: one["state"] for one in map(json.loads, listed.splitlines())}
    assert states == {"a.done.1": "waiting", "b.failed.2": "waiting", "ab.done.3": "dead"}
    assert run("jobs", "redeliver", "--dead", *beside)[:2] == (0, "ab.done.3\n")
    assert run("jobs", "redeliver", "--dead", *beside)[:2] == (0, "")
    status, _, complaint = run("jobs", "redeliver", "nothing", *beside)
    assert (status, "no callback of 'nothing' is kept" in complaint) == (2, True)
    assert store.counts() == {"waiting": 3}
    store.close()

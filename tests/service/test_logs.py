"""The log: one event a line, where it belongs, and no secret in it."""

from __future__ import annotations

import io
import json
import logging
import string
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import tracing
from service.logs import JsonLines, TextLines, bound, redacted
from service.webhooks import new_secret
from tests.http_service import png
from tests.tiny_model import paint

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "Zm9yLW5vYm9keTpldmVyLWV2ZXI"
PLANTED = [
    f"Authorization: Bearer {SECRET}",
    f"Authorization: Basic {SECRET}==",
    f"{{'authorization': 'Bearer {SECRET}', 'accept': '*/*'}}",
    f"headers (b'authorization', b'Bearer {SECRET}')",
    f"proxy-authorization={SECRET}",
    f"Cookie: __ac={SECRET}; other={SECRET}",
    f"set-cookie: session={SECRET}; HttpOnly",
    f'X-API-Key: "{SECRET}"',
    f"key ps_0123abcd_{SECRET} was sent",
    f"signed with whsec_{SECRET}",
    f"webhook-signature: v1,{SECRET}",
    f"v1,{SECRET}=",
    f"PUT https://bucket.example/a.png?X-Amz-Credential={SECRET}&X-Amz-Signature={SECRET}",
    f"GET https://account.example/a?sv=1&sig={SECRET}&se=2027",
    f"postgresql://petroserve:{SECRET}@db/petroserve is gone",
    f"https://lims.example/login?__ac_name=lab&__ac_password={SECRET}",
    f'{{"password": "{SECRET}"}}',
    f"PETROSERVE_LIMS_PASSWORD={SECRET}",
    f"aws_secret_access_key = {SECRET}",
]


class Alone(logging.Logger):
    """A logger that no other one knows."""


class Log:
    """A logger whose lines a test reads."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = io.StringIO()
        self.logger = Alone("petroserve.test")
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(formatter)
        self.logger.addHandler(handler)

    def lines(self) -> list[str]:
        return self.stream.getvalue().removesuffix("\n").split("\n")

    def event(self) -> dict[str, Any]:
        (line,) = self.lines()
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture
def as_json() -> Log:
    return Log(JsonLines())


@pytest.fixture
def as_text() -> Log:
    return Log(TextLines())


@pytest.mark.parametrize("planted", PLANTED)
def test_no_planted_secret_is_written(as_json: Log, as_text: Log, planted: str) -> None:
    for log in (as_json, as_text):
        with bound(request_id=planted):
            log.logger.info("%s", planted)
        log.logger.error("failed", exc_info=RuntimeError(planted))
        assert "[hidden]" in log.stream.getvalue()
        assert SECRET not in log.stream.getvalue()


def test_a_new_webhook_secret_is_hidden() -> None:
    secret = new_secret()
    assert redacted(f"use {secret} now") == "use whsec_[hidden] now"


def test_what_is_no_secret_stays() -> None:
    said = (
        "GET '/v1/analyses/0af76519/labels.png' 200 0.003 s laboratory-1/0123abcd: "
        "tiny:1 is warm on cpu; keys of tenant laboratory-1; the key 0123abcd may read"
    )
    assert redacted(said) == said


@given(st.text(), st.text())
def test_whatever_is_logged_is_one_json_line(message: str, tenant: str) -> None:
    log = Log(JsonLines())
    with bound(tenant=tenant):
        log.logger.info("%s", message)
    assert log.event()["level"] == "INFO"
    assert log.stream.getvalue().isascii()


@given(st.text())
def test_text_has_one_line_whatever_a_client_sends(message: str) -> None:
    log = Log(TextLines())
    with bound(tenant=message):
        log.logger.info("%s", message)
    assert len(log.stream.getvalue().splitlines()) == 1


def test_a_message_cannot_forge_a_line_nor_colour_a_terminal(as_text: Log) -> None:
    forged = "x\n2026-11-21T00:00:00.000Z [INFO] petroserve.http: forged\x1b[31m\u202e"
    as_text.logger.error("%s", forged, exc_info=ValueError(forged))
    first, *traceback = as_text.lines()
    assert "x\\n2026-11-21" in first
    assert "\x1b" not in as_text.stream.getvalue()
    assert "\u202e" not in as_text.stream.getvalue()
    assert traceback
    assert all(line.startswith("    ") for line in traceback)


def test_a_line_says_where_it_belongs(as_json: Log, as_text: Log) -> None:
    with (
        tracing.continued(TRACEPARENT, "request"),
        bound(request_id="r-1", tenant="laboratory-1"),
        bound(analysis_id="a-1", model=""),
    ):
        as_json.logger.info("half done", extra={"status": 201, "duration_s": 0.25, "other": "x"})
        as_text.logger.info("half done")
    event = as_json.event()
    assert event["time"].endswith("Z")
    assert event["process"] > 0
    del event["time"], event["process"]
    assert event == {
        "level": "INFO",
        "logger": "petroserve.test",
        "message": "half done",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
        "request_id": "r-1",
        "tenant": "laboratory-1",
        "analysis_id": "a-1",
        "status": 201,
        "duration_s": 0.25,
    }
    (line,) = as_text.lines()
    assert line.endswith(
        "[INFO] petroserve.test: half done (trace_id=0af7651916cd43dd8448eb211c80319c "
        "request_id=r-1 tenant=laboratory-1 analysis_id=a-1)"
    )


def test_a_request_that_is_its_own_trace_is_named_once(as_text: Log) -> None:
    with tracing.continued(None, "request") as span, bound(request_id=span.place.trace_id):
        as_text.logger.info("done")
    assert as_text.stream.getvalue().endswith(f": done (trace_id={span.place.trace_id})\n")


@pytest.fixture
def service_log(as_json: Log) -> Iterator[Log]:
    """What the service of this process writes."""
    logger = logging.getLogger("petroserve")
    (handler,) = as_json.logger.handlers
    logger.addHandler(handler)
    yield as_json
    logger.removeHandler(handler)


def request_events(log: Log) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in log.lines()]
    return [event for event in events if event["logger"] == "petroserve.http"]


@pytest.mark.anyio
async def test_a_request_is_one_event_with_its_fields(
    client: httpx.AsyncClient, service_log: Log
) -> None:
    answer = await client.get(
        "/v1/analyses/nothing?token=" + SECRET,
        headers={
            "traceparent": TRACEPARENT,
            "X-Request-Id": "lims-77",
            "Authorization": f"Bearer {SECRET}",
            "Cookie": f"__ac={SECRET}",
        },
    )
    assert answer.headers["x-request-id"] == "lims-77"
    (event,) = request_events(service_log)
    assert event["route"] == "/v1/analyses/{result_id}"
    assert (event["method"], event["status"], event["analysis_id"]) == ("GET", 422, "nothing")
    assert event["duration_s"] > 0
    assert event["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert event["request_id"] == "lims-77"
    assert SECRET not in service_log.stream.getvalue() + answer.text


@pytest.mark.anyio
@pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "a\tb", "<script>", "ü"])
async def test_a_strange_request_id_is_not_repeated(client: httpx.AsyncClient, sent: str) -> None:
    answer = await client.get("/livez", headers={"X-Request-Id": sent.encode()})
    given_id = answer.headers["x-request-id"]
    assert len(given_id) == 32
    assert set(given_id) <= set(string.hexdigits)


@pytest.mark.anyio
async def test_an_internal_error_is_found_by_what_its_client_was_told(
    http_service: tuple[httpx.AsyncClient, Any],
    service_log: Log,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, engine = http_service

    def broken(*_: object) -> None:
        raise RuntimeError(f"password={SECRET}")

    monkeypatch.setattr(engine.store, "open", broken)
    answer = await client.get("/v1/panoramas/x", headers={"traceparent": TRACEPARENT})
    assert answer.status_code == 500
    assert answer.json()["instance"] == "urn:uuid:0af76519-16cd-43dd-8448-eb211c80319c"
    assert answer.headers["x-request-id"] == "0af7651916cd43dd8448eb211c80319c"
    failed, request = request_events(service_log)
    assert answer.json()["instance"] in failed["message"]
    assert "RuntimeError: password=[hidden]" in failed["exception"]
    assert failed["trace_id"] == request["trace_id"]
    assert request["status"] == 500


@pytest.mark.anyio
async def test_an_analysis_is_named_by_its_request(
    client: httpx.AsyncClient, service_log: Log
) -> None:
    field = png(paint(np.zeros((8, 8), dtype=np.intp)))
    answer = await client.post("/v1/analyses", files={"image": ("f.png", field)})
    (event,) = request_events(service_log)
    assert event["analysis_id"] == answer.json()["id"]
    assert event["route"] == "/v1/analyses"

"""Signatures of Standard Webhooks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import ConfigurationError, WebhookSignatureError
from service.webhooks import new_secret, parse_secret, signed_headers, verify

NOW_S = 1_614_265_330
KEY, OTHER = parse_secret(new_secret()), parse_secret(new_secret())
BODY = b'{"type": "analysis.done"}'


def test_the_example_of_the_specification() -> None:
    key = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", NOW_S, b'{"test": 2432232314}', [key])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 2**40), st.uuids().map(str))
def test_what_was_signed_is_verified(body: bytes, timestamp_s: int, message_id: str) -> None:
    headers = signed_headers(message_id, timestamp_s, body, [KEY])
    assert verify(headers, body, [KEY], now_s=timestamp_s) == message_id


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=60), st.data())
def test_a_changed_byte_is_noticed(body: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(body) - 1))
    changed = bytearray(body)
    changed[place] ^= data.draw(st.integers(1, 255))
    headers = signed_headers("m1", NOW_S, body, [KEY])
    with pytest.raises(WebhookSignatureError, match="no signature"):
        verify(headers, bytes(changed), [KEY], now_s=NOW_S)


@pytest.mark.parametrize(("signers", "readers"), [((KEY, OTHER), (OTHER,)), ((KEY,), (OTHER, KEY))])
def test_during_a_rotation_either_key_will_do(
    signers: tuple[bytes, ...], readers: tuple[bytes, ...]
) -> None:
    headers = signed_headers("m1", NOW_S, BODY, signers)
    assert len(headers["webhook-signature"].split()) == len(signers)
    assert verify(headers, BODY, readers, now_s=NOW_S) == "m1"
    with pytest.raises(WebhookSignatureError):
        verify(headers, BODY, [parse_secret(new_secret())], now_s=NOW_S)


@pytest.mark.parametrize(
    ("changes", "now_s", "said"),
    [
        ({"webhook-id": "m2"}, NOW_S, "no signature"),
        ({"webhook-id": ""}, NOW_S, "webhook-id is missing"),
        ({"webhook-timestamp": str(NOW_S + 1)}, NOW_S, "no signature"),
        ({"webhook-timestamp": "soon"}, NOW_S, "wanted seconds"),
        ({"webhook-timestamp": "-5"}, NOW_S, "wanted seconds"),
        ({"webhook-timestamp": "9" * 400}, NOW_S, "wanted seconds"),
        ({"webhook-timestamp": "¹²"}, NOW_S, "wanted seconds"),
        ({}, NOW_S + 301, "is 301 s old"),
        ({}, NOW_S - 301, "is -301 s old"),
        ({"webhook-signature": "v1a,abc v2"}, NOW_S, "no signature"),
        ({"webhook-signature": "v1,"}, NOW_S, "no signature"),
        ({"webhook-signature": "v1,é"}, NOW_S, "no signature"),
    ],
)
def test_tampered_and_replayed_messages_are_refused(
    changes: dict[str, str], now_s: float, said: str
) -> None:
    headers = signed_headers("m1", NOW_S, BODY, [KEY]) | changes
    with pytest.raises(WebhookSignatureError, match=said):
        verify(headers, BODY, [KEY], now_s=now_s)


def test_parts_of_two_messages_make_no_third() -> None:
    first = signed_headers("m1", NOW_S, BODY, [KEY])
    second = signed_headers("m2", NOW_S + 1, b"{}", [KEY])
    for name in first:
        for headers, body in ((first | {name: second[name]}, BODY), (first, b"{}")):
            with pytest.raises(WebhookSignatureError, match="no signature"):
                verify(headers, body, [KEY], now_s=NOW_S)


@pytest.mark.parametrize("late_s", [-300, 0, 300])
def test_a_replay_in_time_is_known_by_its_id(late_s: int) -> None:
    headers = signed_headers("m1", NOW_S, BODY, [KEY])
    assert verify(headers, BODY, [KEY], now_s=NOW_S + late_s) == "m1"
    with pytest.raises(WebhookSignatureError, match="wanted at most 10 s"):
        verify(headers, BODY, [KEY], now_s=NOW_S + 11, tolerance_s=10)


def test_the_case_of_headers_does_not_matter() -> None:
    headers = {
        name.title(): value for name, value in signed_headers("m1", NOW_S, BODY, [KEY]).items()
    }
    assert verify(headers, BODY, [KEY], now_s=NOW_S) == "m1"


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_AAAA", "whsec_no base64!", "whsec_é"])
def test_a_weak_secret_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigurationError, match="bytes of base64") as refused:
        parse_secret(text)
    assert "no base64!" not in str(refused.value)

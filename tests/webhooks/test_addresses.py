"""Where webhooks may go, and that the connection goes to the address that was judged."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import InvalidParameterError
from service.webhooks import AddressGuard, Target, networks, post

PUBLIC = "93.184.216.34"
INWARD = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "fec0::1",
    "3fff::1",
    "3fff:fff::1",
    "5f00::1",
]


def guard(*addresses: str, allowed: str = "") -> AddressGuard:
    return AddressGuard(networks(allowed), resolve=lambda _host, _port: list(addresses))


@pytest.mark.parametrize("address", INWARD)
def test_an_address_inside_is_refused(address: str) -> None:
    with pytest.raises(InvalidParameterError, match="lies inside"):
        guard(address).judge("https://hooks.example/x")
    with pytest.raises(InvalidParameterError, match="lies inside"):
        guard(PUBLIC, address).judge("https://hooks.example/x")


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700:4700::1111"])
def test_a_public_address_is_allowed(address: str) -> None:
    target = guard(address).judge("https://hooks.example/x?a=b#c")
    assert target == Target(
        "https://hooks.example/x?a=b", "https", "hooks.example", address, 443, "/x?a=b"
    )


def test_an_allowed_network_is_open_and_may_be_in_the_clear() -> None:
    inside = guard("10.1.2.3", allowed="10.1.0.0/16, fd00::/8")
    assert inside.judge("http://lims.local:8080/in").address == "10.1.2.3"
    with pytest.raises(InvalidParameterError, match="in the clear; wanted https"):
        guard(PUBLIC, allowed="10.0.0.0/8").judge("http://hooks.example/x")
    with pytest.raises(InvalidParameterError, match="lies inside"):
        guard("10.1.2.3", allowed="10.2.0.0/16").judge("https://hooks.example/x")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "//hooks.example/x",
        "ftp://hooks.example/x",
        "file:///etc/passwd",
        "gopher://hooks.example/x",
        "https:///x",
        "https://user@hooks.example/x",
        "https://user:secret@hooks.example/x",
        "https://hooks.example:99999/x",
        "https://hooks.example:x/",
        "https://[::1/x",
        "https://hooks.example/\r\nHost: evil",
        "https://hooks.example/a b",
        "https://hooks.example\\@evil/",
        "https://hooks.ex\u00e4mple/x",
        "https://" + "a" * 70 + ".example/",
        "https://hooks.example/" + "a" * 3000,
    ],
)
def test_what_is_no_address_of_a_webhook_is_refused(url: str) -> None:
    with pytest.raises(InvalidParameterError) as refused:
        guard(PUBLIC).judge(url)
    assert "secret" not in str(refused.value)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_judged_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://hooks.example/{text}"):
        try:
            target = guard(PUBLIC).judge(url)
        except InvalidParameterError:
            continue
        assert target.address == PUBLIC
        assert target.host


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "[::1]", "localhost"])
def test_other_spellings_of_this_machine_are_refused(host: str) -> None:
    # By the real resolver, which reads these as 127.0.0.1 or not at all.
    with pytest.raises((InvalidParameterError, OSError)):
        AddressGuard().judge(f"https://{host}/x")


def test_networks_that_are_none_are_refused() -> None:
    assert networks("") == ()
    with pytest.raises(InvalidParameterError, match="are no networks"):
        networks("10.0.0.0/8,lab")


class Recorded(httpx.AsyncBaseTransport):
    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer


@pytest.mark.parametrize(
    ("url", "address", "connects_to", "host"),
    [
        ("https://hooks.example/x?y=1", PUBLIC, f"https://{PUBLIC}/x?y=1", "hooks.example"),
        ("https://hooks.example:8443", PUBLIC, f"https://{PUBLIC}:8443/", "hooks.example:8443"),
        ("https://[2606:4700::1]/a", "2606:4700::1", "https://[2606:4700::1]/a", "[2606:4700::1]"),
    ],
)
def test_the_connection_goes_to_the_judged_address_under_its_name(
    url: str, address: str, connects_to: str, host: str
) -> None:
    transport = Recorded(httpx.Response(204))
    target = guard(address).judge(url)
    assert post(target, {"webhook-id": "m"}, b"{}", transport=transport).status == 204
    (request,) = transport.requests
    assert str(request.url) == connects_to
    assert request.headers["host"] == host
    assert request.extensions["sni_hostname"] == target.host


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    transport = Recorded(httpx.Response(302, headers={"location": "http://127.0.0.1/"}))
    assert (
        post(guard(PUBLIC).judge("https://a.example/"), {}, b"", transport=transport).status == 302
    )
    assert len(transport.requests) == 1


@pytest.mark.parametrize(("text", "seconds"), [("120", 120.0), ("soon", None), ("-1", None)])
def test_a_wish_to_wait_is_read(text: str, seconds: float | None) -> None:
    transport = Recorded(httpx.Response(503, headers={"retry-after": text}))
    answer = post(guard(PUBLIC).judge("https://a.example/"), {}, b"", transport=transport)
    assert answer.retry_after_s == seconds


@pytest.mark.parametrize(
    ("until", "now", "seconds"),
    [
        ("Fri, 20 Nov 2026 21:04:10 GMT", "Fri, 20 Nov 2026 21:02:00 GMT", 130.0),
        ("Friday, 20-Nov-26 21:04:10 GMT", "Fri, 20 Nov 2026 21:02:00 GMT", 130.0),
        ("Fri, 20 Nov 2026 21:04:10 GMT", "Fri, 20 Nov 2026 22:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2099 21:04:10 GMT", "yesterday", 9e9),
        ("Fri, 99 Nov 2026 21:04:10 GMT", "Fri, 20 Nov 2026 21:02:00 GMT", None),
        ("Fri, 20 Nov 99999999999 21:04:10 GMT", "", None),
        ("9999999999", "", None),
    ],
)
def test_a_date_until_which_to_wait_is_read(until: str, now: str, seconds: float | None) -> None:
    transport = Recorded(httpx.Response(503, headers={"retry-after": until, "date": now}))
    answer = post(guard(PUBLIC).judge("https://a.example/"), {}, b"", transport=transport)
    if seconds == 9e9:
        assert answer.retry_after_s is not None
        assert answer.retry_after_s > 365 * 86400.0
    else:
        assert answer.retry_after_s == seconds


@contextmanager
def line(say: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A listener that reads one request, says something, and keeps the line open."""
    heard: list[bytes] = []
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(say)
                over.wait(30.0)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], heard
        finally:
            over.set()
            thread.join()


def local(port: int) -> Target:
    return AddressGuard(networks("127.0.0.0/8")).judge(f"http://127.0.0.1:{port}/in")


def test_a_message_goes_over_a_real_line() -> None:
    with line(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n") as (port, heard):
        answer = post(local(port), {"webhook-id": "m1"}, b'{"a":1}')
    assert answer.status == 200, "the body of the answer is not waited for"
    head = heard[0].lower()
    assert head.startswith(b"post /in http/1.1\r\n")
    assert b"webhook-id: m1\r\n" in head
    assert f"host: 127.0.0.1:{port}\r\n".encode() in head


def test_a_silent_receiver_is_given_up() -> None:
    with line(b"HTTP/1.1 200") as (port, _):
        answer = post(local(port), {}, b"{}", total_s=0.2)
    assert (answer.status, answer.error) == (None, "no whole answer in 0.2 s")


@pytest.mark.parametrize("said", [b"", b"what?\r\n\r\n"])
def test_what_is_no_http_is_an_error(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    if said:
        with line(said) as (port, _):
            answer = post(local(port), {}, b"{}")
    else:
        answer = post(local(port), {}, b"{}")
    assert answer.status is None
    assert answer.error

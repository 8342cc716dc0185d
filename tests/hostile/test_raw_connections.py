"""What clients can do below HTTP: header bombs, smuggled requests, bodies that drip.

The real application behind the server and the parser that the service runs on, over a socket.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from service.engine import Engine
from service.http_api import create_app
from service.http_api.request_heads import DeadlineProtocol
from service.telemetry import Telemetry
from tests.http_service import settings_for
from tests.tiny_model import write_model

WITHIN_S = 60.0
Address = tuple[str, int]

GET = b"GET /v1/analyses/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
POST = (
    b"POST /v1/analyses HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    b"Content-Type: multipart/form-data; boundary=cut\r\n"
)
SMUGGLED = b"0\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    folder = tmp_path_factory.mktemp("raw")
    write_model(folder / "models")
    settings = settings_for(folder / "models", folder / "kept", upload_timeout_s=0.3)
    app = create_app(Engine(settings, Telemetry()))
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, http=DeadlineProtocol, log_level="critical")
    )
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        thread.join(WITHIN_S)
        listening.close()


def answers(address: Address, *pieces: bytes) -> bytes:
    """Everything that comes back until the server closes the connection."""
    with socket.create_connection(address, timeout=WITHIN_S) as client:
        got = b""
        try:
            for piece in pieces:
                client.sendall(piece)
            while chunk := client.recv(65536):
                got += chunk
        except ConnectionError:
            # Closed before everything was read: what was answered until then counts.
            pass
        return got


def test_a_plain_request_is_answered(address: Address) -> None:
    assert answers(address, GET + b"\r\n").startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    "bomb",
    [
        GET + b"".join(b"X-%d: y\r\n" % number for number in range(20_000)) + b"\r\n",
        GET + b"X: " + b"y" * 500_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 500_000,
        GET + b"X: a\0b\r\n\r\n",
        GET + b"Content-Length : 5\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_a_header_bomb_is_refused_and_the_connection_closed(address: Address, bomb: bytes) -> None:
    got = answers(address, bomb, b"\r\n\r\n")
    assert got == b"" or got.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nContent-Length: 60\r\n\r\n",
        b"Content-Length: 5, 60\r\n\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: 0x5\r\n\r\n",
    ],
)
def test_a_body_of_two_lengths_smuggles_no_second_request(address: Address, framing: bytes) -> None:
    got = answers(address, POST + framing + SMUGGLED)
    assert got == b"" or got.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert got.count(b"HTTP/1.1 ") <= 1


def test_a_body_that_drips_is_cut(address: Address) -> None:
    """Every byte comes before the pause is too long; the whole takes too long all the same."""
    enough = threading.Event()
    with socket.create_connection(address, timeout=WITHIN_S) as client:
        client.sendall(POST + b"Content-Length: 100000\r\n\r\n--cut\r\n")

        def drip() -> None:
            while not enough.wait(0.02):
                try:
                    client.sendall(b"X")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        got = b""
        try:
            while chunk := client.recv(65536):
                got += chunk
        except ConnectionError:
            pass
        enough.set()
        dripping.join(WITHIN_S)
    assert got.startswith(b"HTTP/1.1 400 ")
    assert b"the body did not arrive within 0.3 s" in got


def test_the_service_goes_on_afterwards(address: Address, tmp_path: Path) -> None:
    assert answers(address, GET + b"\r\n").count(b"analysis-not-found") == 1

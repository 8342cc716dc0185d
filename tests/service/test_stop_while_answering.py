"""A service that finishes what was begun refuses whoever comes now, instead of keeping them waiting."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.test_bento import FIELD, SERVE, environment
from tests.started import START_WITHIN_S, STOP_WITHIN_S, free_port, started, wait_until_ready
from tests.tiny_model import write_model

REFUSED_WITHIN_S = 20.0
HEAD = b'--cut\r\nContent-Disposition: form-data; name="image"; filename="f.png"\r\n\r\n'


@pytest.mark.parametrize("workers", ["1", "2"])
def test_new_connections_are_refused_while_an_upload_is_finished(
    tmp_path: Path, workers: str
) -> None:
    write_model(tmp_path / "models")
    log, port = tmp_path / "log.txt", free_port()
    variables = environment(tmp_path, PETROSERVE_HTTP_PORT=str(port), PETROSERVE_WORKERS=workers)
    with (
        started([sys.executable, "-c", SERVE], variables, log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_WITHIN_S) as client,
    ):
        wait_until_ready(str(client.base_url), process, log)
        # A connection that has answered before is surely accepted by a worker.
        assert client.get("/livez").status_code == 200

        def upload() -> Iterator[bytes]:
            yield HEAD + FIELD[:100]
            process.send_signal(signal.SIGTERM)
            wait_until_refused(port)
            yield FIELD[100:] + b"\r\n--cut--\r\n"

        response = client.post(
            "/v1/analyses",
            content=upload(),
            headers={"Content-Type": "multipart/form-data; boundary=cut"},
        )
        assert response.status_code == 201, response.text
        assert process.wait(STOP_WITHIN_S) == 0, log.read_text()


def wait_until_refused(port: int) -> None:
    """Connect until nobody listens; what is accepted and never answered is no refusal."""
    deadline = time.monotonic() + REFUSED_WITHIN_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.05)
    pytest.fail(f"connections were still accepted {REFUSED_WITHIN_S} s after the signal")

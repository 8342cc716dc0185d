"""The client of the examples: it sends the key that it is given, and tells a refusal in a line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

CLIENT = Path(__file__).resolve().parents[1] / "examples" / "analyse_over_http.py"


class Refusing(BaseHTTPRequestHandler):
    """Refuses whatever is posted, and says which key came with it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        detail = f"the key is {self.headers.get('Authorization')}"
        problem = json.dumps({"title": "Refused", "status": 401, "detail": detail}).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(problem)))
        self.end_headers()
        self.wfile.write(problem)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("key", "sent"), [("ps_abc", "Bearer ps_abc"), ("", "None")])
def test_the_key_is_sent_and_a_refusal_told_in_a_line(
    address: str, tmp_path: Path, key: str, sent: str
) -> None:
    done = client(tmp_path, address, key)

    assert done.returncode == 1
    assert done.stderr == f"Refused (401): the key is {sent}\n"
    assert not (tmp_path / "out").exists()


def test_a_service_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    done = client(tmp_path, "http://127.0.0.1:9", "")

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def client(folder: Path, address: str, key: str) -> subprocess.CompletedProcess[str]:
    """Send a file; what is in it is for the service to judge."""
    (folder / "image.png").write_bytes(b"image")
    words = [str(folder / "image.png"), "--service", address, "--out", str(folder / "out")]
    return subprocess.run(
        [sys.executable, str(CLIENT), *words],
        env={**os.environ, "PETROSERVE_API_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

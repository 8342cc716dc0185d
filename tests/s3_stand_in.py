"""A bucket over the REST interface of S3, in this process, that can fall silent.

Only what a client of objects asks for: put (also on condition), get, head, delete, list (version
2). Written from the public description of the interface, so that the tests need no account; what
it answers is read by the real client of the service.
"""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

import pytest

BUCKET, KEY_ID = "section", "AKIATEST"


class Bucket(ThreadingHTTPServer):
    """The objects, by key: content and time of writing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.silent = False
        # Of servers that speak S3 some do not know If-None-Match and some refuse it.
        self.conditions: Literal["kept", "ignored", "refused"] = "kept"
        # The next object of this name is stored, and the answer is lost on its way.
        self.loses_answer_to = ""
        self.asked: list[str] = []
        self.changing = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, key: str, content: bytes) -> None:
        """Put an object without a request, as another client would."""
        with self.changing:
            self.objects[key] = (content, datetime.now(UTC))


class Answer(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Bucket

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""

    def handle_one_request(self) -> None:
        if self.server.silent:
            self.close_connection = True
            return
        super().handle_one_request()

    def reply(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def key(self) -> str | None:
        """The object that is asked for; None after a refusal."""
        self.server.asked.append(f"{self.command} {self.path}")
        bucket, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        if self.server.silent:
            self.reply(503)
        elif f"Credential={KEY_ID}/" not in self.headers.get("Authorization", ""):
            self.reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        elif bucket != BUCKET:
            self.reply(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        else:
            return key
        return None

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = self.key()
        if key is None:
            return
        on_condition = self.headers.get("If-None-Match") == "*"
        if on_condition and self.server.conditions == "refused":
            self.reply(501, b"<Error><Code>NotImplemented</Code></Error>")
            return
        on_condition &= self.server.conditions == "kept"
        with self.server.changing:
            if on_condition and key in self.server.objects:
                self.reply(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                return
            self.server.objects[key] = (content, datetime.now(UTC))
        if self.server.loses_answer_to and key.endswith(self.server.loses_answer_to):
            self.server.loses_answer_to = ""
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.reply(200, ETag=tag_of(content))

    def do_POST(self) -> None:
        """Remove several objects (DeleteObjects)."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.key() is None:
            return
        keys = [unescape(key) for key in re.findall(r"<Key>(.*?)</Key>", content)]
        with self.server.changing:
            for key in keys:
                self.server.objects.pop(key, None)
        rows = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        self.reply(200, f"<DeleteResult>{rows}</DeleteResult>".encode())

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        key = self.key()
        if key == "":
            self.reply(200, self.listing(), Content_Type="application/xml")
        elif key is not None and key not in self.server.objects:
            self.reply(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif key is not None:
            content, written = self.server.objects[key]
            stamp = written.strftime("%a, %d %b %Y %H:%M:%S GMT")
            self.reply(200, content, ETag=tag_of(content), Last_Modified=stamp)

    def listing(self) -> bytes:
        prefix = parse_qs(urlsplit(self.path).query).get("prefix", [""])[0]
        with self.server.changing:
            rows = "".join(
                f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
                f"<LastModified>{written.isoformat()}</LastModified>"
                f"<ETag>{escape(tag_of(content))}</ETag></Contents>"
                for key, (content, written) in sorted(self.server.objects.items())
                if key.startswith(prefix)
            )
        return (
            f"<ListBucketResult><Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
        ).encode()


def tag_of(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


@contextmanager
def s3_bucket(environment: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """Run the bucket, and let clients of this process find it, for the length of the block."""
    bucket = Bucket()
    for name, value in (
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", bucket.endpoint),
        ("AWS_ALLOW_HTTP", "true"),
    ):
        environment.setenv(name, value)
    serving = threading.Thread(target=bucket.serve_forever, args=(0.01,))
    serving.start()
    try:
        yield bucket
    finally:
        bucket.shutdown()
        bucket.server_close()
        serving.join()

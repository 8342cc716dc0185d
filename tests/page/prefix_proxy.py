"""A proxy that shows a service below a prefix, as those of laboratories do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_OWN = {"connection", "transfer-encoding", "content-length", "content-encoding", "date", "server"}


@contextmanager
def proxied(address: str, prefix: str) -> Iterator[str]:
    """Hand on what is asked for below the prefix; gives the address with it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            headers = {
                name: self.headers[name] for name in ("Accept", "Range") if name in self.headers
            }
            answer = httpx.get(f"{address}{self.path.removeprefix(prefix)}", headers=headers)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in _OWN:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

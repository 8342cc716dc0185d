"""A stand-in for SENAITE: its JSON API as far as results need it, with state, over real HTTP.

Built from the observable behaviour of the API, for tests and for trying the commands without a
LIMS: ``python tests/lims/senaite_stand_in.py --port 8099``. It is stricter than kind: an unknown
index is ignored (everything matches), a write that is not allowed is a 401, a field that the
service does not open stays empty, and nobody verifies but a person.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

API = "/senaite/@@API/senaite/v1/"
USER, PASSWORD, TOKEN = "petroserve", "correct horse", "token-of-petroserve"
PAGE = 25
OPEN = {"unassigned", "assigned"}
INDEXES = {
    "uid": "uid",
    "id": "id",
    "getId": "id",
    "getClientSampleID": "ClientSampleID",
    "getRequestID": "getRequestID",
    "getKeyword": "Keyword",
    "review_state": "review_state",
    "portal_type": "portal_type",
    "Title": "title",
    "Creator": "creator",
}
WRITABLE = {"Result", "Remarks", "ResultCaptureDate", "InterimFields"}
# What SENAITE says to an Analyst, and of an analysis to everybody.
NO_LINK = "Not allowed to set the field 'Attachment'"

Item = dict[str, Any]
Answer = tuple[int, Item]


class RefusedError(Exception):
    """What SENAITE answers with a status of its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Laboratory:
    """What the stand-in holds, and the faults that a test plants."""

    items: dict[str, Item] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    writes: list[tuple[str, Item]] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    # Called before and after each request with method and route; may raise ConnectionError.
    before: Callable[[str, str], int | None] = lambda _method, _route: None
    after: Callable[[str, str], None] = lambda _method, _route: None
    with_token: bool = True
    # Whether the account may edit samples: a LabManager may, an Analyst may not.
    edits_samples: bool = True

    def add_sample(
        self, sample_id: str, *services: str, state: str = "sample_received", client_id: str = ""
    ) -> None:
        """A sample and its analyses; a service is ``KEYWORD:unit``, ``KEYWORD:`` without one."""
        self._add(
            "AnalysisRequest",
            id=sample_id,
            ClientSampleID=client_id,
            Attachment={},
            review_state=state,
            path=f"/senaite/clients/client-1/{sample_id}",
        )
        for service in services:
            keyword, _, unit = service.partition(":")
            self.add_analysis(sample_id, keyword, unit)

    def add_analysis(
        self, sample_id: str, keyword: str, unit: str = "%", *, opens: bool = True, **changes: Any
    ) -> str:
        """An analysis of a sample; `opens`: uncertainty and detection limits by hand are allowed."""
        fields: Item = {
            "id": keyword,
            "Keyword": keyword,
            "Unit": unit,
            "getRequestID": sample_id,
            "review_state": "unassigned",
            "Result": "",
            "Uncertainty": None,
            "DetectionLimitOperand": "",
            "Remarks": "",
            "Attachment": {},
            "AllowManualUncertainty": opens or None,
            "DetectionLimitSelector": opens,
            "path": f"/senaite/clients/client-1/{sample_id}/{keyword}",
        }
        return self._add("Analysis", **(fields | changes))

    def _add(self, portal_type: str, **fields: Any) -> str:
        uid = f"uid{len(self.items):06d}"
        self.items[uid] = {"uid": uid, "portal_type": portal_type, "title": "", **fields}
        return uid

    def sample(self, sample_id: str) -> Item:
        """The sample of an id."""
        samples = (one for one in self.items.values() if one["portal_type"] == "AnalysisRequest")
        (found,) = (one for one in samples if one["id"] == sample_id)
        return found

    def analysis(self, sample_id: str, keyword: str) -> Item:
        """The one analysis of a keyword that is not history."""
        (found,) = (
            item
            for item in self.items.values()
            if item.get("Keyword") == keyword
            and item["getRequestID"] == sample_id
            and item["review_state"] not in {"retracted", "rejected"}
        )
        return found

    def retract(self, sample_id: str, keyword: str) -> None:
        """What a person does to a result that is wrong: a retest takes its place."""
        wrong = self.analysis(sample_id, keyword)
        wrong["review_state"] = "retracted"
        self.add_analysis(sample_id, keyword, wrong["Unit"], RetestOf=wrong["uid"])

    def verify(self, sample_id: str, keyword: str) -> None:
        """What a person does to a result that is right."""
        self.analysis(sample_id, keyword)["review_state"] = "verified"

    def answer(self, method: str, route: str, query: Item, body: Item) -> Answer:
        """Answer a request of a signed-in user."""
        operation, _, uid = route.partition("/")
        if operation == "search" and method == "GET":
            return 200, self._page(query)
        if operation == "users" and method == "GET":
            return 200, {"items": [{"username": USER, "authenticated": True}]}
        if method == "GET":
            return 200, self._item(route)
        if operation == "update":
            return 200, {"items": [self._update(self._item(uid or str(body.get("uid"))), body)]}
        if operation == "create":
            return 200, {"items": [self._create(body)]}
        if operation == "push":
            return self._push(body)
        raise RefusedError(404, f"no route {route}")

    def _item(self, uid: str) -> Item:
        if uid not in self.items:
            raise RefusedError(404, f"nothing has the uid {uid}")
        return self.items[uid]

    def _page(self, query: Item) -> Item:
        wanted = {INDEXES[name]: value for name, value in query.items() if name in INDEXES}
        folder = query.get("path", "")
        found = [
            item
            for item in self.items.values()
            if all(str(item.get(name, "")) == value for name, value in wanted.items())
            and item["path"].startswith(folder)
        ]
        size = min(int(query.get("limit", PAGE)), PAGE)
        start = int(query.get("b_start", 0))
        following = f"http://elsewhere.example/?b_start={start + size}"
        return {
            "count": len(found),
            "items": found[start : start + size],
            "next": following if start + size < len(found) else None,
        }

    def _update(self, item: Item, body: Item) -> Item:
        self.writes.append((item["uid"], body))
        if item["portal_type"] == "AnalysisRequest":
            return self._link(item, body)
        if item["portal_type"] != "Analysis":
            raise RefusedError(401, "You are not allowed to modify this object")
        if item["review_state"] not in OPEN:
            raise RefusedError(401, f"Field(s) not writable in state {item['review_state']}")
        changed = self._written(item, body)
        if "Attachment" in body:
            # Over the API nobody may; what was written before it stays written.
            item.update(changed)
            raise RefusedError(401, NO_LINK)
        if transition := body.get("transition"):
            if transition != "submit" or changed["Result"] == "":
                raise RefusedError(400, f"Transition {transition} is not possible")
            changed["review_state"] = "to_be_verified"
        item.update(changed)
        return item

    def _link(self, sample: Item, body: Item) -> Item:
        if not self.edits_samples:
            raise RefusedError(401, NO_LINK)
        if any(uid not in self.files for uid in body["Attachment"]):
            raise RefusedError(400, "Attachment: no such object")
        sample["Attachment"] = [{"uid": uid} for uid in body["Attachment"]] or {}
        return sample

    def _written(self, item: Item, body: Item) -> Item:
        # What is calculated takes interim fields only.
        closed = {"Result"} if item.get("Calculation") else set()
        changed = item | {name: body[name] for name in (WRITABLE - closed) & set(body)}
        try:
            float(changed["Result"] or 0)
        except ValueError:
            raise RefusedError(400, "Result is no number") from None
        if item["DetectionLimitSelector"]:
            changed["DetectionLimitOperand"] = body.get("DetectionLimitOperand", "")
        if not changed["DetectionLimitOperand"]:
            # Stored in any case; SENAITE shows it only where the service allows it.
            changed["Uncertainty"] = body.get("Uncertainty")
        return changed

    def _create(self, body: Item) -> Item:
        if body.get("portal_type") != "Attachment" or not str(
            body.get("parent_path", "")
        ).startswith("/senaite/clients/"):
            raise RefusedError(401, "Creation is not allowed here")
        try:
            content = base64.b64decode(body["AttachmentFile"], validate=True)
        except (KeyError, binascii.Error):
            raise RefusedError(400, "AttachmentFile is no base64") from None
        # A title that is sent is lost: the title of an attachment is its id.
        title = f"attachment-{len(self.files) + 1}"
        uid = self._add(
            "Attachment",
            id=title,
            title=title,
            creator=USER,
            path=f"{body['parent_path']}/{title}",
            AttachmentKeys=body.get("AttachmentKeys", ""),
        )
        self.files[uid] = content
        return self.items[uid]

    def _push(self, body: Item) -> Answer:
        if body.get("consumer") != "senaite.lis2a.import":
            # SENAITE answers what goes wrong in a consumer with 500.
            raise RefusedError(500, "no such consumer")
        self.messages += body["messages"]
        # Beside this file, whether it was imported or started.
        importers = import_module(f"{__package__ + '.' if __package__ else ''}senaite_importers")
        for message in body["messages"]:
            # Like SENAITE it says nothing of what it passes over.
            importers.import_lis2(self.items, message)
        return 200, {"success": True}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet an answer: head and body apart wait 40 ms for each other.
    wbufsize = -1
    laboratory: Laboratory

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the tests read what the laboratory holds."""

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        route = parts.path.removeprefix(API)
        try:
            status = self.laboratory.before(method, route)
            answer = (
                (status, {"message": "planted"})
                if status
                else self._answer(method, route, parts.query, body)
            )
            self.laboratory.after(method, route)
        except ConnectionError:
            self.close_connection = True
            return
        self._send(*answer)

    def _answer(self, method: str, route: str, query: str, body: bytes) -> Answer:
        laboratory = self.laboratory
        if route == "version":
            return 200, {"version": "2.6.0"}
        if route == "login":
            return self._login(body)
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not ({bearer, _cookie(self.headers.get("Cookie", ""))} & laboratory.sessions):
            return 401, {"message": "You are not logged in"}
        single = {name: values[0] for name, values in parse_qs(query).items()}
        try:
            return laboratory.answer(method, route, single, json.loads(body or b"{}"))
        except RefusedError as error:
            return error.status, {"success": False, "message": str(error)}

    def _login(self, body: bytes) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if (form.get("__ac_name"), form.get("__ac_password")) != (USER, PASSWORD):
            return 401, {"message": "Invalid credentials"}
        self.laboratory.sessions.add(TOKEN)
        document = {"items": [{"username": USER, "authenticated": True}]}
        return 200, document | ({"token": TOKEN} if self.laboratory.with_token else {})

    def _send(self, status: int, document: Item) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if "items" in document and not self.laboratory.with_token:
            self.send_header("Set-Cookie", f"__ac={TOKEN}; Path=/")
        self.end_headers()
        self.wfile.write(content)


def _cookie(header: str) -> str:
    named = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    return named.get("__ac", "")


@contextmanager
def running(laboratory: Laboratory, *, port: int = 0) -> Iterator[str]:
    """Serve a laboratory on this machine; gives the address of its site."""
    handler = type("Handler", (_Handler,), {"laboratory": laboratory})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/senaite"
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    """Serve a laboratory with two samples until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8099)
    laboratory = Laboratory()
    services = ("MOD_CCP:%", "MOD_GN:%", "MOD_SP:%", "MOD_BN:%", "MOD_PY_MRC:%", "N_FIELDS:")
    for sample in ("SEC-0001", "SEC-0002"):
        laboratory.add_sample(sample, *services)
    with running(laboratory, port=parser.parse_args().port) as address:
        print(f"{address} (user {USER}, password {PASSWORD!r})", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()

"""Client of SENAITE's JSON API: sign in, search, update, attach.

What can be sent twice without harm is tried again by itself (reading, and whatever surely never
arrived). A write whose answer is lost raises `LimsUnreachableError`: whether it was done must be
asked, which is what `service.lims.senaite_delivery` does.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from petrography.errors import InvalidParameterError, LimsRefusedError, LimsUnreachableError
from service.lims.senaite_records import Analysis, SenaiteSample, analysis_of, sample_of

__all__ = ["Patience", "SenaiteClient"]

_API = "/@@API/senaite/v1"
_PAGE = 100
_MOST_PAGES = 1000
_LATER = {429, 502, 503, 504}
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Patience:
    """How long an unwilling server is borne with.

    Attributes
    ----------
    timeout_s : float
        Without an answer, after which a request is given up.
    pauses_s : tuple of float
        Before the second, third ... try.
    longest_pause_s : float
        Most that a ``Retry-After`` is obeyed.
    """

    timeout_s: float = 30.0
    pauses_s: tuple[float, ...] = (0.5, 2.0, 8.0)
    longest_pause_s: float = 60.0


class SenaiteClient:
    """A signed-in user of one SENAITE site.

    Parameters
    ----------
    url : str
        Address of the site, such as ``https://lims.example.org/senaite``.
    user, password : str
        Of an account with the role Analyst: it submits, a person verifies.
    patience : Patience, optional
        Time-outs and retries.
    transport : httpx.BaseTransport, optional
        Instead of the network.
    sleep : callable, optional
        Waits for seconds.

    Raises
    ------
    InvalidParameterError
        If the address is none of http or https, or has a password in it.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str,
        password: str,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._site = _site(url)
        self._user, self._password = user, password
        self._patience = patience or Patience()
        self._sleep = sleep
        self._signed_in = False
        # A redirect leads to the page where people sign in; it is never followed.
        self._http = httpx.Client(
            timeout=self._patience.timeout_s, transport=transport, follow_redirects=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def version(self) -> str:
        """Version of the API; needs no signing in."""
        answer = self._patiently("GET", "version", params={}, json=None)
        return str(self._document(answer, "version").get("version", ""))

    def worklist(self, keyword: str | None = None) -> Iterator[Analysis]:
        """Analyses that wait for a result, of one keyword or of all."""
        for state in ("unassigned", "assigned"):
            params = {"review_state": state} | ({} if keyword is None else {"getKeyword": keyword})
            for analysis in self._analyses(params):
                # An index that a catalogue does not know is ignored by SENAITE: all would match.
                if analysis.state == state and keyword in {None, analysis.keyword}:
                    yield analysis

    def find_sample(self, sample_id: str) -> SenaiteSample:
        """Find a sample by its id, else by the customer's.

        Raises
        ------
        LimsRefusedError
            If there is none, or the customer's id is of several.
        """
        for index in ("id", "getClientSampleID"):
            found = [
                sample
                for sample in map(
                    sample_of, self._search("senaite_catalog_sample", {index: sample_id})
                )
                if sample_id
                and sample_id == (sample.id if index == "id" else sample.client_sample_id)
            ]
            if len(found) > 1:
                named = ", ".join(sample.id for sample in found)
                msg = (
                    f"{len(found)} samples are called {sample_id}: {named}; use the sample's own id"
                )
                raise LimsRefusedError(msg)
            if found:
                return found[0]
        msg = f"SENAITE has no sample {sample_id}, neither by its id nor by the customer's"
        raise LimsRefusedError(msg)

    def analyses(self, sample_id: str) -> tuple[Analysis, ...]:
        """All analyses of a sample, by SENAITE's id of it."""
        found = self._analyses({"getRequestID": sample_id})
        return tuple(analysis for analysis in found if analysis.sample_id == sample_id)

    def analysis(self, uid: str) -> Analysis:
        """Read one analysis."""
        return analysis_of(self._record(uid))

    def _analyses(self, params: Mapping[str, str]) -> Iterator[Analysis]:
        query = {"portal_type": "Analysis", **params}
        return map(analysis_of, self._search("senaite_catalog_analysis", query))

    def submit(self, uid: str, fields: Mapping[str, Any]) -> None:
        """Write fields of an analysis and submit it.

        Raises
        ------
        LimsRefusedError
            If SENAITE does not allow it.
        LimsUnreachableError
            If no answer came; it may be done all the same.
        """
        self.update(uid, {**fields, "transition": "submit"})

    def update(self, uid: str, fields: Mapping[str, Any]) -> None:
        """Write fields of anything; errors as for `submit`."""
        self._items(self._call("POST", f"update/{uid}", json=dict(fields)), f"update of {uid}")

    def sample(self, uid: str) -> SenaiteSample:
        """Read one sample."""
        return sample_of(self._record(uid))

    def link(self, sample: SenaiteSample, files: tuple[str, ...]) -> None:
        """Have a sample show files, by their uids, beside those that it shows already."""
        shown = [uid for uid in sample.attachments if uid not in files]
        self.update(sample.uid, {"Attachment": [*shown, *files]})

    def attachment_keys(self, uid: str) -> str:
        """Read the keys that an attachment was stored with."""
        return str(self._record(uid).get("AttachmentKeys") or "")

    def find_attachment(self, folder: str, keys: str) -> str | None:
        """Uid of the attachment of this account in a folder that has these keys, else None."""
        # No catalogue knows the keys, and the title of an attachment is its id.
        query = {"portal_type": "Attachment", "path": folder, "depth": "1", "Creator": self._user}
        for item in self._search(None, query):
            if item.get("AttachmentKeys") == keys:
                return str(item["uid"])
        return None

    def create_attachment(
        self, *, parent_path: str, filename: str, content: bytes, keys: str
    ) -> str:
        """Store a file in the folder of a sample; returns its uid. Errors as for `submit`."""
        record = {
            "portal_type": "Attachment",
            "parent_path": parent_path,
            "AttachmentFile": base64.b64encode(content).decode("ascii"),
            "filename": filename,
            "AttachmentKeys": keys,
        }
        (item,) = self._items(self._call("POST", "create", json=record), f"attaching {filename}")
        return str(item["uid"])

    def push(self, consumer: str, message: str) -> None:
        """Hand a message to a consumer, such as ``senaite.lis2a.import``; errors as for `submit`."""
        # That one tells records apart by line feeds; of carriage returns it makes one long header
        # without results, and answers that all is well.
        record = {"consumer": consumer, "messages": [message.replace("\r", "\n")]}
        answer = self._document(self._call("POST", "push", json=record), "push")
        if answer.get("success") is False:
            msg = f"the consumer {consumer} did not take the message: {_reason(answer)}"
            raise LimsRefusedError(msg)

    def _search(self, catalogue: str | None, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        fixed = {"complete": "yes", "limit": str(_PAGE), **query}
        fixed |= {} if catalogue is None else {"catalog": catalogue}
        start = 0
        for _ in range(_MOST_PAGES):
            answer = self._call("GET", "search", params={**fixed, "b_start": str(start)})
            items = self._items(answer, "search", at_least=0)
            yield from items
            # The address of the next page is not followed: it could name another host.
            if not items or not self._document(answer, "search").get("next"):
                return
            start += len(items)

    def _call(
        self,
        method: str,
        route: str,
        *,
        params: Mapping[str, str] | None = None,
        json: dict[str, Any] | None = None,
    ) -> httpx.Response:
        """Call as the signed-in user; signs in again where the session has ended."""
        if not self._signed_in:
            self._sign_in()
        answer = self._patiently(method, route, params=params or {}, json=json)
        if answer.status_code == 401:
            # Also the answer to what is not allowed: once more, with a fresh session, tells which.
            self._sign_in()
            answer = self._patiently(method, route, params=params or {}, json=json)
        return answer

    def _sign_in(self) -> None:
        self._http.headers.pop("Authorization", None)
        form = {"__ac_name": self._user, "__ac_password": self._password}
        answer = self._patiently("POST", "login", params={}, json=None, form=form)
        if answer.status_code in {401, 403}:
            msg = f"SENAITE does not let user {self._user!r} in; check the name and the password"
            raise LimsRefusedError(msg)
        document = self._document(answer, "login")
        if isinstance(token := document.get("token"), str):
            # Newer versions; the cookie of such a token travels over HTTPS only.
            self._http.headers["Authorization"] = f"Bearer {token}"
        users = document.get("items") or [{}]
        if not users[0].get("authenticated", True):
            msg = f"SENAITE does not let user {self._user!r} in; check the name and the password"
            raise LimsRefusedError(msg)
        self._signed_in = True

    def _patiently(
        self,
        method: str,
        route: str,
        *,
        params: Mapping[str, str],
        json: dict[str, Any] | None,
        form: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Ask until there is an answer; a write that may have arrived is sent once."""
        again = method == "GET" or route == "login"
        url = f"{self._site}{_API}/{route}"
        for pause_s in self._patience.pauses_s:
            try:
                answer = self._http.request(method, url, params=params, json=json, data=form)
            except httpx.TransportError as error:
                if not (again or isinstance(error, _NOT_SENT)):
                    raise self._silent(route, error) from None
                self._sleep(pause_s)
            else:
                if answer.status_code not in _LATER or not again:
                    return answer
                self._sleep(min(_wanted_pause_s(answer, pause_s), self._patience.longest_pause_s))
        try:
            return self._http.request(method, url, params=params, json=json, data=form)
        except httpx.TransportError as error:
            raise self._silent(route, error) from None

    def _silent(self, route: str, error: httpx.TransportError) -> LimsUnreachableError:
        why = str(error) or type(error).__name__
        return LimsUnreachableError(f"SENAITE at {self._site} does not answer to {route}: {why}")

    def _record(self, uid: str) -> dict[str, Any]:
        """One object by its uid: SENAITE 2.6 answers it bare, and a list of one is as good."""
        document = self._document(self._call("GET", uid), uid)
        listed = document.get("items")
        for record in listed if isinstance(listed, list) else [document]:
            if isinstance(record, dict) and record.get("uid") == uid:
                return record
        msg = f"SENAITE found nothing for {uid}"
        raise LimsRefusedError(msg)

    def _items(
        self, answer: httpx.Response, what: str, *, at_least: int = 1
    ) -> list[dict[str, Any]]:
        items = self._document(answer, what).get("items")
        if not isinstance(items, list) or len(items) < at_least:
            msg = f"SENAITE found nothing for {what}"
            raise LimsRefusedError(msg)
        return items

    def _document(self, answer: httpx.Response, what: str) -> dict[str, Any]:
        if answer.status_code in _LATER:
            msg = f"SENAITE is busy or restarting: status {answer.status_code} to {what}"
            raise LimsUnreachableError(msg)
        try:
            document = answer.json()
        except ValueError:
            document = None
        if answer.status_code >= 300:
            msg = f"SENAITE answers {what} with status {answer.status_code}: {_reason(document)}"
            raise LimsRefusedError(msg)
        if not isinstance(document, dict):
            kind = answer.headers.get("content-type", "no type")
            msg = (
                f"SENAITE answers {what} with {kind[:60]} where JSON is wanted; is {self._site} "
                "the address of the site, and is senaite.jsonapi installed?"
            )
            raise LimsRefusedError(msg)
        return document


def _site(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        msg = f"{url[:80]!r} is no address: {error}"
        raise InvalidParameterError(msg) from None
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        msg = f"{url[:80]!r} is no site; wanted http(s)://host/site, without a user in it"
        raise InvalidParameterError(msg)
    return url.rstrip("/")


def _wanted_pause_s(answer: httpx.Response, otherwise_s: float) -> float:
    stated = answer.headers.get("retry-after", "")
    return float(stated) if stated.isdigit() else otherwise_s


def _reason(document: object) -> str:
    if isinstance(document, dict):
        return str(document.get("message") or document.get("error") or "no reason given")[:300]
    return "no reason given"

"""Tokens of an identity provider: whose they are, and every way in which one is not good."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from petrography.errors import ConfigurationError, NotReadyError, UnauthenticatedError
from service.access import Guard, Provider, create_key, empty_key_file, write_key_file
from service.access.oidc import fetched
from service.settings import Settings
from tests.admitting import admit
from tests.http_service import running_service, settings_for
from tests.identity_provider import (
    AUDIENCE,
    EC_KEY,
    ISSUER,
    OTHER_KEY,
    RSA_KEY,
    SHORT_KEY,
    Issuer,
    claims,
    published,
    token,
)
from tests.tiny_model import write_model


def test_a_good_token_names_person_tenant_and_scopes() -> None:
    tokens = Issuer().tokens()
    for good in (token(), token(RSA_KEY, "r", "RS256")):
        principal = admit(tokens, good)
        assert (principal.key_id, principal.tenant, principal.scopes) == ("ada", "lab-1", {"read"})


def test_claims_are_found_under_other_names() -> None:
    tokens = Issuer().tokens(tenant_claim="org", scope_claim="roles", scope_prefix="ps:")
    principal = admit(tokens, token(org="mine", roles=["ps:read", "ps:analyse", "read"]))
    assert (principal.tenant, principal.scopes) == ("mine", {"read", "analyse"})


HS = jwt.encode(claims(), "shared secret " * 4, algorithm="HS256", headers={"kid": "e"})
NONE = jwt.encode(claims(), None, algorithm="none", headers={"kid": "e"})


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (token(exp=int(time.time()) - 100), "expired"),
        (token(exp=None), "exp"),
        (token(aud="another"), "Audience"),
        (token(aud=None), "aud"),
        (token(iss="https://evil.example.org"), "issuer"),
        (token(nbf=int(time.time()) + 600), "not yet valid"),
        (token(sub=None), "sub"),
        (token(sub="ada\nroot"), "sub is no name"),
        (token(tenant=None), "names no tenant"),
        (token(tenant="Lab 1"), "names no tenant"),
        (token(OTHER_KEY), "Signature verification failed"),
        (token(kid="unknown"), "does not publish"),
        (token(RSA_KEY, "r", "RS512"), "wanted RS256 or ES256"),
        (token(RSA_KEY, "e", "RS256"), "not accepted"),
        (jwt.encode(claims(), EC_KEY, algorithm="ES256"), "and a kid"),
        (HS, "wanted RS256 or ES256"),
        (NONE, "wanted RS256 or ES256"),
        (token()[:-6] + "AAAAAA", "Signature"),
        ("a.b.c", "cannot be read"),
    ],
)
def test_a_token_that_is_not_good_is_refused(bad: str, reason: str) -> None:
    with pytest.raises(UnauthenticatedError, match=reason):
        admit(Issuer().tokens(), bad)


@pytest.mark.parametrize(
    "key",
    [
        published("e", EC_KEY, use="enc"),
        published("e", EC_KEY, alg="ES384"),
        published("e", ec.generate_private_key(ec.SECP384R1())),
        {"kty": "oct", "kid": "e", "k": "c2VjcmV0"},
        {"kty": "EC", "kid": "e"},
        {"kid": "e"},
        "no key",
    ],
)
def test_published_keys_that_are_not_for_this_are_passed_over(key: Any) -> None:
    issuer = Issuer()
    issuer.keys = [key, published("r", RSA_KEY)]
    with pytest.raises(UnauthenticatedError, match="does not publish"):
        admit(issuer.tokens(), token())


def test_a_key_that_is_too_short_is_passed_over() -> None:
    issuer = Issuer()
    issuer.keys = [published("s", SHORT_KEY), published("e", EC_KEY)]
    with pytest.warns(Warning, match="1024 bits"):
        short = token(SHORT_KEY, "s", "RS256")
    with pytest.raises(UnauthenticatedError, match="does not publish"):
        admit(issuer.tokens(), short)


@pytest.mark.parametrize(
    "about", [{}, {"issuer": "https://evil.example.org", "jwks_uri": f"{ISSUER}/keys"},
              {"issuer": ISSUER, "jwks_uri": "http://evil.example.org/keys"}]
)  # fmt: skip
def test_a_discovery_document_of_somebody_else_is_not_believed(about: dict[str, Any]) -> None:
    issuer = Issuer()
    issuer.about = about
    with pytest.raises(NotReadyError):
        admit(issuer.tokens(), token())


@pytest.mark.parametrize(
    "url", ["http://login.example.org", "file:///etc", "ftp://x", "https://", ""]
)
def test_an_issuer_that_cannot_be_trusted_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="wanted an https address"):
        Provider(url, AUDIENCE)


def test_issuer_and_audience_go_together() -> None:
    with pytest.raises(ValidationError, match="only of use together"):
        Settings(oidc_issuer=ISSUER)
    with pytest.raises(ConfigurationError):
        Settings(host="0.0.0.0").require_guarded()
    Settings(host="0.0.0.0", oidc_issuer=ISSUER, oidc_audience=AUDIENCE).require_guarded()


@pytest.fixture
def provider_address() -> Iterator[str]:
    """A provider on a port of this machine."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/away/x":
                self.send_error(500)
                return
            if self.path.startswith("/dripping"):
                self._drip()
                return
            here = f"http://127.0.0.1:{self.server.server_address[1]}"
            answers: dict[str, Any] = {
                "/.well-known/openid-configuration": {"issuer": here, "jwks_uri": f"{here}/keys"},
                "/keys": {"keys": [published("e", EC_KEY)]},
                "/large": {"x": "x" * (1 << 20)},
                "/list": [],
            }
            content = json.dumps(answers[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _drip(self) -> None:
            """Send a byte now and then, of a header or of the body, until nobody listens."""
            if self.path.endswith("body"):
                self.send_response(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
            with suppress(OSError):
                for _ in range(1000):
                    self.wfile.write(b"x")
                    self.wfile.flush()
                    time.sleep(0.01)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.anyio
async def test_over_http_tokens_and_keys_come_in(tmp_path: Path, provider_address: str) -> None:
    write_model(tmp_path / "models")
    now = dt.datetime.now(dt.UTC)
    content, key = create_key(empty_key_file(), tenant="lab-2", scopes=["read"], now=now)
    write_key_file(tmp_path / "keys.json", content)
    settings = settings_for(
        tmp_path / "models",
        tmp_path / "kept",
        api_keys=tmp_path / "keys.json",
        oidc_issuer=provider_address,
        oidc_audience=AUDIENCE,
    )
    statuses = {}
    async with running_service(settings) as (client, _):
        for name, presented in {
            "token": token(iss=provider_address),
            "key": key,
            "another issuer": token(),
            "nobody": "",
        }.items():
            headers = {"Authorization": f"Bearer {presented}"}
            statuses[name] = (await client.get("/v1/models", headers=headers)).status_code
        headers = {"Authorization": f"Bearer {token(iss=provider_address)}"}
        forbidden = await client.post("/v1/analyses", files={"image": b"x"}, headers=headers)
    assert statuses == {"token": 200, "key": 200, "another issuer": 401, "nobody": 401}
    assert (forbidden.status_code, "ada" in forbidden.json()["detail"]) == (403, True)


def test_answers_that_are_too_large_or_none_are_refused(provider_address: str) -> None:
    assert fetched(f"{provider_address}/list", 10.0) == {}
    for path in ("/large", "/away/x"):
        with pytest.raises(NotReadyError):
            fetched(f"{provider_address}{path}", 10.0)


@pytest.mark.parametrize("part", ["header", "body"])
def test_a_provider_that_drips_is_given_up(provider_address: str, part: str) -> None:
    begun_s = time.monotonic()
    with pytest.raises(NotReadyError):
        fetched(f"{provider_address}/dripping/{part}", 0.2)
    assert time.monotonic() - begun_s < 5.0


def test_without_a_provider_a_token_is_an_unknown_key(tmp_path: Path) -> None:
    write_key_file(tmp_path / "keys.json", empty_key_file())
    with pytest.raises(UnauthenticatedError, match="API key is unknown"):
        admit(Guard(tmp_path / "keys.json"), token())

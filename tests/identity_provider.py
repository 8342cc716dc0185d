"""An identity provider for tests: its keys, tokens and answers, with a clock that is set."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from petrography.errors import NotReadyError
from service.access import Provider, Tokens

__all__ = [
    "AUDIENCE", "EC_KEY", "ISSUER", "OTHER_KEY", "RSA_KEY", "SHORT_KEY", "Issuer", "claims",
    "published", "running_provider", "token",
]  # fmt: skip

ISSUER, AUDIENCE = "https://login.example.org/lab", "petroserve"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def published(kid: str, key: Private, **more: str) -> dict[str, Any]:
    algorithm: Any = (
        jwt.algorithms.RSAAlgorithm
        if isinstance(key, rsa.RSAPrivateKey)
        else (jwt.algorithms.ECAlgorithm)
    )
    told: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
    return {**told, "kid": kid, "use": "sig", **more}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    known = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": now + 600, "iat": now,
        "tenant": "lab-1", "scope": "openid read",
    }  # fmt: skip
    return {name: value for name, value in (known | changes).items() if value is not None}


def token(key: Private = EC_KEY, kid: str = "e", algorithm: str = "ES256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": kid})


class Issuer:
    """An identity provider whose answers are at hand, with a clock that is set."""

    def __init__(self) -> None:
        self.keys = [published("r", RSA_KEY), published("e", EC_KEY)]
        self.about: dict[str, Any] = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
        self.asked: list[str] = []
        self.within_s: list[float] = []
        # Instead of the keys, where it is set.
        self.answer: dict[str, Any] | None = None
        self.is_at_keys = threading.Event()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.is_away = False
        self.now_s = 1000.0
        self.fetch_s = 0.0

    def fetch(self, url: str, within_s: float) -> Mapping[str, Any]:
        self.asked.append(url.removeprefix(ISSUER))
        self.within_s.append(within_s)
        self.now_s += self.fetch_s
        if self.is_away:
            msg = "away"
            raise NotReadyError(msg)
        if not url.endswith("/keys"):
            return self.about
        self.is_at_keys.set()
        assert self.goes_on.wait(10.0)
        return {"keys": self.keys} if self.answer is None else self.answer

    def tokens(self, **options: str) -> Tokens:
        provider = Provider(ISSUER, AUDIENCE, **options)
        return Tokens(provider, fetch=self.fetch, clock=lambda: self.now_s)


@contextmanager
def running_provider() -> Iterator[str]:
    """A provider on a port of this machine for the length of the block; gives its address."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here = f"http://127.0.0.1:{self.server.server_address[1]}"
            answers: dict[str, Any] = {
                "/.well-known/openid-configuration": {"issuer": here, "jwks_uri": f"{here}/keys"},
                "/keys": {"keys": [published("e", EC_KEY)]},
            }
            content = json.dumps(answers[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()

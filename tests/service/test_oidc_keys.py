"""The keys of an identity provider: when they are fetched, and who waits for them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from petrography.errors import NotReadyError, UnauthenticatedError
from service.access import Guard
from service.grpc_api.access import admitted
from tests.admitting import admit
from tests.identity_provider import OTHER_KEY, Issuer, published, token


def test_keys_are_kept_and_rotated() -> None:
    issuer = Issuer()
    tokens = issuer.tokens()
    for _ in range(5):
        admit(tokens, token())
    assert len(issuer.asked) == 2

    issuer.keys = [published("new", OTHER_KEY)]
    issuer.now_s += 31.0
    assert admit(tokens, token(OTHER_KEY, "new")).key_id == "ada"
    assert len(issuer.asked) == 4
    issuer.now_s += 601.0
    with pytest.raises(UnauthenticatedError, match="does not publish"):
        admit(tokens, token())


def test_forged_key_ids_do_not_make_the_service_ask_without_end() -> None:
    issuer = Issuer()
    tokens = issuer.tokens()
    for number in range(50):
        with pytest.raises(UnauthenticatedError):
            admit(tokens, token(kid=f"forged-{number}"))
    assert len(issuer.asked) == 2


def test_a_provider_that_is_away_is_not_asked_without_end() -> None:
    issuer = Issuer()
    issuer.is_away, issuer.fetch_s = True, 10.0
    tokens = issuer.tokens()
    for number in range(50):
        # Nobody is told that his token is bad: no key is known.
        with pytest.raises(NotReadyError):
            admit(tokens, token(kid=f"forged-{number}"))
    assert len(issuer.asked) == 1
    issuer.now_s += 5.0
    with pytest.raises(NotReadyError):
        admit(tokens, token())
    assert len(issuer.asked) == 2


def test_nobody_waits_behind_the_one_who_asks_a_provider_that_was_away() -> None:
    issuer = Issuer()
    issuer.is_away = True
    tokens = issuer.tokens()
    with pytest.raises(NotReadyError):
        admit(tokens, token())
    issuer.now_s += 10.0
    issuer.is_away = False
    issuer.goes_on.clear()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(admit, tokens, token())
        try:
            assert issuer.is_at_keys.wait(10.0)
            with pytest.raises(NotReadyError):
                admit(tokens, token())
            assert not asking.done()
        finally:
            issuer.goes_on.set()
        assert asking.result().tenant == "lab-1"


def test_a_token_with_a_known_key_does_not_wait_for_a_fetch() -> None:
    issuer = Issuer()
    tokens = issuer.tokens()
    admit(tokens, token())
    issuer.goes_on.clear()
    try:
        issuer.now_s += 400.0
        # Of an age at which they are fetched anew, behind the request.
        assert admit(tokens, token()).tenant == "lab-1"
        assert tokens._fetching is not None
        assert not tokens._fetching.done()
        issuer.now_s += 5.0
        # Who comes long after its beginning does not wait for a key that only the provider knows.
        with pytest.raises(NotReadyError):
            admit(tokens, token(kid="forged"))
    finally:
        issuer.goes_on.set()


@pytest.mark.anyio
async def test_forged_tokens_leave_the_service_its_threads_while_the_provider_hangs() -> None:
    issuer = Issuer()
    guard = Guard(None, tokens=issuer.tokens())
    good = [("authorization", f"Bearer {token()}")]
    await admitted(guard, "/petroserve.v1.AnalysisService/ListModels", good)
    issuer.now_s += 31.0
    issuer.goes_on.clear()
    forged = [
        asyncio.create_task(
            admitted(guard, "/x", [("authorization", f"Bearer {token(kid=f'forged-{number}')}")])
        )
        for number in range(64)
    ]
    try:
        async with asyncio.timeout(2.0):
            await asyncio.sleep(0)
            caller = await admitted(guard, "/petroserve.v1.AnalysisService/ListModels", good)
            assert await asyncio.to_thread(lambda: "other work") == "other work"
    finally:
        issuer.goes_on.set()
        ends = await asyncio.gather(*forged, return_exceptions=True)
    assert caller.tenant == "lab-1"
    assert {type(end) for end in ends} == {UnauthenticatedError}
    assert len(issuer.asked) == 4


NO_KEYS: list[dict[str, Any]] = [
    {},
    {"error": "temporarily_unavailable"},
    {"keys": []},
    {"keys": None},
    {"keys": [{"kty": "oct", "kid": "e", "k": "c2VjcmV0"}]},
]


@pytest.mark.parametrize("answer", NO_KEYS)
def test_an_answer_without_a_usable_key_withdraws_none(answer: dict[str, Any]) -> None:
    issuer = Issuer()
    tokens = issuer.tokens()
    admit(tokens, token())
    issuer.answer = answer
    issuer.now_s += 31.0
    with pytest.raises(NotReadyError):
        admit(tokens, token(kid="forged"))
    assert len(issuer.asked) == 4
    assert admit(tokens, token()).tenant == "lab-1"
    issuer.now_s += 700.0
    assert admit(tokens, token()).tenant == "lab-1"


@pytest.mark.parametrize("answer", NO_KEYS)
def test_without_any_known_key_such_an_answer_is_none(answer: dict[str, Any]) -> None:
    issuer = Issuer()
    issuer.answer = answer
    tokens = issuer.tokens()
    for _ in range(3):
        with pytest.raises(NotReadyError):
            admit(tokens, token())
    assert len(issuer.asked) == 2
    issuer.answer = None
    issuer.now_s += 6.0
    assert admit(tokens, token()).tenant == "lab-1"


def test_both_documents_come_within_one_bound() -> None:
    issuer = Issuer()
    issuer.fetch_s = 4.0
    admit(issuer.tokens(), token())
    assert issuer.within_s == [10.0, 6.0]


def test_known_keys_stay_good_while_the_provider_is_away() -> None:
    issuer = Issuer()
    tokens = issuer.tokens()
    issuer.is_away = True
    with pytest.raises(NotReadyError):
        admit(tokens, token())
    issuer.is_away = False
    issuer.now_s += 10.0
    admit(tokens, token())
    issuer.is_away = True
    issuer.now_s += 700.0
    assert admit(tokens, token()).tenant == "lab-1"

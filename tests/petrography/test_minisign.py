from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.pwhash import scrypt

from petrography.errors import ConfigurationError, ModelCardError
from petrography.minisign import (
    SecretKey,
    new_secret_key,
    parse_public_key,
    parse_secret_key,
    public_key_text,
    secret_key_text,
    sign,
    signer_of,
    verify,
)

# What minisign 0.11 wrote: `minisign -G -W`, then `minisign -S` (digest) and `minisign -S -l` (whole
# file) over the six bytes of CONTENT. The key signs nothing else.
CONTENT = b"hello\n"
PUBLIC = """untrusted comment: minisign public key C64296990668D14A
RWRK0WgGmZZCxpvg2isH3KUi6ZRnrFslw6mjtb5rLRzPWeuFeF/wX8a2
"""
SECRET = (
    "untrusted comment: minisign encrypted secret key\n"
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAStFoBpmWQsarZQmDKl0D"
    "6qcMqQw6laEugEbU/SKan1Jxwx2ojapys5vg2isH3KUi6ZRnrFslw6mjtb5rLRzPWeuFeF/wX8a2AAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
)
OF_DIGEST = """untrusted comment: signature from minisign secret key
RURK0WgGmZZCxvnvKfjTyqY6AULKH3JoPfQ3xx7dyD4+821L3+D9ZruSigUS0dXNAPrvnuCSJS7/2/tl/VIV1/wI4rH0UDI4FA0=
trusted comment: timestamp:1795252779\tfile:f\thashed
EofMKK/VAjH6tZ7Wfvz40rP4rshAUmskEce8SYzK5R9gweGP3idDef+mL62Ss8LLpUE4/vqSRsVywkQOom2OBQ==
"""
OF_WHOLE = """untrusted comment: signature from minisign secret key
RWRK0WgGmZZCxlqxfsqJOCbv6vW0/+f/AOKkbimNHQ6nojg/rQz3RmWFKQwRUVd5Xn6DSNzJyVMeg5wvtRBUEZrYQ/Ha/XJbrgo=
trusted comment: timestamp:1795252780\tfile:g
nCgcBNDOT/0zT0JBdEDWIr7J7BbJqGvB/bR8LER1eOs57tLbwuhJsXo8jGFPmhWb6oM1ju34hYQtAwFjqvJrBQ==
"""
KEY = parse_public_key(PUBLIC, source="PUBLIC")
# The smallest that libsodium knows by name: a test must not take a gibibyte.
CHEAP = (scrypt.OPSLIMIT_MIN, scrypt.MEMLIMIT_MIN)


def no_password() -> str:
    pytest.fail("a password was asked for")


@pytest.mark.parametrize(
    ("signature", "comment"),
    [
        (OF_DIGEST, "timestamp:1795252779\tfile:f\thashed"),
        (OF_WHOLE, "timestamp:1795252780\tfile:g"),
    ],
)
def test_signatures_of_minisign_are_good(signature: str, comment: str) -> None:
    assert verify(CONTENT, signature, KEY, source="f") == comment
    assert signer_of(signature, source="f") == KEY.name == "C64296990668D14A"


def test_keys_of_minisign_are_read_and_written_alike() -> None:
    secret = parse_secret_key(SECRET, password=no_password, source="SECRET")
    assert secret.public == KEY
    assert public_key_text(KEY) == PUBLIC
    assert secret_key_text(secret).splitlines()[1] == SECRET.splitlines()[1]


def test_the_same_key_signs_the_same_content_alike() -> None:
    # Ed25519 is deterministic, so ours must be the bytes that minisign wrote.
    secret = parse_secret_key(SECRET, password=no_password, source="SECRET")
    ours = sign(CONTENT, secret, trusted_comment="timestamp:1795252779\tfile:f\thashed")
    assert ours.splitlines()[1:] == OF_DIGEST.splitlines()[1:]


def test_a_public_key_may_be_its_bare_line() -> None:
    assert parse_public_key(PUBLIC.splitlines()[1], source="line") == KEY


def test_an_altered_content_is_refused() -> None:
    with pytest.raises(ModelCardError, match=r"f does not carry a good .* its content was altered"):
        verify(b"hellO\n", OF_DIGEST, KEY, source="f")


def test_an_altered_trusted_comment_is_refused() -> None:
    altered = OF_DIGEST.replace("file:f", "file:g")
    with pytest.raises(ModelCardError, match="the trusted comment was altered"):
        verify(CONTENT, altered, KEY, source="f")


def test_the_untrusted_comment_may_change() -> None:
    renamed = OF_DIGEST.replace("signature from", "anything about")
    assert verify(CONTENT, renamed, KEY, source="f")


def test_another_key_is_named() -> None:
    other = new_secret_key()
    signature = sign(CONTENT, other, trusted_comment="")
    with pytest.raises(ModelCardError, match=f"key {other.public.name}; wanted key {KEY.name}"):
        verify(CONTENT, signature, KEY, source="f")


def test_a_forged_key_id_does_not_help() -> None:
    forger = SecretKey(KEY.key_id, new_secret_key().seed)
    signature = sign(CONTENT, forger, trusted_comment="")
    with pytest.raises(ModelCardError, match="its content was altered"):
        verify(CONTENT, signature, KEY, source="f")


@given(
    data=st.binary(max_size=300), comment=st.text("abc 0:\t", max_size=40), position=st.integers()
)
def test_what_is_signed_verifies_and_any_flipped_bit_does_not(
    data: bytes, comment: str, position: int
) -> None:
    key = SecretKey(b"12345678", bytes(range(32)))
    signature = sign(data, key, trusted_comment=comment)
    assert verify(data, signature, key.public, source="data") == comment
    if data:
        altered = bytearray(data)
        altered[position % len(data)] ^= 1 << position % 8
        with pytest.raises(ModelCardError):
            verify(bytes(altered), signature, key.public, source="data")


@given(st.text(max_size=300))
def test_what_is_no_signature_is_told_so(text: str) -> None:
    with pytest.raises(ModelCardError, match="none of minisign"):
        verify(CONTENT, text, KEY, source="f")


@pytest.mark.parametrize("lost", range(4))
def test_a_signature_that_lacks_a_line_is_told_so(lost: int) -> None:
    lines = OF_DIGEST.splitlines()
    del lines[lost]
    with pytest.raises(ModelCardError, match="none of minisign"):
        verify(CONTENT, "\n".join(lines), KEY, source="f")


@pytest.mark.parametrize("text", ["", "not base64!", SECRET, OF_DIGEST, "RWRK0WgGmZZCxg=="])
def test_what_is_no_public_key_is_told_so(text: str) -> None:
    with pytest.raises(ConfigurationError, match="given is no public key of minisign"):
        parse_public_key(text, source="given")


@pytest.mark.parametrize("text", ["", "not base64!", PUBLIC, OF_DIGEST])
def test_what_is_no_secret_key_is_told_so(text: str) -> None:
    with pytest.raises(ConfigurationError, match="given is no secret key of minisign"):
        parse_secret_key(text, password=no_password, source="given")


def test_a_password_opens_its_key_and_no_other_does() -> None:
    key = new_secret_key()
    text = secret_key_text(key, password="malachite", cost=CHEAP)
    assert parse_secret_key(text, password=lambda: "malachite", source="k") == key
    with pytest.raises(ConfigurationError, match="k cannot be read: the password is wrong"):
        parse_secret_key(text, password=lambda: "azurite", source="k")


def test_a_damaged_key_without_password_is_refused() -> None:
    text = secret_key_text(SecretKey(b"12345678", bytes(32)))
    body = text.splitlines()[1]
    flipped = text.replace(body, body[:100] + ("B" if body[100] == "A" else "A") + body[101:])
    with pytest.raises(ConfigurationError, match="the file is damaged"):
        parse_secret_key(flipped, password=no_password, source="k")


def test_a_secret_key_is_not_printed() -> None:
    key = new_secret_key()
    assert key.seed.hex() not in repr(key)
    assert repr(key.seed) not in repr(key)

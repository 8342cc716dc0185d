"""Multipart bodies taken apart: whatever the cuts between pieces, the same parts come out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petrography.errors import BodyTooLargeError, MalformedRequestError
from service.http_api.upload.parts import PartReader
from service.uploads.spool import Spool, UploadedFile
from tests.http_service import body, part

CONTENTS = st.binary(max_size=60) | st.sampled_from([b"\r\n--cut", b"\r\n--cu", b"--cut--", b"\r"])


@contextmanager
def reader(max_files: int = 500, max_text_bytes: int = 100) -> Iterator[tuple[PartReader, Spool]]:
    with Spool.opened(max_file_bytes=10_000) as spool:
        yield PartReader(b"cut", spool, max_files=max_files, max_text_bytes=max_text_bytes), spool


def content_of(content: UploadedFile | bytes) -> tuple[str | None, bytes]:
    if isinstance(content, UploadedFile):
        return content.name, content.read()
    return None, content


def is_whole(content: bytes) -> bool:
    """Whether a content does not itself hold the boundary."""
    return b"\r\n--cut" not in b"\r\n" + content


@given(
    st.lists(st.tuples(st.booleans(), CONTENTS.filter(is_whole)), max_size=6),
    st.lists(st.integers(1, 40), min_size=1, max_size=30),
)
def test_cuts_between_pieces_do_not_matter(
    wanted: list[tuple[bool, bytes]], lengths: list[int]
) -> None:
    filenames = [
        f"файл {number}.png" if is_file else None for number, (is_file, _) in enumerate(wanted)
    ]
    whole = body(
        *(
            part("field", content, filename=filename)
            for filename, (_, content) in zip(filenames, wanted, strict=True)
        )
    )
    with reader() as (parts, spool):
        begin = 0
        for number in range(len(whole)):
            length = lengths[number % len(lengths)]
            parts.feed(whole[begin : begin + length])
            spool.write()
            begin += length
            if begin >= len(whole):
                break
        parts.require_closed()

        assert [part.name for part in parts.parts] == ["field"] * len(wanted)
        assert [content_of(part.content) for part in parts.parts] == [
            (filename, content) for filename, (_, content) in zip(filenames, wanted, strict=True)
        ]


def test_a_file_is_read_again_and_again() -> None:
    with reader() as (parts, spool):
        parts.feed(body(part("image", b"abc"), part("image", b"defg")))
        spool.write()
        first, second = (part.content for part in parts.parts)

        assert [content_of(content)[1] for content in (second, first, second)] == [
            b"defg",
            b"abc",
            b"defg",
        ]


def test_hundreds_of_files_take_one_descriptor() -> None:
    with reader() as (parts, spool):
        before = psutil.Process().num_fds()
        parts.feed(body(*(part("field", bytes(5000)) for _ in range(300))))
        spool.write()

        assert len(parts.parts) == 300
        assert psutil.Process().num_fds() == before


def test_a_body_that_was_not_closed_says_where_it_ends() -> None:
    with reader() as (parts, _):
        parts.feed(part("image", b"abc"))

        with pytest.raises(MalformedRequestError, match=r"breaks off after \d+ bytes"):
            parts.require_closed()


def test_too_many_files_are_refused_while_they_come() -> None:
    with reader(max_files=3) as (parts, spool):
        for _ in range(3):
            parts.feed(part("field", b"x"))
        spool.write()

        with pytest.raises(MalformedRequestError, match="more than 3"):
            parts.feed(part("field", b"x"))


def test_a_text_is_bounded_while_it_comes() -> None:
    with reader(max_text_bytes=100) as (parts, _):
        parts.feed(part("request", b"x" * 90, filename=None)[:-2])

        with pytest.raises(BodyTooLargeError, match="100 bytes"):
            parts.feed(b"x" * 20)

"""Files over HTTP: ranges, conditions and content codings (RFC 9110), piece by piece."""

from __future__ import annotations

import gzip
import itertools
import uuid
import zlib
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import StreamingResponse

from service.engine import ANALYSES, Engine
from service.http_api.artefact_response import artefact_response
from tests.flat_memory import flat_memory
from tests.kept_results import keep_files

pytestmark = pytest.mark.anyio

PICTURE = bytes(range(256)) * 9
TEXT = b"id,code\n" + b"1,2\n" * 4000
AS_IT_IS = {"Accept-Encoding": "identity"}


@pytest.fixture
def place(http_service: tuple[httpx.AsyncClient, Engine]) -> str:
    """Where an analysis is whose files are known."""
    result_id = str(uuid.uuid4())
    files = {"result.json": b"{}", "labels.png": PICTURE, "grains.csv": TEXT, "sizes.csv": b"a\n"}
    keep_files(http_service[1].store, ANALYSES, result_id, files)
    return f"/v1/analyses/{result_id}"


RANGES = [
    ("bytes=0-0", 0, 0),
    ("bytes=5-", 5, 2303),
    ("bytes=100-199", 100, 199),
    ("bytes=-4", 2300, 2303),
    ("bytes=-99999", 0, 2303),
    ("bytes=2303-99999", 2303, 2303),
    ("BYTES = 1 - 2", 1, 2),
]
BEHIND = ["bytes=2304-", "bytes=99999-99999", "bytes=-0", "bytes=999999999999999999-"]
NO_RANGES = [
    "bytes=0-1,4-5",
    "bytes=9-2",
    "bytes=-",
    "bytes=a-b",
    "bytes=",
    "rows=1-2",
    "bytes",
    "bytes=" + "9" * 5000 + "-",
    "bytes=١-٢",
]


async def test_one_range_is_answered(client: httpx.AsyncClient, place: str) -> None:
    for stated, first, last in RANGES:
        answer = await client.get(f"{place}/labels.png", headers={"Range": stated})

        expected = (206, PICTURE[first : last + 1], stated)
        assert (answer.status_code, answer.content, stated) == expected
        assert answer.headers["content-range"] == f"bytes {first}-{last}/2304"
        assert answer.headers["content-length"] == str(last + 1 - first)
        assert answer.headers["content-type"] == "image/png"


async def test_what_http_alone_refuses_has_a_type_that_stands_in_the_table(
    client: httpx.AsyncClient, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a Python of which the phrases are other ones.
    changed = SimpleNamespace(phrase="Phrase of Another Python")
    monkeypatch.setattr("service.http_api.problems.HTTPStatus", lambda _status: changed)
    answers = [
        await client.get("/nothing"),
        await client.put("/v1/models"),
        await client.post("/v1/estimate", content=b"x"),
        await client.get(f"{place}/labels.png", headers={"Range": BEHIND[0]}),
        await client.get(f"{place}/labels.png", headers={"If-Match": '"other"'}),
    ]
    told = {
        answer.status_code: answer.json()["type"].removeprefix("urn:petroserve:problem:")
        for answer in answers
    }
    assert told == {
        404: "not-found",
        405: "method-not-allowed",
        412: "precondition-failed",
        415: "unsupported-media-type",
        416: "requested-range-not-satisfiable",
    }
    page = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text("utf-8")
    for answer in answers:
        slug, title = told[answer.status_code], answer.json()["title"]
        rows = [line for line in page.splitlines() if line.startswith(f"| `{slug}` |")]
        assert [(f"| {answer.status_code} |" in row, title in row) for row in rows] == [
            (True, True)
        ]


async def test_a_range_behind_the_end_is_refused(client: httpx.AsyncClient, place: str) -> None:
    for stated in BEHIND:
        answer = await client.get(f"{place}/labels.png", headers={"Range": stated})

        assert (answer.status_code, stated) == (416, stated)
        assert answer.headers["content-range"] == "bytes */2304"
        assert answer.headers["content-type"] == "application/problem+json"
        assert "2304 bytes" in answer.json()["detail"]


async def test_what_is_no_single_range_gets_the_whole_file(
    client: httpx.AsyncClient, place: str
) -> None:
    for stated in NO_RANGES:
        headers = [(b"Range", stated.encode())]
        answer = await client.get(f"{place}/labels.png", headers=headers)

        assert (answer.status_code, answer.content, stated) == (200, PICTURE, stated)
        assert answer.headers["accept-ranges"] == "bytes"


async def test_if_range_asks_for_the_same_file(client: httpx.AsyncClient, place: str) -> None:
    etag = (await client.get(f"{place}/labels.png")).headers["etag"]

    for condition, status in ((etag, 206), (f"W/{etag}", 200), ('"other"', 200), ("Sat", 200)):
        headers = {"Range": "bytes=1-2", "If-Range": condition}
        answer = await client.get(f"{place}/labels.png", headers=headers)
        assert (answer.status_code, condition) == (status, condition)
    unchanged = await client.get(
        f"{place}/labels.png", headers={"Range": "bytes=1-2", "If-None-Match": etag}
    )
    assert unchanged.status_code == 304


async def test_if_match_asks_for_one_state_of_the_file(
    client: httpx.AsyncClient, place: str
) -> None:
    etag = (await client.get(f"{place}/labels.png")).headers["etag"]

    for condition in (etag, "*", f'"other", {etag}'):
        answer = await client.get(f"{place}/labels.png", headers={"If-Match": condition})
        assert (answer.status_code, answer.content) == (200, PICTURE)
    # The comparison is strong: a weak tag is that of no state.
    for condition in ('"other"', f"W/{etag}", f'"other", W/{etag}'):
        answer = await client.get(f"{place}/labels.png", headers={"If-Match": condition})
        assert (answer.status_code, answer.headers["etag"]) == (412, etag)


async def test_a_range_is_not_of_head(client: httpx.AsyncClient, place: str) -> None:
    for stated in ("bytes=0-3", BEHIND[0]):
        answer = await client.head(f"{place}/labels.png", headers={"Range": stated} | AS_IT_IS)
        assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(PICTURE)))


async def test_a_file_that_was_not_asked_for_is_not_an_analysis_that_is_gone(
    client: httpx.AsyncClient, place: str
) -> None:
    missing = await client.get(f"{place}/report.pdf")
    assert missing.status_code == 404
    assert missing.json()["type"] == "urn:petroserve:problem:artefact-not-found"
    assert "was made without report.pdf" in missing.json()["detail"]
    gone = await client.get(f"/v1/analyses/{uuid.uuid4()}/report.pdf")
    assert gone.json()["type"] == "urn:petroserve:problem:analysis-not-found"


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(1, 2303), max_size=6, unique=True))
async def test_pieces_make_the_whole(
    client: httpx.AsyncClient, place: str, cuts: list[int]
) -> None:
    edges = [0, *sorted(cuts), len(PICTURE)]
    pieces = [
        (await client.get(f"{place}/labels.png", headers={"Range": f"bytes={a}-{b - 1}"})).content
        for a, b in itertools.pairwise(edges)
    ]

    assert b"".join(pieces) == PICTURE


async def test_text_is_compressed_for_who_takes_it(client: httpx.AsyncClient, place: str) -> None:
    plain = await client.get(f"{place}/grains.csv", headers=AS_IT_IS)
    request = client.build_request(
        "GET", f"{place}/grains.csv", headers={"Accept-Encoding": "gzip"}
    )
    coded = await client.send(request, stream=True)
    raw = b"".join([chunk async for chunk in coded.aiter_raw()])

    assert plain.content == TEXT == gzip.decompress(raw)
    assert len(raw) < len(TEXT) / 10
    assert coded.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == coded.headers["vary"] == "Accept-Encoding"
    # Other bytes have another tag; both say that the client has the file.
    assert plain.headers["etag"] != coded.headers["etag"]
    for etag in (plain.headers["etag"], coded.headers["etag"]):
        answer = await client.get(f"{place}/grains.csv", headers={"If-None-Match": etag})
        assert answer.status_code == 304
    again = await client.send(request, stream=True)
    assert b"".join([chunk async for chunk in again.aiter_raw()]) == raw


ACCEPTED = [
    ("gzip", "gzip"),
    ("br, GZIP;q=0.5", "gzip"),
    ("*", "gzip"),
    ("deflate, x-gzip", "gzip"),
    ("gzip;q=0", None),
    ("gzip;q=0.000, *", None),
    ("*;q=0", None),
    ("br, zstd", None),
    ("identity", None),
    ("gzip;q=nonsense", None),
    ("gzipped", None),
    ("", None),
]


async def test_what_a_client_accepts_is_read(client: httpx.AsyncClient, place: str) -> None:
    for accepted, coding in ACCEPTED:
        answer = await client.get(f"{place}/grains.csv", headers={"Accept-Encoding": accepted})

        assert (answer.headers.get("content-encoding"), accepted) == (coding, accepted)
        assert answer.content == TEXT


async def test_pictures_and_little_files_stay_as_they_are(
    client: httpx.AsyncClient, place: str
) -> None:
    for name in ("labels.png", "sizes.csv"):
        answer = await client.get(f"{place}/{name}", headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in answer.headers
        assert int(answer.headers["content-length"]) == len(answer.content)


async def test_a_range_is_one_of_the_file_itself(client: httpx.AsyncClient, place: str) -> None:
    plain = await client.get(f"{place}/grains.csv", headers=AS_IT_IS)
    coded = await client.get(f"{place}/grains.csv")
    wanted = {"Range": "bytes=8-11", "Accept-Encoding": "gzip"}

    part = await client.get(f"{place}/grains.csv", headers=wanted)
    assert (part.status_code, part.content) == (206, b"1,2\n")
    assert part.headers["etag"] == plain.headers["etag"]
    # Who has begun the compressed file cannot go on with pieces of the other.
    other = await client.get(
        f"{place}/grains.csv", headers=wanted | {"If-Range": coded.headers["etag"]}
    )
    assert (other.status_code, other.content) == (200, TEXT)


async def test_a_large_file_passes_through_little_memory(
    http_service: tuple[httpx.AsyncClient, Engine],
) -> None:
    _, engine = http_service
    result_id = str(uuid.uuid4())
    with engine.store.draft(ANALYSES) as draft:
        draft.write("result.json", b"{}")
        with draft.create("grains.csv") as file:
            file.truncate(50_000_000)
        engine.store.publish(result_id, draft)
    for coding in ("gzip", "identity"):
        scope = {"type": "http", "headers": [(b"accept-encoding", coding.encode())]}
        opened = engine.store.open(ANALYSES, result_id, "grains.csv")
        answer = artefact_response(Request(scope), opened)
        assert isinstance(answer, StreamingResponse)
        size_bytes, checksum = 0, zlib.crc32(b"")
        with flat_memory():
            async for chunk in answer.body_iterator:
                size_bytes += len(chunk)
                checksum = zlib.crc32(bytes(chunk), checksum)
        assert (size_bytes < 100_000, coding) == (coding == "gzip", coding)
        if coding == "identity":
            assert (size_bytes, checksum) == (50_000_000, zlib.crc32(bytes(50_000_000)))

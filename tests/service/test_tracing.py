"""Traces: W3C Trace Context in and out, and spans from the request to the tile batch."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from petrography.errors import ConfigurationError
from service import tracing
from service.engine import Engine
from service.runtime import TileScheduler
from service.settings import read_trace_settings
from service.span_export import SpanRecorder
from service.tracing import Place, place_of
from tests.grpc_service import Service, analyse, upload
from tests.http_service import png
from tests.span_collector import collecting
from tests.tiny_model import CODES, paint

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"
FIELD = png(paint(np.random.default_rng(5).integers(0, len(CODES), (70, 130))))
WITHIN_S = 60.0


def hexadecimal(digits: int) -> st.SearchStrategy[str]:
    return st.integers(1, 16**digits - 1).map(lambda number: f"{number:0{digits}x}")


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    """Spans of this process, in memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before = tracing.install(SpanRecorder(provider))
    yield exporter
    tracing.install(before)
    provider.shutdown()


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def span_id(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


def parent_id(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


@given(hexadecimal(32), hexadecimal(16), st.booleans())
def test_a_place_survives_being_sent(trace_id: str, parent: str, sampled: bool) -> None:
    place = Place(trace_id, parent, sampled)
    assert place_of(place.traceparent) == Place(trace_id, parent, sampled, remote=True)


@given(st.text(alphabet="0123456789abcdefABCDEF-\n ", max_size=60))
def test_a_broken_traceparent_is_none_and_no_error(text: str) -> None:
    place = place_of(text)
    assert place is None or text.startswith(f"{text[:2]}-{place.trace_id}-{place.span_id}-")


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"ff-{TRACE}-{CALLER}-01",
        f"00-{TRACE}-{CALLER}-01-more",
        f"00-{'0' * 32}-{CALLER}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{CALLER}-01",
        f"00-{TRACE}-{CALLER}-01\n",
    ],
)
def test_what_the_standard_calls_invalid(text: str) -> None:
    assert place_of(text) is None


def test_a_later_version_may_say_more() -> None:
    assert place_of(f"cc-{TRACE}-{CALLER}-01-what-comes") == Place(TRACE, CALLER, True, remote=True)


def test_without_a_recorder_the_callers_place_is_handed_on() -> None:
    assert tracing.current_traceparent() is None
    with tracing.continued(TRACEPARENT, "job"), tracing.span("stage"):
        assert tracing.current_traceparent() == TRACEPARENT
    with tracing.continued(None, "job") as begun:
        assert place_of(tracing.current_traceparent()) == Place(
            begun.place.trace_id, begun.place.span_id, remote=True
        )
        assert not begun.place.sampled
    assert tracing.here() is None


def test_stored_work_goes_on_with_its_trace(exported: InMemorySpanExporter) -> None:
    with tracing.continued(TRACEPARENT, "submit"):
        stored = tracing.current_traceparent()
    with pytest.raises(ZeroDivisionError), tracing.continued(stored, "job", kind="consumer"):
        raise ZeroDivisionError("ps_secret")
    spans = by_name(exported)
    assert parent_id(spans["submit"]) == CALLER
    assert parent_id(spans["job"]) == span_id(spans["submit"])
    job = spans["job"]
    assert job.kind is SpanKind.CONSUMER
    assert job.status.status_code is StatusCode.ERROR
    assert dict(job.attributes or {}) == {"error.type": "ZeroDivisionError"}
    assert not job.events


def test_what_a_caller_does_not_sample_is_not_recorded(exported: InMemorySpanExporter) -> None:
    with tracing.continued(f"00-{TRACE}-{CALLER}-00", "request"), tracing.span("part"):
        assert (tracing.current_traceparent() or "").startswith(f"00-{TRACE}-")
        assert (tracing.current_traceparent() or "").endswith("-00")
    assert exported.get_finished_spans() == ()


@pytest.mark.anyio
async def test_a_request_is_a_tree_down_to_its_tile_batches(
    http_service: tuple[httpx.AsyncClient, Engine], exported: InMemorySpanExporter
) -> None:
    client, _ = http_service
    headers = {"traceparent": TRACEPARENT}
    answer = await client.post("/v1/analyses", files={"image": ("f.png", FIELD)}, headers=headers)
    assert answer.status_code == 201
    assert answer.headers["x-request-id"] == TRACE
    await client.get("/nowhere", headers={"traceparent": "00-broken"})
    await client.get("/metrics", headers=headers)

    spans = by_name(exported)
    request, analysis = spans["POST /v1/analyses"], spans["analysis"]
    assert parent_id(request) == CALLER
    assert request.kind is SpanKind.SERVER
    assert (request.attributes or {})["http.response.status_code"] == 201
    assert parent_id(analysis) == parent_id(spans["queue"]) == span_id(request)
    assert (analysis.attributes or {})["petroserve.analysis.id"] == answer.json()["id"]
    for part in ("decode", "segmentation", "statistics", "report", "tile batch"):
        assert parent_id(spans[part]) == span_id(analysis), part
    batches = [one for one in exported.get_finished_spans() if one.name == "tile batch"]
    assert len(batches) == 6
    unknown = spans["GET unmatched"]
    assert (unknown.parent, unknown.status.status_code) == (None, StatusCode.UNSET)
    assert not [name for name in spans if "metrics" in name]


@pytest.mark.anyio
async def test_a_call_goes_on_with_the_trace_of_its_client(
    grpc_service: Service, exported: InMemorySpanExporter
) -> None:
    events = await analyse(grpc_service, upload(FIELD), metadata=(("traceparent", TRACEPARENT),))
    await analyse(grpc_service, upload(FIELD), metadata=(("traceparent", "00-broken"),))

    # Spans are exported when they have ended, which is after the client has its answer.
    async with asyncio.timeout(WITHIN_S):
        while len([one for one in exported.get_finished_spans() if "Analyse" in one.name]) < 2:
            await asyncio.sleep(0.005)
    by_trace: dict[str, dict[str, ReadableSpan]] = {}
    for one in exported.get_finished_spans():
        assert one.context is not None
        by_trace.setdefault(f"{one.context.trace_id:032x}", {})[one.name] = one
    spans = by_trace.pop(TRACE)
    call = spans["/petroserve.v1.AnalysisService/Analyse"]
    assert (parent_id(call), call.kind) == (CALLER, SpanKind.SERVER)
    assert parent_id(spans["analysis"]) == span_id(call)
    made = (spans["analysis"].attributes or {})["petroserve.analysis.id"]
    assert made == events[-1].finished.analysis_id
    for part in ("decode", "segmentation", "tile batch"):
        assert parent_id(spans[part]) == span_id(spans["analysis"]), part
    (begun_anew,) = by_trace.values()
    assert begun_anew["/petroserve.v1.AnalysisService/Analyse"].parent is None


@pytest.mark.anyio
async def test_a_job_goes_on_with_the_trace_of_who_handed_it_in(
    http_service: tuple[httpx.AsyncClient, Engine], exported: InMemorySpanExporter
) -> None:
    client, _ = http_service
    headers = {"traceparent": TRACEPARENT, "Prefer": "respond-async"}
    answer = await client.post("/v1/analyses", files={"image": ("f.png", FIELD)}, headers=headers)
    assert answer.status_code == 202
    async with asyncio.timeout(WITHIN_S):
        while "analysis" not in by_name(exported) or "job" not in by_name(exported):
            await asyncio.sleep(0.01)

    spans = by_name(exported)
    submission, job = spans["POST /v1/analyses"], spans["job"]
    assert parent_id(submission) == CALLER
    assert (parent_id(job), job.kind) == (span_id(submission), SpanKind.CONSUMER)
    analysis = spans["analysis"]
    assert analysis.context is not None
    assert f"{analysis.context.trace_id:032x}" == TRACE
    assert parent_id(analysis) == span_id(job)
    assert (analysis.attributes or {})["petroserve.analysis.id"] == answer.json()["id"]
    assert parent_id(spans["tile batch"]) == span_id(analysis)


class Gate:
    """A network whose first run waits, so that what comes meanwhile shares the next."""

    tile_batch = 2

    def __init__(self) -> None:
        self.began, self.opened = threading.Event(), threading.Event()

    def run(
        self, tiles: NDArray[np.uint8], allowed: NDArray[np.float32]
    ) -> tuple[list[NDArray[Any]], tuple[str, ...]]:
        self.began.set()
        assert self.opened.wait(WITHIN_S)
        return [tiles[..., 0] * allowed[:, 0, None, None]], ()


def test_a_shared_batch_is_linked_to_all_who_share_it(exported: InMemorySpanExporter) -> None:
    network, waiting = Gate(), threading.Semaphore(0)
    tile = np.zeros((1, 4, 4, 3), dtype=np.uint8)

    class Watch:
        def observe_tiles_waiting(self, priority: str, tiles: int) -> None:
            if (priority, tiles) == ("interactive", 2):
                waiting.release()

        def observe_tile_wait(self, priority: str, seconds: float) -> None: ...

        def observe_batch_size(self, tiles: int) -> None: ...

    scheduler = TileScheduler(Watch())

    def request(name: str) -> None:
        with tracing.continued(None, name), scheduler.request(tenant=name) as scheduled:
            scheduled.run(network, tile, np.ones(1, dtype=np.float32))

    with ThreadPoolExecutor(3) as threads:
        futures = [threads.submit(request, "first")]
        assert network.began.wait(WITHIN_S)
        futures += [threads.submit(request, name) for name in ("left", "right")]
        assert waiting.acquire(timeout=WITHIN_S)
        network.opened.set()
        for future in futures:
            future.result(WITHIN_S)
    scheduler.close()

    spans = by_name(exported)
    alone, shared = (one for one in exported.get_finished_spans() if one.name == "tile batch")
    assert parent_id(alone) == span_id(spans["first"])
    assert alone.links == ()
    sharing = {span_id(spans["left"]), span_id(spans["right"])}
    assert {f"{link.context.span_id:016x}" for link in shared.links} == sharing
    assert parent_id(shared) in sharing
    assert (shared.attributes or {})["petroserve.requests"] == 2


SEND = """
from service import tracing
from service.settings import read_trace_settings
from service.span_export import export_recorder

assert read_trace_settings().is_on
tracing.install(export_recorder("1.2"))
with tracing.continued(None, "request", {"http.route": "/v1/analyses"}), tracing.span("analysis"):
    pass
"""


def test_spans_reach_a_real_collector_before_the_process_ends() -> None:
    with collecting() as collector:
        variables = {
            "PATH": os.environ["PATH"],
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=laboratory",
        }
        subprocess.run([sys.executable, "-c", SEND], env=variables, check=True)
    ((resource,),) = [request.resource_spans for request in collector.requests]
    said = {item.key: item.value.string_value for item in resource.resource.attributes}
    assert said["service.name"] == "petroserve"
    assert said["service.version"] == "1.2"
    assert said["deployment.environment"] == "laboratory"
    inner, outer = resource.scope_spans[0].spans
    assert (inner.name, outer.name) == ("analysis", "request")
    assert inner.parent_span_id == outer.span_id
    assert inner.trace_id == outer.trace_id


def test_without_variables_nothing_is_imported() -> None:
    code = (
        "import sys, service.engine\n"
        "assert 'opentelemetry' not in sys.modules\n"
        # FastAPI brings the interface of OpenTelemetry, which does nothing by itself.
        "import service.http_api\n"
        "assert not {'opentelemetry.sdk', 'opentelemetry.exporter'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env={"PATH": os.environ["PATH"]}, check=True)


@pytest.mark.parametrize(
    ("variables", "is_on"),
    [
        ({}, False),
        ({"SERVICE_NAME": "x"}, False),
        ({"EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"TRACES_EXPORTER": "otlp"}, True),
        ({"TRACES_EXPORTER": "none", "EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"SDK_DISABLED": "true", "EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
    ],
)
def test_the_standard_variables_decide(
    clean_environment: pytest.MonkeyPatch, variables: dict[str, str], is_on: bool
) -> None:
    for name, value in variables.items():
        clean_environment.setenv(f"OTEL_{name}", value)
    assert read_trace_settings().is_on is is_on


def test_a_protocol_that_is_not_spoken_is_refused(clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(ConfigurationError, match=r"OTEL_EXPORTER_OTLP_PROTOCOL.*http/protobuf"):
        read_trace_settings()

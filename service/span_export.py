"""Spans to an OpenTelemetry collector, where the ``OTEL_*`` variables name one.

The only module that knows OpenTelemetry, imported when tracing is on. Service name, resource,
sampler, batching, endpoint, headers and compression are read from the standard variables by the
SDK and its exporter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan

from service.tracing import Attribute, Kind, Place

__all__ = ["SpanRecorder", "export_recorder"]

_KINDS: Mapping[Kind, SpanKind] = MappingProxyType(
    {
        "internal": SpanKind.INTERNAL,
        "server": SpanKind.SERVER,
        "client": SpanKind.CLIENT,
        "consumer": SpanKind.CONSUMER,
    }
)


class SpanRecorder:
    """A `service.tracing.Recorder` on a tracer provider.

    Parameters
    ----------
    provider : TracerProvider
        Samples and exports.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("petroserve")

    def begin(
        self,
        name: str,
        *,
        kind: Kind,
        parent: Place | None,
        links: Sequence[Place],
        began_ns: int | None,
        attributes: Mapping[str, Attribute],
    ) -> _RecordedSpan:
        """Begin a span; see `service.tracing.Recorder`."""
        # An empty context, not the current one of OpenTelemetry: the place is kept by ourselves.
        context = Context()
        if parent is not None:
            context = set_span_in_context(NonRecordingSpan(_context_of(parent)), context)
        return _RecordedSpan(
            self._tracer.start_span(
                name,
                context,
                _KINDS[kind],
                dict(attributes),
                [Link(_context_of(link)) for link in links],
                began_ns,
            )
        )

    def flush(self) -> None:
        """Send what has ended."""
        self._provider.force_flush()

    def close(self) -> None:
        """Send what has ended and stop."""
        self._provider.shutdown()


class _RecordedSpan:
    """A `service.tracing.Span` of OpenTelemetry."""

    def __init__(self, recorded: OtelSpan) -> None:
        self._recorded = recorded
        context = recorded.get_span_context()
        self.place = Place(
            f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled
        )

    def note(self, name: str, value: Attribute) -> None:
        self._recorded.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._recorded.update_name(name)

    def fail(self, what: str) -> None:
        self._recorded.set_attribute("error.type", what)
        self._recorded.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        self._recorded.end()


def export_recorder(version: str) -> SpanRecorder:
    """Build a recorder that sends spans in batches to the collector of the ``OTEL_*`` variables.

    Parameters
    ----------
    version : str
        Of this software.
    """
    own = Resource.create({SERVICE_NAME: "petroserve", SERVICE_VERSION: version})
    # Ours are for where the variables say nothing.
    provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return SpanRecorder(provider)


def _context_of(place: Place) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if place.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(place.trace_id, 16), int(place.span_id, 16), place.remote, flags)

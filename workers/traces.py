"""Traces: whose trace a post belongs to goes on with its decision, and a batch may be a span with its stages.

The first is only a copy of headers (W3C Trace Context) and needs nothing. Spans are off unless SLUICEGATE_TRACES names
a collector, and need the extra `otel`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

CONTEXT = ("traceparent", "tracestate")
LONGEST = 512
"""Bytes of a header that is passed on: as many as the standard asks for. A longer one is left behind."""
MOST_LINKS = 32
EXPORT_SECONDS = 2.0
MISSING = "traces need more packages: pip install 'sluicegate[otel]', or leave SLUICEGATE_TRACES unset"

Headers = Sequence[tuple[str, bytes | None]]


class TracesError(Exception):
    """Spans cannot be sent."""


def trace_context(headers: Headers) -> list[tuple[str, bytes]]:
    """Those of a record's headers that say whose trace it belongs to."""
    return [(name, value) for name, value in headers if name in CONTEXT and value and len(value) <= LONGEST]


class Spans(Protocol):
    """Takes note of what a batch and its stages took."""

    def batch(self, records: int, contexts: Iterable[Headers]) -> Any:
        """Begin a batch; stages of the same task are part of it. Returns what ends it."""

    def end(self, begun: Any, error: BaseException | None = None) -> None:
        """End a batch, well or with an error."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """A stage, while the body runs."""


class NoSpans:
    """Takes no note."""

    def batch(self, records: int, contexts: Iterable[Headers]) -> Any:
        return None

    def end(self, begun: Any, error: BaseException | None = None) -> None:
        return None

    def stage(self, name: str) -> AbstractContextManager[object]:
        return nullcontext()


class OpenTelemetry:
    """Sends spans to a collector, in the background."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint`: URL of OTLP over HTTP, such as http://collector:4318/v1/traces. TracesError without the extra."""
        try:
            from opentelemetry import context, trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError:
            raise TracesError(MISSING) from None
        self._context, self._trace, self._propagator = context, trace, TraceContextTextMapPropagator()
        self._provider = TracerProvider(resource=Resource.create({"service.name": "sluicegate"}))
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS))
        )
        self._tracer = self._provider.get_tracer("sluicegate")

    def batch(self, records: int, contexts: Iterable[Headers]) -> Any:
        links = list(islice(filter(None, map(self._link, contexts)), MOST_LINKS))
        span = self._tracer.start_span("batch", attributes={"sluicegate.records": records}, links=links)
        self._context.attach(self._trace.set_span_in_context(span))
        return span

    def _link(self, headers: Headers) -> Any:
        carrier = {name: value.decode("latin-1") for name, value in trace_context(headers)}
        context = self._trace.get_current_span(self._propagator.extract(carrier)).get_span_context()
        return self._trace.Link(context) if context.is_valid else None

    def end(self, begun: Any, error: BaseException | None = None) -> None:
        if error is not None:
            begun.set_status(self._trace.StatusCode.ERROR, type(error).__name__)
        begun.end()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        # What a step raises may quote a post.
        with self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False):
            yield

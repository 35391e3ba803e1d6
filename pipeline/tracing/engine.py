"""Owns how traces are told by OpenTelemetry; imported only where they are.

The provider is its own, never the process's: a library that traces by itself adds nothing to what is told here.
"""

from __future__ import annotations

import os
import socket
from contextvars import ContextVar
from datetime import datetime
from importlib.metadata import version
from types import TracebackType
from typing import Final, Self

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from pipeline import tracing
from pipeline.tracing import Attributes

#: A collector that is away is not waited for: what it misses is missed.
_EXPORT_SECONDS: Final = 5
_KINDS: Final = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_own_id: ContextVar[int | None] = ContextVar("own_id", default=None)


class _Ids(RandomIdGenerator):
    """Random ids, but for a span whose id follows from its row."""

    def generate_span_id(self) -> int:
        return _own_id.get() or super().generate_span_id()


class _OpenSpan(tracing.Span):
    """A span under way."""

    def __init__(self, made: trace.Span) -> None:
        self._span = made

    def __enter__(self) -> Self:
        self._token = contexts.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            # What an error says may be a stranger's text.
            self.fail(kind.__name__)
        contexts.detach(self._token)
        self._span.end()

    def set(self, attributes: Attributes) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, kind: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR, kind))


class Engine:
    """One provider, told to one collector."""

    def __init__(self, service: str, url: str) -> None:
        """`service`: what this process is."""
        named = {
            "service.name": f"igny8-{service}",
            "service.version": version("igny8-pipeline"),
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        }
        self._provider = TracerProvider(resource=Resource.create(named), id_generator=_Ids())
        exporter = OTLPSpanExporter(endpoint=url, timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("igny8")

    def shutdown(self) -> None:
        """Tell what is left."""
        self._provider.shutdown()

    def span(self, name: str, *, parent: str | None, kind: str, attributes: Attributes) -> tracing.Span:
        """A span that is under way from now on."""
        context = None if parent is None else _context(parent)
        return _OpenSpan(self._tracer.start_span(name, context=context, kind=_KINDS[kind], attributes=dict(attributes)))

    def current(self) -> str | None:
        """The span under way."""
        found = trace.get_current_span().get_span_context()
        if not found.is_valid:
            return None
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"

    def link(self, to: str, attributes: Attributes) -> None:
        """The span under way points at that one."""
        found = _remote(to)
        if found is not None:
            trace.get_current_span().add_link(found, dict(attributes))

    def tell(
        self, name: str, *, own: str, parent: str, begun: datetime, ended: datetime, attributes: Attributes
    ) -> None:
        """A span that is over."""
        parts = tracing.parts_of(own)
        if parts is None:
            return
        token = _own_id.set(parts[1])
        try:
            made = self._tracer.start_span(
                name, context=_context(parent), start_time=_nanoseconds(begun), attributes=dict(attributes)
            )
        finally:
            _own_id.reset(token)
        made.end(_nanoseconds(ended))


def _context(parent: str) -> contexts.Context:
    """Below that span, wherever it is under way; nothing of this process's own."""
    remote = _remote(parent)
    if remote is None:
        return contexts.Context()
    return trace.set_span_in_context(NonRecordingSpan(remote), contexts.Context())


def _remote(given: str) -> SpanContext | None:
    """That span, wherever it is under way; None where it is no traceparent."""
    parts = tracing.parts_of(given)
    if parts is None:
        return None
    trace_id, span_id, flags = parts
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000) * 1_000

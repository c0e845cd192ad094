"""Traces with OpenTelemetry: one from the request over the queue to each projection.

Tracing is an optional extra.

The trace travels as a W3C ``traceparent`` in the command's envelope, and from there into its
commit. A command that is not traced has no such field, neither in the inbox nor in the log. Only a
sampled command carries one, so each process that finds one records a span: the API for the request,
the command worker for the handling, each read model for showing it. The last two are children of
the first. Their spans are made when the work is through, with the time at which it began.

Nothing of OpenTelemetry is imported unless its own variables ask for tracing: an OTLP endpoint, or
``OTEL_TRACES_EXPORTER=otlp``. Its other variables configure sampling, resource, headers, batching
and limits.
"""

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from bus.errors import ConfigurationError
from bus.settings import Settings
from bus.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

NAME = "twofold"
STOP_S = 0.5
"""The seconds for the last spans: a collector that is away must not keep a process alive."""

Attributes = Mapping[str, str | int]


class RequestSpan:
    """The span of a request that is being answered."""

    def __init__(self, span: "Span") -> None:
        self._span = span
        context = span.get_span_context()
        self.trace_id = f"{context.trace_id:032x}"
        self.traceparent = (
            f"00-{self.trace_id}-{context.span_id:016x}-01" if context.trace_flags.sampled else None
        )
        """The field that a command carries on; ``None`` if the trace is not recorded."""

    def end(self, name: str, attributes: Attributes, *, failed: bool) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 - only where it is installed

        self._span.update_name(name)
        self._span.set_attributes(attributes)
        if failed:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class Tracing:
    """Records the spans of one process; there is no such object if tracing is not asked for."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415

        self._provider = provider
        self._tracer = provider.get_tracer(NAME, VERSION)
        self._propagator = tracecontext.TraceContextTextMapPropagator()

    @classmethod
    def from_settings(cls, settings: Settings, kind: str) -> Self | None:
        """Return the tracing of a process of one kind, or ``None`` if it is not asked for.

        Raises:
            ConfigurationError: tracing is asked for, and OpenTelemetry is not installed.

        """
        if not settings.traces:
            return None
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        except ImportError:
            raise ConfigurationError("traces need OpenTelemetry: run pip install '.[otel]'") from None
        ours = {"service.name": f"{NAME}-{kind}", "service.namespace": NAME, "service.version": VERSION}
        resource = Resource.create().merge(Resource(ours)).merge(OTELResourceDetector().detect())
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    def request(self, traceparent: str | None, tracestate: str | None) -> RequestSpan:
        """Begin the span of a request, in the caller's trace if it sent one."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        return RequestSpan(
            self._tracer.start_span("request", self._context(traceparent, tracestate), kind=SpanKind.SERVER)
        )

    def record(self, name: str, traceparent: str, began: float, attributes: Attributes) -> None:
        """Record what was done because of a message: from ``began`` (``time.time()``) until now."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        span = self._tracer.start_span(
            name,
            self._context(traceparent, None),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            start_time=int(began * 1e9),
        )
        span.end(time.time_ns())

    def stop(self) -> None:
        """Send what is left, for ``STOP_S`` at most."""
        stopping = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        stopping.start()
        stopping.join(STOP_S)

    def _context(self, traceparent: str | None, tracestate: str | None) -> "Context":
        sent = {"traceparent": traceparent, "tracestate": tracestate}
        return self._propagator.extract({name: value for name, value in sent.items() if value})

"""Middleware: tells of each request by a count, a line in the log and, where asked for, a span.

The route is told by its template and the query not at all: addresses may hold what is nobody's
business. The line names the caller by the token's subject, and its IP address. A subject has
printable characters only (``api.tokens``), so it ends no line.
"""

import time

import falcon

from bus.messages.principal import Principal
from bus.observability import metrics
from bus.observability.logs import logger
from bus.observability.metrics import Metrics
from bus.observability.tracing import Tracing

LEFT = 499
"""The status of a request whose caller left while it waited.

It is sent to nobody; nginx uses the same number.
"""
NO_ROUTE = "(none)"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""Callers make up others, and a label must not have endless values."""
HEALTH = "/health/"
FIRST_FAILURE = 500


class HttpTelemetry:
    """Middleware, the outermost but for ``Resumption``.

    It costs some microseconds, most of them for the line in the log.
    """

    def __init__(self, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self.metrics = metrics
        self._tracing = tracing

    def refused(self, status: int) -> None:
        """Count a request that the server refused before it reached the application."""
        self.metrics.count(metrics.HTTP_REFUSED, str(status))

    def closed(self, why: str) -> None:
        """Count a connection that the server closed though its caller did not ask for it."""
        self.metrics.count(metrics.HTTP_CLOSED, why)

    def left(self, req: falcon.Request) -> None:
        """Tell of a request whose caller left while it waited."""
        self._tell(req, LEFT)

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:  # noqa: ARG002 - Falcon's
        req.context.began = time.perf_counter()
        req.context.span = req.context.traceparent = None
        if self._tracing is not None and not req.path.startswith(HEALTH):
            span = self._tracing.request(req.get_header("traceparent"), req.get_header("tracestate"))
            req.context.span, req.context.traceparent = span, span.traceparent

    def process_response(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        resource: object,  # noqa: ARG002 - Falcon's signature
        req_succeeded: bool,  # noqa: ARG002, FBT001
    ) -> None:
        self._tell(req, resp.status_code)

    def _tell(self, req: falcon.Request, status: int) -> None:
        began: float | None = getattr(req.context, "began", None)
        seconds = 0.0 if began is None else time.perf_counter() - began
        method = req.method if req.method in METHODS else "OTHER"
        route = req.uri_template or NO_ROUTE
        self.metrics.count(metrics.HTTP_REQUESTS, method, route, str(status))
        self.metrics.observe(metrics.HTTP_SECONDS, seconds, method, route)
        principal: Principal | None = getattr(req.context, "principal", None)
        tell = logger.debug if route.startswith(HEALTH) else logger.info
        tell(
            "request",
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 1),
            role=principal.role.value if principal else None,
            subject=principal.subject if principal else None,
            address=req.remote_addr,
            correlation_id=getattr(req.context, "correlation_id", None),
        )
        if span := getattr(req.context, "span", None):
            told = {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            }
            span.end(f"{method} {route}", told, failed=status >= FIRST_FAILURE)

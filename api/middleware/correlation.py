"""The correlation id: one name for all that a request sets off, in logs, commands and events."""

import re

import falcon
import structlog
import uuid_utils

HEADER = "X-Correlation-Id"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_NO_TRACE = "0" * 32


def correlation_id(header: str | None, traceparent: str | None) -> str:
    """Return the caller's id if it is well-formed.

    Else return the trace's id (W3C Trace Context), or without a trace a new one.
    """
    if header is not None and _ACCEPTABLE.fullmatch(header):
        return header
    trace = _TRACEPARENT.fullmatch(traceparent or "")
    if trace and trace[1] != _NO_TRACE:
        return trace[1]
    return str(uuid_utils.uuid7())


def bind(req: falcon.Request) -> None:
    """Put the correlation id of a request into what this thread logs from now on."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(correlation_id=req.context.correlation_id)


class Correlation:
    """Middleware: gives a request its correlation id, for its context, the log and the answer."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        name = correlation_id(req.get_header(HEADER), req.get_header("traceparent"))
        req.context.correlation_id = name
        resp.set_header(HEADER, name)
        bind(req)

    def process_response(
        self,
        req: falcon.Request,  # noqa: ARG002 - Falcon's signature
        resp: falcon.Response,  # noqa: ARG002
        resource: object,  # noqa: ARG002
        req_succeeded: bool,  # noqa: ARG002, FBT001
    ) -> None:
        structlog.contextvars.clear_contextvars()

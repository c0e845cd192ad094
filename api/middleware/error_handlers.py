"""Turns exceptions into problems, by one table from Falcon's own errors to the unforeseen."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import falcon
import redis
from pymongo.errors import ConnectionFailure, PyMongoError

from api.http.problems import Problem, ProblemError
from api.middleware.circuit import RETRY_AFTER_S, UNKNOWN, away
from bus.connections.liveness import is_perhaps_slow
from bus.observability.logs import logger
from read_side.errors import CannotShowError

_CODES: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "no-such-page",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.NOT_ACCEPTABLE: "not-acceptable",
    HTTPStatus.REQUEST_TIMEOUT: "request-too-slow",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body-too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported-media-type",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "headers-too-large",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal-error",
    HTTPStatus.NOT_IMPLEMENTED: "not-implemented",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}
_DETAILS: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "The Allow header lists what can be done at this address.",
    HTTPStatus.REQUEST_TIMEOUT: "The rest of the request did not come in time.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "A body has at most 128 KiB.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The request line and headers are too large.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong here; the correlation id helps to find out what.",
}


def of_status(status: int, detail: str | None = None) -> Problem:
    """Return a problem that says what its status says."""
    other = "malformed-request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal-error"
    return Problem(
        status=status,
        code=_CODES.get(status, other),
        detail=detail or _DETAILS.get(status) or HTTPStatus(status).phrase,
    )


def _on_problem(
    _req: falcon.Request, resp: falcon.Response, error: ProblemError, _params: dict[str, Any]
) -> None:
    error.problem.write_to(resp)
    resp.set_headers(error.headers)


def _on_http_error(
    _req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, _params: dict[str, Any]
) -> None:
    of_status(error.status_code, error.description).write_to(resp)
    resp.set_headers(error.headers or {})


def _on_mongodb(
    req: falcon.Request, resp: falcon.Response, error: PyMongoError, _params: dict[str, Any]
) -> None:
    if isinstance(error, ConnectionFailure) or is_perhaps_slow(error):
        req.context.database_error = error  # the circuit finds out what it is, and tells it
    else:  # nobody else's business
        logger.warning("MongoDB failed a request", error=error, route=req.uri_template)
    away(req, UNKNOWN).write_to(resp)
    resp.set_header("Retry-After", str(RETRY_AFTER_S))


def _on_redis(
    req: falcon.Request, resp: falcon.Response, error: redis.RedisError, _params: dict[str, Any]
) -> None:
    """Answer 503. Only the requests of operators need Redis: nothing else of the API does."""
    logger.warning("Redis failed a request", error=error, route=req.uri_template)
    Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Redis cannot be reached at the moment.").write_to(
        resp
    )
    resp.set_header("Retry-After", str(RETRY_AFTER_S))


def _on_unexpected(
    req: falcon.Request, resp: falcon.Response, error: Exception, _params: dict[str, Any]
) -> None:
    logger.error("a request failed", method=req.method, route=req.uri_template, exc_info=error)
    of_status(HTTPStatus.INTERNAL_SERVER_ERROR).write_to(resp)


def _on_cannot_show(
    req: falcon.Request, resp: falcon.Response, error: CannotShowError, _params: dict[str, Any]
) -> None:
    logger.error("an answer cannot be given", error=error, route=req.uri_template)
    detail = f"{error.read_model} cannot show this at the moment."
    Problem(HTTPStatus.SERVICE_UNAVAILABLE, "read-model-behind", detail).write_to(resp)
    resp.set_header("Retry-After", str(RETRY_AFTER_S))


HANDLERS: Mapping[type[Exception], Callable[..., None]] = {
    Exception: _on_unexpected,
    falcon.HTTPError: _on_http_error,
    PyMongoError: _on_mongodb,
    redis.RedisError: _on_redis,
    CannotShowError: _on_cannot_show,
    ProblemError: _on_problem,
}

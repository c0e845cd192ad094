"""While a database is away, requests that need it are told so at once instead of holding a thread each.

An operation on a database that hangs takes its whole timeout. Without this a few dozen requests would have
every thread wait, and what needs no database, above all the health checks, would wait behind them.

The write and the read database may be different servers, so what needs the one, the other or perhaps both is
told apart, by the request. One request a second gets through and finds out whether the database is back.
"""

from enum import Enum
from http import HTTPStatus

import falcon

from api.problems import Problem, ProblemError
from bus.breaker import Breaker
from bus.logs import logger, told
from bus.outages import SHOWN

RETRY_AFTER_S = 1
_READS = frozenset({"GET", "HEAD"})
_NEEDS_NOTHING = ("/health/", "/metrics", "/docs", "/openapi.json")
_READS_OF_BOTH = ("/commands/", "/events")
_OPERATORS = "/ops/"


class Needs(Enum):
    """Which databases a request reads or writes."""

    NONE = "none"
    WRITE = "write"
    READ = "read"
    BOTH = "both"


def needs(method: str, path: str, *, strong: bool) -> Needs:
    """What a request needs, at most."""
    if path.startswith(_NEEDS_NOTHING):
        return Needs.NONE
    if path.startswith(_OPERATORS):  # the one or the other, whatever is asked for
        return Needs.BOTH
    if method not in _READS:
        return Needs.WRITE
    return Needs.BOTH if strong or path.startswith(_READS_OF_BOTH) else Needs.READ


class Circuit:
    """Middleware; it comes after those that refuse a request for what it is."""

    def __init__(self, pause_s: float = 1.0) -> None:
        self._breakers = {need: Breaker(pause_s) for need in Needs if need is not Needs.NONE}

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        breaker = self._breaker_for(req)
        if breaker is not None and not breaker.admits():
            raise ProblemError(away(req, "It was not carried out."), {"Retry-After": str(RETRY_AFTER_S)})

    def process_response(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        _resource: object,
        _req_succeeded: bool,  # noqa: FBT001 - Falcon's signature
    ) -> None:
        breaker = self._breaker_for(req)
        if breaker is None:
            return
        error = getattr(req.context, "database_away", None)
        if error is not None:
            if breaker.trip():
                logger.warning("MongoDB is away", refused=_needs(req).value, error=told(error)[:SHOWN])
        elif resp.status_code < HTTPStatus.BAD_REQUEST and breaker.close():
            # Others may have been refused without a look at it.
            logger.info("MongoDB is back", served=_needs(req).value)

    def _breaker_for(self, req: falcon.Request) -> Breaker | None:
        need = _needs(req)
        return None if need is Needs.NONE else self._breakers[need]


def _needs(req: falcon.Request) -> Needs:
    return needs(req.method, req.path, strong=req.get_param("consistency") == "strong")


def away(req: falcon.Request, what_became_of_it: str) -> Problem:
    """The database cannot be reached; whoever sent a command learns what became of it."""
    detail = "The database cannot be reached at the moment."
    if req.method not in _READS:
        detail += f" {what_became_of_it}"
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail)

"""Refuses requests at once while a database that they need is away, so that they hold no threads.

An operation on a database that hangs takes its whole timeout. Without this, a few dozen requests
would make every thread wait. Requests that need no database, above all the health checks, would
wait behind them.

Each route says which databases its requests need (``api.app``). Each of the two databases has a
breaker. A request that fails asks the databases that it needs whether they answer
(``bus.connections.liveness``). Those that do not are away: from then on one request a second gets
through and finds out whether they are back. If all of them answer, the request was too slow, or a
connection broke, and only this request is a 503. So one slow query shuts nobody out. The first
request that times out finds a server that hangs. Requests under way by then, at most as many as
there are threads, wait for their own timeouts. Requests that have waited too long behind them
(``api.middleware.deadline``) are refused, too, if they need a database.
"""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

import falcon

from api.http.problems import Problem, ProblemError
from api.middleware.access import Route
from api.middleware.deadline import LATE
from api.middleware.needs import NOTHING, Needs, Store
from api.middleware.shedding import overloaded
from bus.connections.liveness import ServerLiveness, is_perhaps_slow
from bus.observability.logs import logger, redacted
from bus.observability.outages import SHOWN
from bus.primitives.circuit_breaker import CircuitBreaker

RETRY_AFTER_S = 1
_READS = frozenset({"GET", "HEAD"})
UNKNOWN = (
    "Whether the command was accepted is not known: the same request with the same Idempotency-Key is safe to"
    " send again."
)


class Circuit:
    """Middleware; it comes after the middleware that refuses a request for what it is."""

    def __init__(
        self, routes: Iterable[Route], asks: Mapping[Store, Callable[[], object]], pause_s: float = 1.0
    ) -> None:
        """Each of ``asks`` asks a database something, and raises while it does not answer."""
        self._routes = {route.path: route for route in routes}
        self._liveness = {store: ServerLiveness(ask) for store, ask in asks.items()}
        self._breakers = {store: CircuitBreaker(pause_s) for store in Store}

    def process_resource(
        self,
        req: falcon.Request,
        _resp: falcon.Response,
        _resource: object,
        _params: dict[str, Any],
    ) -> None:
        needs = self._needs(req)
        if needs and LATE in req.env:
            why = overloaded("The request has waited too long for its turn.")
            raise ProblemError(why, {"Retry-After": str(RETRY_AFTER_S)})
        self._refuse_if_away(req, needs, "It was not carried out.")

    def refuse_in_vain(self, req: falcon.Request) -> None:
        """Refuse to go on with a waiting request while a database that it needs is away.

        Raises:
            ProblemError: 503.

        """
        self._refuse_if_away(req, self._needs(req), UNKNOWN)

    def _refuse_if_away(self, req: falcon.Request, needs: Needs, what_became_of_it: str) -> None:
        opened = [self._breakers[store] for store in Store if store in needs]
        opened = [breaker for breaker in opened if breaker.is_open]
        # Of two that are open the first decides: a request that gets through finds out about both.
        if opened and not opened[0].admits():
            raise ProblemError(away(req, what_became_of_it), {"Retry-After": str(RETRY_AFTER_S)})

    def process_response(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        _resource: object,
        _req_succeeded: bool,  # noqa: FBT001 - Falcon's signature
    ) -> None:
        needs = self._needs(req)
        error: BaseException | None = getattr(req.context, "database_error", None)
        if error is None:
            if resp.status_code < HTTPStatus.BAD_REQUEST:
                for store in needs:
                    self._found_there(store)
            return
        for store in sorted(needs):
            if not self._liveness[store].answers():
                if self._breakers[store].trip():
                    logger.warning("MongoDB is away", refused=store.value, error=redacted(error)[:SHOWN])
                return  # one is enough: the question takes time that the caller does not have twice
            self._found_there(store)
        if is_perhaps_slow(error):
            logger.warning(
                "a request took MongoDB too long", route=req.uri_template, error=redacted(error)[:SHOWN]
            )
            too_slow(req).write_to(resp)

    def _found_there(self, store: Store) -> None:
        if self._breakers[store].close():  # others may have been refused without a look at it
            logger.info("MongoDB is back", served=store.value)

    def _needs(self, req: falcon.Request) -> Needs:
        route = self._routes.get(req.uri_template or "")
        if route is None:
            return NOTHING
        return route.needs_of(req.method, strong=req.get_param("consistency") == "strong")


def away(req: falcon.Request, what_became_of_it: str) -> Problem:
    """Return the problem of a database that is away; for a command, with what became of it."""
    detail = "The database cannot be reached at the moment."
    return _unserved(req, "unavailable", detail, what_became_of_it)


def too_slow(req: falcon.Request) -> Problem:
    """Return the problem of a request that took too long, while the database answers others."""
    detail = "The database did not carry out this request in time; it answers others."
    return _unserved(req, "too-slow", detail, UNKNOWN)


def _unserved(req: falcon.Request, code: str, detail: str, what_became_of_it: str) -> Problem:
    if req.method not in _READS:
        detail += f" {what_became_of_it}"
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, code, detail)

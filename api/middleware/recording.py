"""Middleware: records in the audit trail what ``ops`` is shown, and prepares the recording of what it does.

What a route is recorded as stands in the table of routes. A read is recorded here, before it is answered. An
action is recorded by its resource, which knows what it is about once it has read the body:
``with req.context.attempt(target):`` around what it does. If it cannot be recorded, the answer is a 503, and
nothing is shown or done.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

import falcon

from api.http.problems import ProblemError
from api.middleware.access import Route
from bus.audit_trail.callers import over_http
from bus.audit_trail.trail import AuditTrail
from bus.errors import RefusedError
from bus.messages.principal import Principal, Role

REFUSALS = (RefusedError, ProblemError)


class Recording:
    """It comes after those that refuse a request for what it is, or because a database is away."""

    def __init__(self, routes: Iterable[Route], trail: AuditTrail) -> None:
        self._routes = {route.path: route for route in routes}
        self._trail = trail

    def process_resource(
        self,
        req: falcon.Request,
        _resp: falcon.Response,
        _resource: object,
        params: dict[str, Any],
    ) -> None:
        route = self._routes.get(req.uri_template or "")
        action = route.recorded_as(req.method) if route else None
        principal: Principal | None = getattr(req.context, "principal", None)
        if action is None or principal is None or principal.role is not Role.OPS:
            return
        caller = over_http(principal, req.remote_addr)
        if action.is_read:
            self._trail.count(caller, action, params)
        else:
            req.context.attempt = partial(self._trail.attempt, caller, action, refusals=REFUSALS)

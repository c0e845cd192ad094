"""Records in the audit trail what ``ops`` is shown, and prepares the recording of what it does.

The table of routes says under which name a route is recorded. This middleware records a read,
before it is answered. A resource records its own action, since it knows the target once it has read
the body: it puts ``with req.context.attempt(target):`` around what it does. If that cannot be
recorded, the answer is a 503, and nothing is shown or done.
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
    """Middleware; it comes after all the middleware that refuses requests.

    That refuses a request for what it is, or because a database is away.
    """

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

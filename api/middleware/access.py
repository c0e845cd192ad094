"""Routes with their roles and the databases they need, and the middleware that checks the roles.

If the table is not complete, the application does not start: a method without roles or needs is an
error, as are roles or needs without a method.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import isgeneratorfunction
from typing import Any, Literal

import falcon
from falcon.routing import CompiledRouter

from api.http.media_types import ACCEPT_PATCH
from api.http.problems import forbidden
from api.middleware.auth import Verifier
from api.middleware.deferral import deferrable
from api.middleware.needs import NOTHING, Needs
from api.middleware.spelling import is_own
from bus.audit_trail.actions import Action
from bus.messages.principal import Role

Roles = frozenset[Role]

ANYONE: Roles = frozenset()
"""No token is needed."""
CUSTOMER_AND_STAFF: Roles = frozenset({Role.CUSTOMER, Role.STAFF})
STAFF_ONLY: Roles = frozenset({Role.STAFF})
STAFF_AND_OPS: Roles = frozenset({Role.STAFF, Role.OPS})
OPS_ONLY: Roles = frozenset({Role.OPS})
OPS_AND_METRICS: Roles = frozenset({Role.OPS, Role.METRICS})
CUSTOMER_STAFF_AND_OPS: Roles = CUSTOMER_AND_STAFF | OPS_ONLY

NOT_RECORDED: Literal[False] = False
"""The route changes nothing, and shows nothing personal."""


@dataclass(frozen=True, slots=True)
class Route:
    """An address, the resource that answers there, and by method its roles and databases."""

    path: str
    resource: object
    roles: Mapping[str, Roles]
    needs: Needs | Mapping[str, Needs]
    """The databases by method; or those of all methods, if these need the same."""
    recorded: Action | Literal[False] | None = None
    """The audit trail's name for what the role ``ops`` does here, or, of a read, is shown here.

    A route that this role may use must have one, or say that it is ``NOT_RECORDED``.
    """
    strong: Needs | None = None
    """The databases that a GET with ``consistency=strong`` needs, if the route takes that."""
    cacheable: bool = False
    """True if a caller's own cache may keep the answer, and ask whether it still holds.

    It is True only for answers without anything personal. All others are ``no-store``: a browser
    writes what it keeps to a disk, where it stays when the customer has logged out.
    """

    def __post_init__(self) -> None:
        implemented = {
            name.removeprefix("on_").upper() for name in dir(self.resource) if name.startswith("on_")
        }
        if implemented != set(self.roles):
            raise ValueError(f"{self.path}: {sorted(implemented)} are there, {sorted(self.roles)} have roles")
        if isinstance(self.needs, Mapping) and set(self.needs) != implemented:
            raise ValueError(f"{self.path}: {sorted(implemented)} are there, {sorted(self.needs)} have needs")
        by_ops = {method for method, roles in self.roles.items() if Role.OPS in roles}
        unknown = [method for method in by_ops if method != "GET" and self.recorded_as(method) is None]
        if unknown or (by_ops and self.recorded is None) or (self.recorded and not by_ops):
            raise ValueError(f"{self.path}: what the audit trail calls it is to be said where ops may use it")

    def recorded_as(self, method: str) -> Action | None:
        """Return the audit trail's name for what ``ops`` does by a method, or ``None``.

        HEAD is a read like GET.
        """
        method = "GET" if method == "HEAD" else method
        if not self.recorded or Role.OPS not in self.roles.get(method, ()):
            return None
        return self.recorded if self.recorded.is_read == (method == "GET") else None

    def needs_of(self, method: str, *, strong: bool = False) -> Needs:
        """Return the databases that a request needs; none for a method that is not there.

        HEAD needs what GET needs.
        """
        method = "GET" if method == "HEAD" else method
        if strong and method == "GET" and self.strong is not None:
            return self.strong
        if isinstance(self.needs, Mapping):
            return self.needs.get(method, NOTHING)
        return self.needs if method in self.roles else NOTHING


class Router(CompiledRouter):
    """Falcon's router; HEAD works wherever GET does, and responders may wait.

    For HEAD see RFC 9110, section 9.3.2.

    A route answers only to its own spelling.

    OPTIONS is one of the methods too. So Falcon's 405 lists the same methods, in the same order, as
    OPTIONS.
    """

    def find(self, uri: str, req: falcon.Request | None = None) -> Any:
        found = super().find(uri, req)
        if found is None or req is None:
            return found
        _resource, _methods, ids, template = found
        return found if all(ids.values()) and is_own(template or "", uri, req.env) else None

    def map_http_methods(self, resource: object, **kwargs: Any) -> dict[str, Any]:
        methods: dict[str, Any] = {
            method: deferrable(responder) if isgeneratorfunction(responder) else responder
            for method, responder in super().map_http_methods(resource, **kwargs).items()
        }
        if "GET" in methods:
            methods.setdefault("HEAD", methods["GET"])
        methods.setdefault("OPTIONS", _options({*methods, "OPTIONS"}))
        return methods


def _options(methods: Iterable[str]) -> Callable[..., None]:
    """Return the responder of OPTIONS for these methods (RFC 9110, 9.3.7; RFC 5789, 3.1)."""
    headers = {"Allow": ", ".join(sorted(methods)), "Content-Length": "0"}
    if "PATCH" in methods:
        headers["Accept-Patch"] = ACCEPT_PATCH

    def respond(_req: falcon.Request, resp: falcon.Response, **_params: Any) -> None:
        resp.set_headers(headers)

    return respond


class Access:
    """Middleware: authenticates the caller, and refuses it if its role may not do this."""

    def __init__(self, routes: Iterable[Route], verifier: Verifier) -> None:
        self._routes = {route.path: route for route in routes}
        self._verifier = verifier

    def process_resource(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        resource: object,  # noqa: ARG002 - Falcon's signature
        params: dict[str, Any],  # noqa: ARG002
    ) -> None:
        method = "GET" if req.method == "HEAD" else req.method
        route = self._routes.get(req.uri_template or "")
        roles = route.roles.get(method) if route else None
        if route is None or roles is None:
            return  # Falcon's own: 405, or what OPTIONS says
        resp.set_header("Cache-Control", "private, no-cache" if route.cacheable else "no-store")
        if not roles:
            return
        resp.set_header("Vary", "Authorization")
        principal = self._verifier.principal(req.get_header("Authorization"))
        req.context.principal = principal  # also for the line of a request that is refused
        if principal.role not in roles:
            raise forbidden(f"This is not for the role {principal.role}.")

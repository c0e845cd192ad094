"""``/``: says what this service is, and where to go."""

from collections.abc import Iterator
from functools import cache

import falcon

from api.site.negotiated import Negotiated, page
from api.site.shapes import About
from bus.version import VERSION

DESCRIPTION = (
    "An order service on CQRS: commands are accepted and carried out in the order accepted, queries are"
    " answered from read models."
)
ABOUT: About = {
    "name": "Twofold",
    "version": VERSION,
    "description": DESCRIPTION,
    "links": {
        "docs": "/docs",
        "openapi": "/openapi.json",
        "ops": "/ops",
        "ready": "/health/ready",
        "problems": "/problems",
    },
}
_PLACES = (
    ("docs", "The API", "every request, to read and to try with a token"),
    ("openapi.json", "openapi.json", "the same for programs, in OpenAPI"),
    ("ops", "Operations", "the dashboard: what goes through the system, and what needs an operator"),
    ("health/ready", "Health", "whether the service can serve, and which of its parts are there"),
    ("problems", "Problems", "what can go wrong with a request, and what to do about it"),
)


class Home:
    """``/``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        _home().answer(req, resp)


@cache
def _home() -> Negotiated:
    return Negotiated(ABOUT, page("Twofold", _body(), root="./"))


def _body() -> Iterator[str]:
    yield f"<p>{DESCRIPTION}</p>"
    yield "<dl>"
    for address, name, what in _PLACES:
        yield f'  <dt><a href="./{address}">{name}</a></dt><dd>{what}</dd>'
    yield "</dl>"

"""``/openapi.json``: the description, made at its first reading and the same from then on."""

from collections.abc import Callable, Iterable
from functools import cached_property

import falcon
import orjson

from api.middleware.access import Route
from api.openapi.document import document
from api.site.files import Content


class Description:
    """Of all that is served; it is one of the routes itself, so it is told of them later."""

    def __init__(self, routes: Callable[[], Iterable[Route]]) -> None:
        self._routes = routes

    @cached_property
    def _content(self) -> Content:
        return Content(orjson.dumps(document(self._routes())), falcon.MEDIA_JSON)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._content.answer(req, resp)

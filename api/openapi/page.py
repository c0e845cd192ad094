"""``/openapi.json``: the description, made for the first reader and the same from then on."""

from collections.abc import Callable, Iterable
from functools import cached_property

import falcon
import orjson

from api.middleware.access import Route
from api.openapi.document import document
from api.site.files import Content


class Description:
    """The description of every route. It is a route itself, so it gets the routes by a function."""

    def __init__(self, routes: Callable[[], Iterable[Route]]) -> None:
        self._routes = routes

    @cached_property
    def _content(self) -> Content:
        return Content(orjson.dumps(document(self._routes())), falcon.MEDIA_JSON)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._content.answer(req, resp)

"""Serves the site's files: open to all, kept by browsers as long as they are the same, locked down.

A page may load nothing but what comes with it, may not be framed and sends nobody a referrer. So
even a gap in its script could not send a token anywhere else.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path

import falcon

from api.http import etags
from api.http.answers import answer_tagged
from api.http.problems import ProblemError
from api.middleware.error_handlers import of_status

FOLDER = Path(__file__).parent
PAGE = "index.html"

SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),  # data: for the icons in Swagger UI's stylesheet
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

_MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Content:
    """Some bytes of a media type."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self._body = body
        self._media_type = media_type
        self._etag = etags.of_bytes(body)

    @classmethod
    def of(cls, path: Path) -> "Content":
        return cls(path.read_bytes(), _MEDIA_TYPES[path.suffix])

    def answer(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.set_headers({**SECURITY, "Cache-Control": "no-cache"})
        answer_tagged(req, resp, self._body, self._etag, self._media_type)


class PageResource:
    """Serves the page of a folder."""

    produces = "text/html"

    def __init__(self, folder: str) -> None:
        self._content = Content.of(FOLDER / folder / PAGE)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._content.answer(req, resp)


class PageFiles:
    """Serves the other files of a page's folder, and the files ``besides`` that the page needs."""

    def __init__(self, folder: str, besides: Iterable[Path] = ()) -> None:
        paths = [path for path in (*(FOLDER / folder).iterdir(), *besides) if path.suffix in _MEDIA_TYPES]
        self._contents = {path.name: Content.of(path) for path in paths if path.name != PAGE}

    def on_get(self, req: falcon.Request, resp: falcon.Response, file: str) -> None:
        content = self._contents.get(file)
        if content is None:
            raise ProblemError(of_status(HTTPStatus.NOT_FOUND))
        content.answer(req, resp)

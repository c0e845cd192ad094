"""One thing at one address, as JSON for a program and as a page for a person, by ``Accept``."""

import re
from collections.abc import Iterable, Mapping
from html import escape
from string import Template

import falcon

from api.http.answers import to_json
from api.http.media_types import prefers_html
from api.site.files import FOLDER, PAGE, Content
from bus.version import VERSION

_HTML = "text/html; charset=utf-8"
_CODE = re.compile(r"`([^`]+)`")


class Negotiated:
    """Whoever does not say what it prefers gets JSON; a browser says so."""

    def __init__(self, document: Mapping[str, object], page: bytes) -> None:
        self._document = Content(to_json(document), falcon.MEDIA_JSON)
        self._page = Content(page, _HTML)

    def answer(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.append_header("Vary", "Accept")
        (self._page if prefers_html(req) else self._document).answer(req, resp)


def page(title: str, body: Iterable[str], *, root: str) -> bytes:
    """The page around some HTML; ``root`` leads from its address to ``/``."""
    template = Template((FOLDER / "pages" / PAGE).read_text())
    given = {"title": escape(title), "body": "\n      ".join(body), "root": root, "version": escape(VERSION)}
    return template.substitute(given).encode()


def inline(text: str) -> str:
    """Markdown of one line as HTML, as far as code is in backticks."""
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))

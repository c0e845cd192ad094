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
    """Answers JSON to a caller that states no preference; a browser states that it prefers HTML."""

    def __init__(self, document: Mapping[str, object], page: bytes) -> None:
        self._document = Content(to_json(document), falcon.MEDIA_JSON)
        self._page = Content(page, _HTML)

    def answer(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.append_header("Vary", "Accept")
        (self._page if prefers_html(req) else self._document).answer(req, resp)


def page(title: str, body: Iterable[str], *, root: str) -> bytes:
    """Return the page around some HTML; ``root`` leads from its address to ``/``."""
    template = Template((FOLDER / "pages" / PAGE).read_text())
    given = {"title": escape(title), "body": "\n      ".join(body), "root": root, "version": escape(VERSION)}
    return template.substitute(given).encode()


def inline(text: str) -> str:
    """Return Markdown of one line as HTML; of its syntax it knows only code in backticks."""
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))

"""Cross-origin requests (the Fetch standard's CORS protocol), for pages of the configured origins.

Falcon's middleware does most of it. This one adds two things. Answers that differ by ``Origin`` say
so in ``Vary``. Otherwise a cache could keep an answer without these headers for somebody else,
and give it to a page that needs them. And scripts may read the headers that this API answers with.

Nothing is allowed with cookies: callers send a token, which a page has to have. OPTIONS needs no
token, so everybody gets an answer to the question that a browser asks before a request. A refusal
by the server itself (its queue is full, the headers are too large) has no such headers. To a script
it looks as if the network had failed.
"""

from collections.abc import Collection
from typing import Any

import falcon
from falcon import CORSMiddleware

from api.http.consistency import HEADER as CONSISTENCY
from api.middleware.correlation import HEADER as CORRELATION

EXPOSED = (
    *("Location", "Link", "ETag", CONSISTENCY, "Preference-Applied", "Retry-After", CORRELATION),
    *("WWW-Authenticate", "Allow", "Accept-Patch"),
)
"""The headers that a script of another origin may read, beside the few that it always may."""


class Cors(CORSMiddleware[Any, Any]):  # typed for ASGI alone
    """Middleware; without it no browser lets a page of another origin read an answer."""

    def __init__(self, origins: Collection[str]) -> None:
        super().__init__(allow_origins=origins, expose_headers=EXPOSED)

    def process_response(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        resource: object,
        req_succeeded: bool,  # noqa: FBT001 - Falcon's signature
    ) -> None:
        super().process_response(req, resp, resource, req_succeeded)
        resp.append_header("Vary", "Origin")

"""Cross-origin requests (the Fetch standard's CORS protocol), for pages of the origins that are configured.

Falcon's middleware does it. Two things are beside it. Answers that differ by ``Origin`` say so in ``Vary``:
else a cache would hand an answer without these headers, kept for somebody else, to a page that needs them.
And scripts get to see the headers that this API answers with.

Nothing is allowed with cookies: callers send a token, which a page has to have. OPTIONS asks for none, so a
browser's question before a request is answered to everybody. What the server itself refuses (a queue that is
full, headers that are too large) has no such headers, and looks to a script as if the network had failed.
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
"""What a script of another origin may read, beside the few headers that it always may."""


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

"""Headers that tell browsers what an answer must not be used for, on every answer.

The application's answers get them from its middleware, and the server's own from ``api.server``.
"""

import falcon

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def security_headers(hsts_s: int | None = None) -> dict[str, str]:
    """Return the headers; for ``hsts_s`` seconds, browsers are to come by TLS alone (RFC 6797).

    It is set only where something speaks TLS for this service.
    """
    return _ALWAYS | ({} if hsts_s is None else {"Strict-Transport-Security": f"max-age={hsts_s}"})


class SecurityHeaders:
    """Middleware; a page adds what it may load (``api.site.files``)."""

    def __init__(self, hsts_s: int | None = None) -> None:
        self._headers = security_headers(hsts_s)

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:  # noqa: ARG002 - Falcon's
        resp.set_headers(self._headers)

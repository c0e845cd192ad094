"""The media types of what is sent and what is answered, and which of them a caller prefers."""

import falcon

MERGE_PATCH = "application/merge-patch+json"
"""RFC 7396: what is left out stays, as in every PATCH here."""
HTML = "text/html"
ACCEPT = falcon.MEDIA_JSON
ACCEPT_PATCH = f"{falcon.MEDIA_JSON}, {MERGE_PATCH}"
"""As the headers of the same names list them."""

UTF_8 = frozenset({"utf-8", "utf8"})
"""How callers write the charset that JSON has in any case; the second is no registered name, but common."""


def accepted_by(method: str) -> str:
    """The media types of a body that is sent by a method."""
    return ACCEPT_PATCH if method == "PATCH" else ACCEPT


def prefers_html(req: falcon.Request) -> bool:
    """Return True for a browser that opens an address, and False for a program that does not mind."""
    try:
        best = falcon.mediatypes.best_match((falcon.MEDIA_JSON, HTML), req.accept.lower())
    except ValueError:  # the header cannot be read
        return False
    return best == HTML

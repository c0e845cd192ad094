"""The media types of requests and answers, and the choice of the one that a caller prefers."""

import falcon

MERGE_PATCH = "application/merge-patch+json"
"""RFC 7396: a field that is left out stays as it is, as in every PATCH here."""
HTML = "text/html"
ACCEPT = falcon.MEDIA_JSON
ACCEPT_PATCH = f"{falcon.MEDIA_JSON}, {MERGE_PATCH}"
"""The values of the headers of the same names."""

UTF_8 = frozenset({"utf-8", "utf8"})
"""Names that callers give the only charset of JSON; the second is not registered, but common."""


def accepted_by(method: str) -> str:
    """Return the media types that a body may have in a request with this method."""
    return ACCEPT_PATCH if method == "PATCH" else ACCEPT


def prefers_html(req: falcon.Request) -> bool:
    """Return True for a browser that opens an address, False for a program that does not mind."""
    try:
        best = falcon.mediatypes.best_match((falcon.MEDIA_JSON, HTML), req.accept.lower())
    except ValueError:  # the header cannot be read
        return False
    return best == HTML

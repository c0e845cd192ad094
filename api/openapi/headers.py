"""The headers that requests and answers have, by their names."""

from collections.abc import Mapping
from typing import Any

from api.http.consistency import HEADER as CONSISTENCY
from api.http.media_types import ACCEPT, ACCEPT_PATCH
from api.middleware.correlation import HEADER as CORRELATION

Described = dict[str, Any]

_TEXT = {"type": "string"}
_TOKEN = "[0-9]{1,4}-[0-9]{1,18}"  # noqa: S105 - a pattern
_TAG = r'(W/)?"[!#-~\x80-\xff]*"'

OF_REQUESTS: Mapping[str, Described] = {
    "Prefer": {
        "description": (
            "`wait=N`: answer with the outcome, if there is one within N seconds (30 at most); with `visible`"
            " beside it, once every read model shows it. On a GET with a Consistency-Token, how long to wait"
            " for it. What makes no sense is ignored (RFC 7240)."
        ),
        "schema": _TEXT,
        "examples": {
            "outcome": {"value": "wait=5"},
            "visible": {"value": "wait=5, visible"},
        },
    },
    "Idempotency-Key": {
        "description": (
            "The same key with the same request is the same command, however often it is sent; with another"
            " request it is a 422. Kept for ever, by who sends it."
        ),
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "If-Match": {
        "description": 'The versions meant: `"v3"`, any ETag of the resource, a list of them, or `*`.',
        "schema": {
            "type": "string",
            "pattern": rf"^([ \t]*\*[ \t]*|[ \t,]*{_TAG}([ \t,]*{_TAG})*[ \t,]*)$",
        },
        "example": "*",
    },
    "If-None-Match": {
        "description": "The ETag of what the caller has; if that is what there is, the answer is a 304.",
        "schema": _TEXT,
    },
    CONSISTENCY: {
        "description": (
            "Tokens of finished commands, separated by commas: the answer has at least what they stand for,"
            " or it is a 503. One that was not given out here is a 400."
        ),
        "schema": {"type": "string", "pattern": rf"^[ \t]*({_TOKEN}[ \t]*)?(,[ \t]*({_TOKEN}[ \t]*)?)*$"},
        "example": "0-0",
    },
    CORRELATION: {
        "description": (
            "A name for everything that the request sets off: 1 to 64 letters, digits and `._:-`."
            " Anything else is ignored, and a name is made up."
        ),
        "schema": _TEXT,
    },
}
"""The headers of requests; none is required."""

OF_ANSWERS: Mapping[str, Described] = {
    "Location": {
        "description": "The resource that is created (a 404 until it is visible), else the command.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Link": {
        "description": "The command.",
        "schema": {"type": "string", "pattern": '^</commands/[^>]+>; rel="status"$'},
    },
    "Preference-Applied": {
        "description": "What was preferred and done (RFC 7240).",
        "schema": {"type": "string", "enum": ["wait", "wait, visible"]},
    },
    CONSISTENCY: {
        "description": "Where the log has this; given back with a GET, the answer has at least this.",
        "schema": {"type": "string", "pattern": f"^{_TOKEN}$"},
    },
    "ETag": {
        "description": "Changes whenever the answer does; that of a resource starts with its version.",
        "schema": {"type": "string", "pattern": '^"[!#-~]+"$'},
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "What to authenticate with (RFC 6750).",
        "schema": {"type": "string", "pattern": "^Bearer "},
    },
    "Accept": {
        "description": "What a body must be.",
        "schema": {"type": "string", "enum": [ACCEPT, ACCEPT_PATCH]},
    },
    "Accept-Encoding": {
        "description": "How a body must be encoded: not at all.",
        "schema": {"type": "string", "const": "identity"},
    },
    "Accept-Patch": {
        "description": "What the body of a PATCH must be (RFC 5789).",
        "schema": {"type": "string", "const": ACCEPT_PATCH},
    },
    "Allow": {
        "description": "What can be done at the address.",
        "schema": _TEXT,
    },
    "Cache-Control": {"description": "Who may keep the answer, and how (RFC 9111).", "schema": _TEXT},
    "Vary": {"description": "What else the answer depends on.", "schema": _TEXT},
    CORRELATION: {
        "description": "The name of what the request set off; the caller's own, if that was good.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
    },
    "Content-Security-Policy": {"description": "What the page may load.", "schema": _TEXT},
    "X-Content-Type-Options": {"description": "", "schema": {"type": "string", "const": "nosniff"}},
    "X-Frame-Options": {"description": "", "schema": {"type": "string", "const": "DENY"}},
    "Referrer-Policy": {"description": "", "schema": {"type": "string", "const": "no-referrer"}},
}

"""The problems of a request itself, whatever it is about."""

from collections.abc import Mapping

from api.http.problem_types.problem_type import ProblemType

TYPES: Mapping[str, ProblemType] = {
    "malformed-request": ProblemType(
        (400,),
        "The request is not HTTP as this service reads it.",
        "Look at what your client, or a proxy before it, really sends.",
    ),
    "malformed-body": ProblemType(
        (400,),
        "The body is not one JSON object in UTF-8, or a name stands twice in one object.",
        "`detail` says where it cannot be read. Send what your JSON library writes, unchanged.",
    ),
    "malformed-query": ProblemType(
        (400,),
        "A parameter of the query is unknown, given more than once, or not what it should be.",
        "`errors` names each. `/openapi.json` lists the parameters of every address.",
    ),
    "malformed-cursor": ProblemType(
        (400,),
        "The cursor was not given out here, or it belongs to a query with another filter.",
        "Pass a cursor on as it was given, with the same filter; or start again without it.",
    ),
    "malformed-header": ProblemType(
        (400,),
        "A header that matters here cannot be read: `Idempotency-Key`, `If-Match` or `Consistency-Token`.",
        "`detail` says which one, and what it takes.",
    ),
    "unknown-consistency-token": ProblemType(
        (400,),
        "A `Consistency-Token` stands for a position that the log of this service does not have. It was not"
        " given out here, or the service was set back to a backup from before it.",
        "Send the request without the token, and do not keep it.",
    ),
    "unauthorized": ProblemType(
        (401,),
        "There is no token, or it is not good here: expired, of another issuer, signed with another key.",
        "`detail` and `WWW-Authenticate` say what is wrong. Get a new token, and send it as"
        " `Authorization: Bearer …`.",
    ),
    "forbidden": ProblemType(
        (403,),
        "The token is good, but its role may not do this; or a customer meant somebody else.",
        "Ask somebody with the role that `/openapi.json` names for it. A new token of the same role does not"
        " help.",
    ),
    "no-such-page": ProblemType(
        (404,), "Nothing is ever at this address.", "`/openapi.json` lists every address."
    ),
    "method-not-allowed": ProblemType(
        (405,), "The method cannot be used at this address.", "`Allow` lists those that can."
    ),
    "not-acceptable": ProblemType(
        (406,),
        "`Accept` excludes what is here, so the request was not carried out.",
        "Accept `application/json`, or send no `Accept`.",
    ),
    "request-too-slow": ProblemType(
        (408,),
        "The rest of the request did not come in time, so it was not carried out.",
        "Send it again over a new connection: a head within 10 s, and a body at more than 8 KiB a second.",
    ),
    "body-too-large": ProblemType(
        (413,),
        "The body is larger than any request here has to be.",
        "An order has at most 200 lines: send several orders.",
    ),
    "unsupported-media-type": ProblemType(
        (415,),
        "The body is of another media type or charset, or it is compressed.",
        "Send JSON in UTF-8 and say so: `Content-Type: application/json`. `Accept`, `Accept-Patch` and"
        " `Accept-Encoding` of the answer list what would do.",
    ),
    "headers-too-large": ProblemType(
        (431,),
        "The address and the headers together are too large.",
        "Look for cookies or headers that this service does not need. The longest that it gives out are"
        " cursors.",
    ),
    "wrong-fields": ProblemType(
        (422,),
        "The body can be read, but some of its fields are missing, unknown or not allowed as they are.",
        "`errors` names each field, as a dotted path, and says why. Correct them and send the request anew.",
    ),
    "too-many-unfinished": ProblemType(
        (429,),
        "So many of your commands are accepted and not yet finished that this one was not accepted.",
        "Try again after the seconds of `Retry-After`, and wait longer each time. Or send commands no faster"
        " than they are finished: `Prefer: wait=10` answers when one is.",
    ),
    "too-many-commands": ProblemType(
        (429,),
        "You send so many commands a second that this one was not accepted.",
        "Try again after the seconds of `Retry-After`, and send fewer a second.",
    ),
    "too-many-waits": ProblemType(
        (429,),
        "So many of your requests are waiting, for an outcome or for a `Consistency-Token`, that this one was"
        " not carried out.",
        "Try again after the seconds of `Retry-After`. Or send it without `Prefer: wait`: a command is then"
        " accepted at once, and `/commands/{command_id}` tells what it came to.",
    ),
    "idempotency-key-reused": ProblemType(
        (422,),
        "This `Idempotency-Key` came before, with another request: another address, body or `If-Match`.",
        "Make a new key for every new request. Keep the key only to repeat the very same request.",
    ),
}

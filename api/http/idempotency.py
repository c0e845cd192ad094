"""``Idempotency-Key``: the same key from the same caller is the same command.

The command's id is derived from the key, so the inbox's ``_id`` is all that has to be unique.
"""

import hashlib
import re
import uuid

import falcon
import orjson
import uuid_utils

from api.http.problems import malformed
from bus.messages.principal import Principal

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_UUID_VERSION = 8
"""RFC 9562: a UUID whose bits are the maker's own."""


def command_id(key: str | None, principal: Principal) -> str:
    """Return a new id without a key, else always the same for the key, issuer, role and subject.

    Raises:
        ProblemError: 400, the key is not 1 to 255 visible characters.

    """
    if key is None:
        return str(uuid_utils.uuid7())
    if not _VISIBLE.fullmatch(key):
        raise malformed("header", "An Idempotency-Key has 1 to 255 visible characters.")
    scoped = orjson.dumps([principal.issuer, principal.role, principal.subject, key])
    bits = int.from_bytes(hashlib.sha256(scoped).digest()[:16], "big")
    bits = bits & ~(0xF << 76) | _UUID_VERSION << 76
    bits = bits & ~(0b11 << 62) | 0b10 << 62
    return str(uuid.UUID(int=bits))


def request_digest(req: falcon.Request, canonical_body: bytes) -> str:
    """Return a digest of what tells requests apart: method, path, body as parsed, ``If-Match``."""
    parts = [req.method, req.path, canonical_body.decode(), req.get_header("If-Match")]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()

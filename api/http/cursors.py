"""Cursors: where a page or the feed ended, as opaque text that says nothing to anybody else.

A cursor is bound to its scope (the query and its filter) and holds the key of the last item seen.
So it stays good for ever, also while documents are added. It is checked, not signed: a caller that
forges one only skips to another place in what it may see anyway. Its layout is base64url of six
bytes of SHA-256 over the rest, followed by the rest, which is ``[1, <scope>, <key>...]`` in JSON.
Later builds can still read it.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence

import orjson

from api.http.problems import ProblemError, malformed

Key = str | int

_LAYOUT = 1
_CHECK_BYTES = 6
_MAX_LENGTH = 65_536  # the feed's has two numbers per partition, and there may be 1,024 of them
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")


def encode(scope: Sequence[str | None], key: Sequence[Key]) -> str:
    payload = orjson.dumps([_LAYOUT, _digest(scope), *key])
    return base64.urlsafe_b64encode(_check(payload) + payload).rstrip(b"=").decode()


def decode(cursor: str, scope: Sequence[str | None], shape: Sequence[type[Key]]) -> list[Key]:
    """Return the key, with values of the types in ``shape``.

    Raises:
        ProblemError: 400, the cursor was made for something else or is damaged.

    """
    if len(cursor) > _MAX_LENGTH or not _ALPHABET.fullmatch(cursor):
        raise _unreadable()
    try:
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        payload = data[_CHECK_BYTES:]
        values = orjson.loads(payload)
    except (binascii.Error, ValueError):
        raise _unreadable() from None
    if data[:_CHECK_BYTES] != _check(payload) or not isinstance(values, list):
        raise _unreadable()
    layout_and_scope, key = values[:2], values[2:]
    if layout_and_scope != [_LAYOUT, _digest(scope)]:
        raise malformed("cursor", "The cursor belongs to another query: start again without it.")
    if [type(value) for value in key] != list(shape) or encode(scope, key) != cursor:
        raise _unreadable()
    return key


def _unreadable() -> ProblemError:
    return malformed("cursor", "The cursor cannot be read: pass on the one that was given, unchanged.")


def _digest(scope: Sequence[str | None]) -> str:
    return hashlib.sha256(orjson.dumps(list(scope))).hexdigest()[:12]


def _check(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()[:_CHECK_BYTES]

"""Answers: JSON by orjson, times in UTC with ``Z``, conditional requests for single resources."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import falcon
import orjson

from api.http import etags

_HIDDEN = frozenset({"_pos", "_mended"})


def to_json(document: Any) -> bytes:
    """Return JSON. Each time has three digits of milliseconds, so that times sort as text too."""
    return orjson.dumps(document, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(type(value).__name__)


def answer(resp: falcon.Response, document: object, status: int = HTTPStatus.OK) -> None:
    """Answer with a document: a mapping or a dataclass."""
    resp.status = int(status)
    resp.content_type = falcon.MEDIA_JSON
    resp.data = to_json(document)


def answer_single(
    req: falcon.Request, resp: falcon.Response, document: dict[str, Any], generation: int, *also: str
) -> None:
    """Answer with a read document, or with 304 if the caller has it already.

    The document's ``_pos`` and all else that tells it apart go into the ETag.
    """
    shown = {field: value for field, value in document.items() if field not in _HIDDEN}
    if "_mended" in document:
        also = (*also, f"mended{document['_mended']}")
    if "stale" in document:
        also = (*also, f"stale{document['stale']['since'].timestamp() * 1000:.0f}")
    etag = etags.of_resource(document["version"], generation, document["_pos"], *also)
    answer_tagged(req, resp, to_json(shown), etag)


def answer_hashed(req: falcon.Request, resp: falcon.Response, document: Mapping[str, object]) -> None:
    """Answer with a document that has no position, or 304; the ETag is its hash."""
    body = to_json(document)
    answer_tagged(req, resp, body, etags.of_bytes(body))


def answer_tagged(
    req: falcon.Request, resp: falcon.Response, body: bytes, etag: str, media_type: str = falcon.MEDIA_JSON
) -> None:
    """Answer with a body that has this ETag, or with 304."""
    resp.set_header("ETag", etag)
    if etags.is_known(req.get_header("If-None-Match"), etag):
        resp.status = int(HTTPStatus.NOT_MODIFIED)
        return
    resp.content_type = media_type
    resp.data = body

"""Answers to operators: of this very moment, and kept by nobody."""

from collections.abc import Mapping
from http import HTTPStatus

import falcon

from api.http.answers import answer


def answer_operator(
    resp: falcon.Response, document: Mapping[str, object], status: int = HTTPStatus.OK
) -> None:
    """Answer with a document that no cache may keep."""
    answer(resp, document, status)
    resp.set_header("Cache-Control", "no-store")

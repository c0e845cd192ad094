"""Whether what the API answers is what its description says: status, headers and body."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import falcon
import jsonschema_rs
import pytest
from falcon import testing

from api.http import bodies, queries
from api.http.problem_types import PROBLEM_TYPES
from api.http.problems import MEDIA_TYPE
from api.openapi.command import described
from api.openapi.operation import Operation
from api.openapi.operations import OPERATIONS
from api.openapi.problems import name

Document = dict[str, Any]

OF_EVERY_MESSAGE = frozenset({"content-type", "content-length"})
"""What HTTP itself says of a body; OpenAPI leaves it out."""
OF_BROWSERS = (
    *("access-control-", "cross-origin-opener-policy", "permissions-policy"),
    *("strict-transport-security", "x-content-type-options"),
)
"""How the headers begin that browsers read, and no caller; OpenAPI leaves them out, too."""
ELSEWHERE = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.INTERNAL_SERVER_ERROR)
"""What is answered where nothing is described; the last by routes that a test adds."""


class Description:
    """The description, to hold answers against."""

    def __init__(self) -> None:
        self.document = described()
        self._paths = {
            re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))): methods
            for path, methods in self.document["paths"].items()
        }

    def resolved(self, part: Document) -> Document:
        """The part, or what it refers to."""
        while "$ref" in part:
            found: Any = self.document
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            part = found
        return part

    def answer(self, method: str, path: str, status: int) -> Document:
        """What is said of an answer.

        Raises:
            AssertionError: nothing.

        """
        answers = self._answers("GET" if method == "HEAD" else method, path)
        assert str(status) in answers, f"{method} {path}: {status} is not described"
        return self.resolved(answers[str(status)])

    def _answers(self, method: str, path: str) -> Document:
        for pattern, methods in self._paths.items():
            if pattern.fullmatch(path) and method.lower() in methods:
                answers: Document = methods[method.lower()]["responses"]
                return answers
        if method == "OPTIONS":
            return {"200": {"description": "", "headers": _of_options()}}
        return {str(int(s)): {"$ref": f"#/components/responses/{name(s)}"} for s in ELSEWHERE}

    def check(self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raises ``AssertionError`` for whatever is not as described; ``headers`` are by lower-case names."""
        answer = self.answer(method, path, status)
        self._check_headers(f"{method} {path} {status}", answer.get("headers", {}), headers)
        if method != "HEAD":
            self._check_body(f"{method} {path} {status}", answer.get("content", {}), headers, body)

    def _check_headers(self, what: str, said: Document, headers: Mapping[str, str]) -> None:
        known = {header.lower(): self.resolved(described) for header, described in said.items()}
        beyond = {
            header
            for header in headers.keys() - known.keys() - OF_EVERY_MESSAGE
            if not header.startswith(OF_BROWSERS)
        }
        assert not beyond, f"{what}: headers that are not described: {beyond}"
        missing = {header for header, how in known.items() if how.get("required")} - headers.keys()
        assert not missing, f"{what}: headers are missing: {missing}"
        for header, value in headers.items():
            if header in known:
                schema = known[header]["schema"]
                self.check_value(schema, int(value) if schema["type"] == "integer" else value, what)

    def _check_body(self, what: str, content: Document, headers: Mapping[str, str], body: bytes) -> None:
        if not content:
            assert body == b"", f"{what}: a body that is not described"
            return
        media_type = headers["content-type"].partition(";")[0]
        assert media_type in content, f"{what}: {media_type}"
        if "json" not in media_type:
            return
        told = json.loads(body)
        self.check_value(content[media_type].get("schema", {}), told, what)
        if media_type == MEDIA_TYPE:
            known_as = PROBLEM_TYPES.get(told["type"].removeprefix("/problems/"))
            assert known_as is not None, f"{what}: {told['type']} leads nowhere"
            assert told["status"] in known_as.statuses, f"{what}: {told['type']} does not come with that"

    def check_value(self, schema: Document, value: object, what: str) -> None:
        whole = {**schema, "components": self.document["components"]}
        errors = jsonschema_rs.Draft202012Validator(whole, validate_formats=True).iter_errors(value)
        told = [f"{error.instance_path}: {error.message}" for error in errors]
        assert not told, f"{what}: {told}\n{value}"


def _of_options() -> Document:
    headers = ("Allow", "Accept-Patch", "X-Correlation-Id", "Cache-Control", "Vary")
    return {header: {"schema": {"type": "string"}} for header in headers}


def _row(req: falcon.Request) -> Operation:
    return OPERATIONS[req.uri_template or "", "GET" if req.method == "HEAD" else req.method]


@contextmanager
def every_answer_checked(description: Description) -> Iterator[None]:
    """Hold every answer of every application in this process against the description, and what it takes.

    Raises:
        AssertionError: at the end, with all that did not fit.

    """
    told: list[str] = []
    serve, read_body, read_query = falcon.App.__call__, bodies.read, queries.read

    def checked(
        self: falcon.App[Any, Any], environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        capture = testing.StartResponseMock()
        body = b"".join(serve(self, environ, capture))
        headers = {header.lower(): value for header, value in capture.headers or ()}
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        try:
            status = int(str(capture.status).split()[0])
            description.check(environ["REQUEST_METHOD"], path, status, headers, body)
        except AssertionError as error:
            told.append(str(error))
        start_response(capture.status, capture.headers)
        return [body]

    def taken(req: falcon.Request, kind: type, described: object) -> None:
        if kind is not described:
            told.append(f"{req.method} {req.uri_template}: takes {kind}, described is {described}")

    def checked_body(req: falcon.Request, kind: type[Any]) -> Any:
        taken(req, kind, _row(req).body)
        return read_body(req, kind)

    def checked_query(req: falcon.Request, kind: type[Any]) -> Any:
        taken(req, kind, _row(req).query)
        return read_query(req, kind)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(falcon.App, "__call__", checked)
        patch.setattr(bodies, "read", checked_body)
        patch.setattr(queries, "read", checked_query)
        yield
    assert not told, "\n".join(told)

"""One command as a client asks for it, and what it must come to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

Body = Mapping[str, Any]
Effect = Callable[[Body], None]


@dataclass(frozen=True, slots=True)
class Expected:
    """The one outcome that a command can have, if all of its client's before it had theirs.

    So a command that was lost, was carried out twice or out of turn shows in its own outcome or in the
    ``version`` of the next. A rejection has a ``code``, a placed order its ``total``.
    """

    status: str
    version: int | None = None
    total: int | None = None
    code: str | None = None


def done(version: int, total: int | None = None) -> Expected:
    return Expected("succeeded", version, total)


def refused(code: str) -> Expected:
    return Expected("rejected", code=code)


def nothing(_: Body) -> None:
    """The effect of what is refused, or changes nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """``effect`` writes down in the client's books what happens, given the answer; for a success only."""

    method: str
    path: str
    body: bytes
    stream: str | None
    """Of the aggregate; ``None`` for an order, whose id is in the answer."""
    expected: Expected
    effect: Effect
    if_match: str | None = None
    key: str = ""


def post(path: str, body: Body, stream: str | None, expected: Expected, effect: Effect = nothing) -> Request:
    return Request("POST", path, orjson.dumps(body), stream, expected, effect)


def patch(path: str, body: Body, stream: str, expected: Expected, effect: Effect = nothing) -> Request:
    return Request("PATCH", path, orjson.dumps(body), stream, expected, effect)


@dataclass(frozen=True, slots=True)
class Change:
    """Changes of something that is at a version, each of which makes it the next."""

    path: str
    stream: str
    version: int

    def to(self, body: Body, rng: Random, effect: Effect) -> Request:
        """Sometimes it insists on the version (``If-Match``), rarely on a wrong one."""
        drawn = rng.random()
        if drawn < 0.01:
            return self._request(body, refused("version-mismatch"), nothing, f'"v{self.version + 1}"')
        if_match = f'"v{self.version}"' if drawn < 0.05 else None
        return self._request(body, done(self.version + 1), effect, if_match)

    def _request(self, body: Body, expected: Expected, effect: Effect, if_match: str | None) -> Request:
        return Request("PATCH", self.path, orjson.dumps(body), self.stream, expected, effect, if_match)


@dataclass(frozen=True, slots=True)
class Record:
    """A command that was accepted, as its client remembers it."""

    key: str
    command_id: str
    stream: str | None
    expected: Expected

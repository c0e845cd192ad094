"""One kept-alive connection to the API, as cheap as the standard library has it."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tests.chaos.request import Request

TIMEOUT_S = 10.0
"""The API answers within 5 s, whatever is away."""
LIFE = 100
"""Requests after which a connection is made anew, so that clients move between the API's processes."""


class NoAnswerError(Exception):
    """The connection was refused, reset or silent: nobody knows whether the command was accepted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``command_id`` is there when the command was kept, by this request or by an earlier one of its key."""

    status: int
    command_id: str | None
    body: Mapping[str, Any]


class Connection:
    def __init__(self, port: int, token: str) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._left = LIFE

    def send(self, request: Request) -> Answer:
        """Ask for a command.

        Raises:
            NoAnswerError: it may be accepted or not.

        """
        headers = {**self._headers, "Idempotency-Key": request.key}
        if request.if_match is not None:
            headers["If-Match"] = request.if_match
        try:
            self._http.request(request.method, request.path, request.body, headers)
            response = self._http.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswerError(type(error).__name__) from error
        self._left -= 1
        if self._left <= 0:
            self.close()
        shown = orjson.loads(body) if body else {}
        return Answer(response.status, _command_id(response.getheader("Link", "")), shown)

    def close(self) -> None:
        """It opens again by itself."""
        self._http.close()
        self._left = LIFE


def _command_id(link: str) -> str | None:
    """From ``</commands/{id}>; rel="status"``."""
    target = link.partition(">")[0].partition("</commands/")[2]
    return target or None

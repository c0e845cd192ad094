"""A client's connection that writes down what it asks, and moves between the API's processes."""

import time
from collections.abc import Sequence
from random import Random

from tests.chaos.connection import Answer, Connection, NoAnswerError
from tests.chaos.request import Request
from tests.failover.history.exchange import Diary, Exchange

WAITING = 0.1
"""The share of requests that wait for their outcome."""
WAIT = "wait=2"
_IDS = ("order_id", "customer_id", "product_id")


def subject(answer: Answer) -> str | None:
    """The id that an answer names."""
    return next((answer.body[name] for name in _IDS if name in answer.body), None)


class RecordedConnection(Connection):
    """Of the client ``name``. Each new connection goes to any of ``ports``."""

    def __init__(self, name: str, ports: Sequence[int], token: str, diary: Diary, rng: Random) -> None:
        super().__init__(rng.choice(ports), token)
        self._name = name
        self._ports = ports
        self._diary = diary
        self._rng = rng

    def send(self, request: Request) -> Answer:
        """Ask for a command, now and then waiting for its outcome.

        Raises:
            NoAnswerError: it may be accepted or not.

        """
        self._headers.pop("Prefer", None)
        if self._rng.random() < WAITING:
            self._headers["Prefer"] = WAIT
        began = time.monotonic()
        try:
            answer = super().send(request)
        except NoAnswerError:
            self._diary.asked(Exchange(self._name, request.key, began, time.monotonic(), None))
            raise
        self._diary.asked(
            Exchange(
                client=self._name,
                key=request.key,
                began=began,
                ended=time.monotonic(),
                status=answer.status,
                command_id=answer.command_id,
                subject=subject(answer),
                version=answer.body.get("version") if answer.status < 300 else None,
            )
        )
        return answer

    def close(self) -> None:
        super().close()
        self._http.port = self._rng.choice(self._ports)

"""A client: a thread that asks for one command after the other at a steady rate, and writes down the answers.

It waits for no outcome. What is not answered, or with 503, it asks for again under the same key until it is
answered, so afterwards it knows of every command whether it was accepted.
"""

import threading
import time
from collections import Counter, deque
from random import Random

from tests.chaos.connection import Answer, Connection, NoAnswerError
from tests.chaos.request import Record, Request
from tests.chaos.trade.trade import Trade

CATCH_UP_S = 3.0
"""So much of what an outage held up is made up for; more would be a flood right after every fault."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
GIVE_UP_S = 90.0
"""When a command is still not answered, long after every fault is over."""
REPEATED = 0.02
"""The share of accepted commands that are asked for once more, some commands later."""


class Client:
    """``start``, and then ``finish``."""

    def __init__(self, trade: Trade, connection: Connection, rng: Random, rate: float) -> None:
        self.trade = trade
        self.records: list[Record] = []
        self.answers: Counter[str] = Counter()
        self.unanswered: list[str] = []
        self.unexpected: list[str] = []
        """Answers that no command of this client should have had."""
        self.doubled: list[str] = []
        """Keys that were answered with two commands."""
        self.slowest_s = 0.0
        self.error: BaseException | None = None
        self._connection = connection
        self._rng = rng
        self._period = 1 / rate
        self._again: deque[tuple[Request, str]] = deque()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Ask for nothing new."""
        self._ending.set()

    def finish(self) -> None:
        """Wait until everything asked for is answered; raises what ended the client before its time."""
        self._thread.join(GIVE_UP_S + 30)
        if self._thread.is_alive():
            raise TimeoutError("a client does not end")
        if self.error is not None:
            raise self.error

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            due = time.monotonic() + self._rng.uniform(0, self._period)
            while not self._ending.wait(max(0.0, due - time.monotonic())):
                self.ask(self.trade.next())
                due = max(due + self._period, time.monotonic() - CATCH_UP_S)
                if self._again and self._rng.random() < 0.2:
                    self._repeat(*self._again.popleft())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self.error = error
        finally:
            self._connection.close()

    def ask(self, request: Request) -> None:
        """Ask until answered; write down what was."""
        answer = self._answered(request)
        if answer is None:
            self.unanswered.append(request.key)
            return
        succeeds = request.expected.status == "succeeded"
        if answer.command_id is None or answer.status >= (400 if succeeds else 500):
            self.unexpected.append(f"{request.method} {request.path} ({request.key}): {answer}")
        elif succeeds:
            request.effect(answer.body)
        if answer.command_id is not None:
            self.records.append(Record(request.key, answer.command_id, request.stream, request.expected))
            if self._rng.random() < REPEATED:
                self._again.append((request, answer.command_id))

    def _repeat(self, request: Request, command_id: str) -> None:
        answer = self._answered(request)
        if answer is not None and answer.command_id != command_id:
            self.doubled.append(f"{request.key}: {command_id}, then {answer}")

    def _answered(self, request: Request) -> Answer | None:
        pause = FIRST_PAUSE_S
        began = time.monotonic()
        while True:
            asked = time.monotonic()
            try:
                answer = self._connection.send(request)
            except NoAnswerError as error:
                self.answers[str(error)] += 1
            else:
                self.answers[str(answer.status)] += 1
                if answer.status != 503:
                    return answer
            finally:
                self.slowest_s = max(self.slowest_s, time.monotonic() - asked)
            if time.monotonic() - began > GIVE_UP_S:
                return None
            time.sleep(pause * self._rng.uniform(0.5, 1))
            pause = min(2 * pause, LONGEST_PAUSE_S)

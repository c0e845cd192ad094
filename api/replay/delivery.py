"""Sending many requests in order without waiting for each, and learning what became of all.

The service decides commands as if each had been handled before the next was accepted, so accepting is all
that has to be waited for; the path of a status change has the order's id from the answer that accepted the
order.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from api.replay.errors import ServiceError
from api.replay.request import Request
from api.replay.sender import PATIENCE_S, Answer, Sender

FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.5

Step = Callable[[], object]
"""Called once per request that is through, for a progress bar."""


@dataclass(slots=True)
class Report:
    """What was done, by the kind of request."""

    new: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    """Those the service had carried out before this run."""
    refused: dict[str, str] = field(default_factory=dict)
    """By the request's key, why."""
    refused_of: Counter[str] = field(default_factory=Counter)


class Delivery:
    """One run over one list of requests."""

    def __init__(self, sender: Sender, patience_s: float = PATIENCE_S) -> None:
        self._sender = sender
        self._patience_s = patience_s
        self._orders: dict[str, str] = {}
        self._open: dict[str, tuple[Request, str]] = {}
        self.report = Report()

    def send(self, requests: Iterable[Request], step: Step) -> None:
        """Have all of them accepted, in order.

        Raises:
            ServiceError: the service is away for too long.

        """
        for request in requests:
            if request.order is not None and request.order not in self._orders:
                self._refuse(request, f"there is no order from {request.order}")
            else:
                path = request.path.format(order_id=self._orders.get(request.order or "", ""))
                answer = self._sender.send(request.method, path, request.body, request.key)
                self._note(request, answer)
            step()

    def settle(self, step: Step, *, visible: bool = False) -> None:
        """Wait until all that was accepted is finished, and with ``visible`` shown by every read model.

        Raises:
            ServiceError: nothing moved for too long.

        """
        for key in list(self._open):
            self._finish(key, visible=visible)
            step()

    @property
    def unsettled(self) -> int:
        """How many are not known to be finished."""
        return len(self._open)

    def order_id(self, key: str) -> str:
        """The order that a request placed."""
        return self._orders[key]

    def _note(self, request: Request, answer: Answer) -> None:
        if answer.order_id is not None:
            self._orders[request.key] = answer.order_id
        if answer.problem is not None:
            self._refuse(request, answer.problem)
        elif answer.finished:
            self.report.known[request.kind] += 1
        else:
            self.report.new[request.kind] += 1
            self._open[request.key] = (request, answer.command_id or "")

    def _refuse(self, request: Request, why: str) -> None:
        self.report.refused[request.key] = why
        self.report.refused_of[request.kind] += 1

    def _finish(self, key: str, *, visible: bool = False) -> None:
        """Wait for one command; the bound is per command, since those behind it get on meanwhile."""
        if key not in self._open:
            return
        request, command_id = self._open[key]
        deadline = time.monotonic() + self._patience_s
        pause = FIRST_PAUSE_S
        while True:
            command = self._sender.get(f"/commands/{command_id}")
            if command["status"] != "accepted" and not (visible and not all(command["visible"].values())):
                break
            if time.monotonic() > deadline:
                what = "is not visible" if command["status"] != "accepted" else "has no outcome"
                raise ServiceError(
                    f"{key} (command {command_id}) {what} after {self._patience_s:g} s; "
                    f"{len(self._open)} may be unfinished. Run this again to go on."
                )
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        del self._open[key]
        if command["status"] != "succeeded":
            self.report.new[request.kind] -= 1
            self._refuse(request, _why(command))


def _why(command: dict[str, object]) -> str:
    problem = command["problem"]
    detail = problem.get("detail") if isinstance(problem, dict) else None
    return f"{command['status']}: {detail}"

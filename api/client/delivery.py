"""Sends many requests without waiting for the outcome of each, and collects all outcomes later.

It sends the requests of one stage in their order, a few at a time. A stage begins when every
request of the stage before is answered. So an order in a later stage than its customer never
overtakes the customer: the service decides commands as if each had been handled before the next was
accepted. A request about an order waits for the answer to the request before it about the same
order. Its path has the order's id, from the answer to the order.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from api.client.errors import ServiceError
from api.client.sender import PATIENCE_S, Reason, Reply, Sender, reason

PARALLEL = 8
"""Requests at a time. The service makes durable together what comes together; more gain little."""
FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.5

OF_A_REFUSED_ORDER = "its order was refused"

Step = Callable[[], object]
"""A callback for a progress bar, called once for each request that is through."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command as it goes over HTTP, prepared ahead of sending.

    The service picks the ids of orders. So a path about an order says ``{order_id}``, and ``order``
    is the key of the request that placed it. ``after`` is the key of the request that must be
    answered first: the order's own, or an earlier change of the order.
    """

    kind: str
    """The name under which the report counts it, in the plural."""
    method: Literal["POST", "PATCH"]
    path: str
    body: Mapping[str, Any]
    key: str
    """Its ``Idempotency-Key``, and its name for other requests."""
    order: str | None = None
    after: str | None = None


@dataclass(slots=True)
class Report:
    """The numbers of what was done, by the kind of request."""

    new: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    """The requests that the service had carried out before this run."""
    refused: dict[str, Reason] = field(default_factory=dict)
    """The reasons of the refusals, by the request's key."""
    refused_of: Counter[str] = field(default_factory=Counter)


class Delivery:
    """One run over stages of requests."""

    def __init__(self, sender: Sender, parallel: int = PARALLEL, patience_s: float = PATIENCE_S) -> None:
        self._sender = sender
        self._parallel = parallel
        self._patience_s = patience_s
        self._orders: dict[str, str] = {}
        self._answers: dict[str, Future[Reply]] = {}
        self._open: dict[str, tuple[Request, str]] = {}
        self.report = Report()

    def send(self, stages: Sequence[Sequence[Request]], step: Step) -> None:
        """Send all requests, stage by stage, and wait until the service has answered each of them.

        Raises:
            ServiceError: the service is away for too long.

        """
        pool = ThreadPoolExecutor(self._parallel)
        try:
            for stage in stages:
                # The pool begins them in this order, so what one waits for has begun before it.
                for request in stage:
                    self._answers[request.key] = pool.submit(self._send, request)
                for request in stage:
                    self._note(request, self._answers[request.key].result())
                    step()
        finally:
            pool.shutdown(cancel_futures=True)
            self._answers.clear()

    def await_outcomes(self, step: Step, *, visible: bool = False) -> None:
        """Wait until all accepted commands are finished, and with ``visible`` in every read model.

        Raises:
            ServiceError: the service is away, or a command not finished or visible, for too long.

        """
        pool = ThreadPoolExecutor(self._parallel)
        try:
            opened = list(self._open.items())
            finished = [pool.submit(self._finished, key, id_, visible=visible) for key, (_, id_) in opened]
            for (key, (request, _)), command in zip(opened, finished, strict=True):
                self._finish(key, request, command.result())
                step()
        finally:
            pool.shutdown(cancel_futures=True)

    @property
    def unfinished(self) -> int:
        """The number of commands that are not known to be finished."""
        return len(self._open)

    def order_id(self, key: str) -> str:
        """Return the id of the order that a request placed."""
        return self._orders[key]

    def _send(self, request: Request) -> Reply:
        if request.after is not None and request.after in self._answers:
            self._answers[request.after].result()
        if request.order is not None and request.order not in self._orders:
            return Reply(None, None, finished=True, refused=Reason(OF_A_REFUSED_ORDER, {}))
        path = request.path.format(order_id=self._orders.get(request.order or "", ""))
        answer = self._sender.send(request.method, path, request.body, request.key)
        if answer.order_id is not None:
            self._orders[request.key] = answer.order_id
        return answer

    def _note(self, request: Request, answer: Reply) -> None:
        if answer.refused is not None:
            self._refuse(request, answer.refused)
        elif answer.finished:
            self.report.known[request.kind] += 1
        else:
            self.report.new[request.kind] += 1
            self._open[request.key] = (request, answer.command_id or "")

    def _refuse(self, request: Request, why: Reason) -> None:
        self.report.refused[request.key] = why
        self.report.refused_of[request.kind] += 1

    def _finished(self, key: str, command_id: str, *, visible: bool) -> dict[str, Any]:
        """Wait for one command; the bound is per command, since later ones get on meanwhile."""
        deadline = time.monotonic() + self._patience_s
        pause = FIRST_PAUSE_S
        while True:
            command = self._sender.get(f"/commands/{command_id}")
            if command["status"] != "accepted" and not (visible and not all(command["visible"].values())):
                return command
            if time.monotonic() > deadline:
                what = "is not visible" if command["status"] != "accepted" else "has no outcome"
                raise ServiceError(
                    f"{key} (command {command_id}) {what} after {self._patience_s:g} s; "
                    f"{len(self._open)} may be unfinished. Run this again to go on."
                )
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _finish(self, key: str, request: Request, command: Mapping[str, Any]) -> None:
        del self._open[key]
        if command["status"] != "succeeded":
            self.report.new[request.kind] -= 1
            self._refuse(request, reason(command["problem"], str(command["status"])))

"""Requests that wait give their thread back and go on later, in whatever thread is free then.

A responder that may wait is a generator: it yields a ``Pause``. It holds all it needs (a place to
wait in, its registration for announcements) by ``with`` across the pause. The router runs such a
responder (``deferrable``). At a pause it raises ``Deferred``, which passes through Falcon unseen:
it is no ``Exception``, so no error handler and no middleware gets it, and the request is neither
answered nor logged. The server (``api.server.channel``) keeps the request at the head of its
connection. When the pause is over, the server calls the application with it once more. Then
``Resumption``, the outermost middleware, goes on with the generator. The checks that refuse a
request for what it is (its token, its body) were made at the first call, and are not made again.

The answer passes the middleware on its way out once, at the end, so duration, log line and trace
are the whole request's. Under a server that cannot put requests aside, the thread waits instead.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import falcon

from api.http.problems import ProblemError
from api.middleware import correlation
from bus.notify.wakeup import Wakeup

T = TypeVar("T")
DEFERS = "twofold.defers"
"""In the environment of a request whose server can put it aside."""
REFUSED_AFTER_S = 0.5
RESUMED = "twofold.resumed"
"""In the environment of a request that was put aside: its ``Deferral``."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of a request: it lasts at most ``seconds``, and ends when the request is woken."""

    seconds: float
    woken: Wakeup

    def in_this_thread(self) -> None:
        self.woken.wait(self.seconds)


Waits = Generator[Pause, None, T]
"""Steps that return a ``T`` and may wait for it."""


class Deferral:
    """A request that may wait, and the steps to go on with. One thread at a time uses it."""

    def __init__(self, req: falcon.Request, resp: falcon.Response, steps: Waits[None]) -> None:
        self.req = req
        self.resp = resp
        self._steps = steps

    def go_on(self) -> None:
        """Go on to the end, or raise ``Deferred`` at the next pause."""
        for pause in self._steps:
            if DEFERS in self.req.env:
                raise Deferred(self, pause)
            pause.in_this_thread()

    def abandon(self) -> None:
        """Give back what the request holds: it will not go on."""
        self._steps.close()


class Deferred(BaseException):
    """A request waits. Like ``GeneratorExit`` it is no error.

    Code that catches any error must let it pass.
    """

    def __init__(self, deferral: Deferral, pause: Pause) -> None:
        super().__init__()
        self.deferral = deferral
        self.pause = pause


def deferrable(responder: Callable[..., Waits[None]]) -> Callable[..., None]:
    """Return a responder, as Falcon calls it, that runs one that may wait."""

    def respond(req: falcon.Request, resp: falcon.Response, **params: Any) -> None:
        Deferral(req, resp, _refused_late(responder(req, resp, **params))).go_on()

    return respond


def _refused_late(steps: Waits[None]) -> Waits[None]:
    """Let a caller that asks too much wait for its 429.

    So its next request takes less from others.
    """
    try:
        yield from steps
    except ProblemError as refusal:
        if refusal.problem.status == HTTPStatus.TOO_MANY_REQUESTS:
            yield Pause(REFUSED_AFTER_S, Wakeup())
        raise


def in_this_thread(steps: Waits[T]) -> T:
    """Return the result of steps that may wait; the thread waits."""
    while True:
        try:
            pause = next(steps)
        except StopIteration as ended:
            result: T = ended.value
            return result
        pause.in_this_thread()


class Resumption:
    """The outermost middleware: goes on with a request put aside, and keeps it from the rest."""

    def __init__(self, refuse_in_vain: Callable[[falcon.Request], None]) -> None:
        """``refuse_in_vain`` raises if it is no use to go on, such as while a database is away."""
        self._refuse_in_vain = refuse_in_vain

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        deferral: Deferral | None = req.env.get(RESUMED)
        if deferral is None:
            return
        resp.complete = True  # no routing, no responder, and none of the middleware behind this one
        before = deferral.resp
        req.context, req.uri_template = deferral.req.context, deferral.req.uri_template
        resp.set_headers(before.headers)
        correlation.bind(req)
        try:
            self._refuse_in_vain(req)
        except Exception:
            deferral.abandon()
            raise
        try:
            deferral.go_on()
        finally:  # an answer here is a status, headers and bytes (``api.http.answers``)
            resp.status, resp.data = before.status, before.data
            resp.set_headers(before.headers)

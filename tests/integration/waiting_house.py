"""A server whose requests wait, and callers that see what comes back and when, over own connections."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import falcon

from api.middleware.access import Router
from api.middleware.correlation import Correlation
from api.middleware.deferral import Pause, Resumption, Waits
from api.middleware.error_handlers import HANDLERS
from api.middleware.telemetry import HttpTelemetry
from api.server.server import Server
from bus.notify.wakeup import Wakeup
from bus.observability.metrics import Metrics
from tests.support.line import PATIENCE_S, Line
from tests.support.waiting import until

THREADS = 4
CALLERS = 100


class Waiting:
    """``/waiting/{name}`` answers with the name once it is woken by it; holds a place meanwhile."""

    def __init__(self, stopping: threading.Event) -> None:
        self.stopping = stopping
        self.woken = {name: Wakeup() for name in map(str, range(CALLERS))}
        self.places: list[str] = []
        self.looks: list[str] = []
        self.pause_s = 3_600.0
        self.waits_again = True
        self.error: Exception | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()

    def on_get(self, _req: falcon.Request, resp: falcon.Response, name: str) -> Waits[None]:
        self.places.append(name)
        try:
            resp.set_header("ETag", f'"{name}"')
            yield Pause(self.pause_s, self.woken[name])
            self.looks.append(name)
            self.goes_on.wait(PATIENCE_S)
            if self.error is not None:
                raise self.error
            if self.waits_again:
                yield Pause(0, self.woken[name])
            resp.data = b"stopped" if self.stopping.is_set() else name.encode()
        finally:
            self.places.remove(name)

    on_post = on_get


class Quick:
    """``/quick`` does not wait."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = b"quick"

    on_post = on_get


class House:
    """A server, what waits on it, and what it told."""

    def __init__(self, server: Server, waiting: Waiting, refused: list[Exception]) -> None:
        self.server = server
        self.waiting = waiting
        self.in_vain = refused

    def line(self) -> Line:
        return Line(self.server.port)

    def until_waiting(self, requests: int) -> None:
        """Until so many have a place and no thread."""
        until(lambda: len(self.server._room) == requests, PATIENCE_S, f"{requests} requests that wait")


@contextmanager
def opened(**bounds: Any) -> Iterator[House]:
    stopping = threading.Event()
    waiting, in_vain = Waiting(stopping), list[Exception]()

    def refuse(_: falcon.Request) -> None:
        if in_vain:
            raise in_vain[0]

    telemetry = HttpTelemetry(Metrics())
    app: falcon.App[Any, Any] = falcon.App(router=Router())
    app.add_middleware([Resumption(refuse), telemetry, Correlation()])
    for kind, handler in HANDLERS.items():
        app.add_error_handler(kind, handler)
    app.add_route("/waiting/{name}", waiting)
    app.add_route("/quick", Quick())
    server = Server(
        app, "127.0.0.1", 0, threads=THREADS, stopping=stopping, on_leaving=telemetry.left, **bounds
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield House(server, waiting, in_vain)
    finally:
        waiting.goes_on.set()
        server.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()

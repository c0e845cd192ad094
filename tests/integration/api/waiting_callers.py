"""A web process over a shop with two threads, and callers of it, each in a thread of its own."""

import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest import mock

import httpx

from api.app import create_app
from api.middleware import deadline
from api.middleware.deadline import bounded
from api.server import server as server_module
from api.server.server import Server
from tests.support.plain_http import NO_TLS
from tests.support.shop_api import Shop
from tests.support.waiting import until

PATIENCE_S = 60.0
CALLERS = 100
THREADS = 2
Callers = list[Future[httpx.Response]]
LONG = "wait=600"
"""Beyond what any test waits, where ``MAX_WAIT_S`` is that long."""


class Web:
    """A web process over a shop, and callers."""

    def __init__(self, shop: Shop, server: Server, client: httpx.Client, pool: ThreadPoolExecutor) -> None:
        self.shop = shop
        self.server = server
        self.client = client
        self._pool = pool

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, path, json=body, headers=named)

    def sends(self, method: str, path: str, body: Any = None, **headers: str) -> Future[httpx.Response]:
        """Send from a thread of its own."""
        return self._pool.submit(self.send, method, path, body, **headers)

    def adds_product(self, number: int, prefer: str = LONG) -> Future[httpx.Response]:
        return self.sends("POST", "/products", product(number), Idempotency_Key=f"k{number}", Prefer=prefer)

    def reads(self, path: str, token: str, method: str = "GET", **headers: str) -> Future[httpx.Response]:
        return self.sends(method, path, Consistency_Token=token, Prefer=LONG, **headers)

    def until_waiting(self, requests: int) -> None:
        until(lambda: len(self.server._room) == requests, PATIENCE_S, f"{requests} requests that wait")

    def callers(self, count: int, send: Callable[[int], Future[httpx.Response]]) -> Callers:
        """So many callers that wait. They come a few at a time, so that a slow machine is not too late."""
        callers = []
        for number in range(count):
            callers.append(send(number))
            if number % 4 == 3:
                self.until_waiting(len(callers))
        self.until_waiting(count)
        return callers

    def accepted(self) -> list[str]:
        return [str(stored["_id"]) for stored in self.shop.write["commands"].find()]


def product(number: int) -> dict[str, Any]:
    return {"product_id": f"p{number}", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}


@contextmanager
def serving(shop: Shop, *, cors_origins: Collection[str] = ()) -> Iterator[Web]:
    """On a slow machine, no request is refused for being late, neither for a thread nor at the end."""
    with (
        mock.patch.object(deadline, "PATIENCE_S", PATIENCE_S),
        mock.patch.multiple(server_module, DRAIN_S=PATIENCE_S, REFUSE_AFTER_S=PATIENCE_S),
    ):
        yield from _serving(shop, cors_origins)


def _serving(shop: Shop, cors_origins: Collection[str]) -> Iterator[Web]:
    stopping = shop.services.commands._stopping
    server = Server(
        bounded(create_app(shop.services, cors_origins)),
        "127.0.0.1",
        0,
        threads=THREADS,
        on_leaving=shop.services.telemetry.left,
        stopping=stopping,
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{server.port}",
        headers=dict(shop.staff._default_headers or {}),
        limits=httpx.Limits(max_connections=None),
        timeout=PATIENCE_S,
        trust_env=False,
        verify=NO_TLS,
    )
    try:
        with client, ThreadPoolExecutor(CALLERS + 10) as pool:
            try:
                yield Web(shop, server, client, pool)
            finally:
                server.stop()
    finally:
        thread.join(PATIENCE_S)
        stopping.clear()  # the shop is opened once for the module
        assert not thread.is_alive()

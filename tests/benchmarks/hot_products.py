"""Changes of one product, and of as many products, while somebody who has nothing to do with them waits.

A system of its own has the products. For a rate, the changes are posted to a further web process whose queue
no worker sees (``backstage``); the clock starts when all of them come on the queue at once. So the rate is
that of the write side with a backlog, and not of the API. For a burst, they are posted to the system's own
web process, by few callers, so that the web process is not what others wait for. Either ends when no command
is undecided, but the one that may wait meanwhile.

That one is a change of a customer, with ``Prefer: wait``, one after another. The customers are in the hot
product's partition, where they would suffer first.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, cycle
from typing import Self

import redis

from bus.messages.streams import product_stream
from tests.benchmarks import decisions, wire, workload
from tests.benchmarks.backstage import Backstage
from tests.benchmarks.caller import LAST_ANSWERS_S, Caller
from tests.benchmarks.meanwhile import Meanwhile
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.support.waiting import until

QUEUE = "commands"
HOT = "hot0"
OTHERS = 6
BURST_CALLERS = 4
WAIT_S = 30
PATIENCE_S = 120.0
POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of one turn."""

    per_s: float
    """Changes decided a second."""
    decided: int
    changes: int
    others_ms: Samples

    @property
    def is_finished(self) -> bool:
        """False if the time was up before everything was decided."""
        return self.decided == self.changes


class HotProducts:
    """The shop, from entering to leaving, on a stage that nobody else uses meanwhile."""

    def __init__(self, stage: Stage, size: Size) -> None:
        self._stage = stage
        self._size = size
        self._token = stage.token("staff", "ann")
        self._products = [f"hot{number}" for number in range(size.changes)]
        self._prices = count(1_000)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            stage = self._stage
            self._backstage = Backstage(stage.redis.url)
            opening.callback(self._backstage.close)
            self._queue = redis.Redis.from_url(stage.redis.url)
            opening.callback(self._queue.close)
            self._changes_of_others = self._endless(self._register())
            self._until_idle()
            self._backstage_port = stage.serve_api("web-backstage", REDIS_URL=self._backstage.url)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def alone(self) -> Samples:
        """Milliseconds that somebody else waits while nothing else goes on."""
        return Samples.of([self._wait() for _ in range(self._size.alone)])

    def one_product(self) -> Turn:
        return self._turn([HOT] * self._size.changes)

    def many_products(self) -> Turn:
        return self._turn(self._products)

    def burst(self) -> Turn:
        """All changes of the one product by those who go on as soon as each is accepted.

        Raises:
            TimeoutError: what went before is not finished.

        """
        self._until_idle()
        changes = self._price_changes([HOT] * self._size.changes)
        began = time.perf_counter()
        with Meanwhile(self._wait) as meanwhile:
            _post(self._stage.port, BURST_CALLERS, changes)
            left = self._until_decided(began + self._size.changes_s)
            seconds = time.perf_counter() - began
        decided = len(changes) - left
        return Turn(decided / seconds, decided, len(changes), meanwhile.samples)

    def _price_changes(self, products: list[str]) -> list[bytes]:
        return [
            wire.patch(f"/products/{product_id}", {"unit_price": next(self._prices)}, self._token)
            for product_id in products
        ]

    def _turn(self, products: list[str]) -> Turn:
        """Change the price of each, in this order.

        Raises:
            TimeoutError: what went before is not finished.

        """
        self._until_idle()
        changes = self._price_changes(products)
        _post(self._backstage_port, self._size.callers, changes)
        until(lambda: self._backstage.waiting(QUEUE) == len(changes), PATIENCE_S, "every change waits")
        self._backstage.raise_curtain()
        began = time.perf_counter()
        with Meanwhile(self._wait) as meanwhile:
            left = self._until_decided(began + self._size.changes_s)
            seconds = time.perf_counter() - began
        decided = len(changes) - left
        return Turn(decided / seconds, decided, len(changes), meanwhile.samples)

    def _until_decided(self, deadline: float) -> int:
        """Return how many changes are left: 0 unless the time is up first."""
        while time.perf_counter() < deadline:
            if decisions.undecided(self._stage.write_database, most=2) < 2:
                return 0
            time.sleep(POLL_S)
        return max(0, decisions.undecided(self._stage.write_database) - 1)

    def _wait(self) -> float:
        """Somebody else's change: 204, or 202 when it has waited for as long as it may."""
        began = time.perf_counter()
        with Caller(self._stage.port, 1, WAIT_S + LAST_ANSWERS_S) as waiter:
            answer = waiter.ask(next(self._changes_of_others))
        if answer[9:12] not in {b"204", b"202"}:
            raise AssertionError(f"answered {answer[:500]!r}")
        return 1000 * (time.perf_counter() - began)

    def _until_idle(self) -> None:
        """No command is undecided, and no message is left that would be in the way of others."""

        def is_idle() -> bool:
            waiting = self._queue.hlen(f"dramatiq:{QUEUE}.msgs")
            return not waiting and not decisions.undecided(self._stage.write_database, most=1)

        until(is_idle, PATIENCE_S, "every command decided")

    def _register(self) -> list[str]:
        """Products that can be changed, and the customers who have nothing to do with them."""
        candidates = [f"other{number}" for number in range(100)]
        neighbours = workload.neighbours(product_stream(HOT), candidates, self._stage.settings.log_partitions)
        others = list(neighbours[:OTHERS])
        products = [
            wire.post(
                "/products",
                {"product_id": each, "name": each, "unit_price": 900, "currency": workload.CURRENCY},
                self._token,
            )
            for each in self._products
        ]
        customers = [
            wire.post(
                "/customers",
                {"customer_id": each, "name": each, "email": f"{each}@workload.example"},
                self._token,
            )
            for each in others
        ]
        _post(self._stage.port, self._size.callers, products + customers)
        return others

    def _endless(self, customers: list[str]) -> Iterator[bytes]:
        for number, customer_id in enumerate(cycle(customers)):
            change = {"email": f"{customer_id}.{number}@workload.example"}
            yield wire.patch(f"/customers/{customer_id}", change, self._token, f"wait={WAIT_S}")


def _post(port: int, callers: int, requests: list[bytes]) -> None:
    """Each of them once; raises ``AssertionError`` unless all are accepted.

    On new connections: between turns the server would close them, for being idle.
    """
    with Caller(port, callers) as caller:
        caller.as_fast_as_it_goes(requests, PATIENCE_S, most=len(requests)).rate(202)

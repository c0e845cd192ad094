"""Ordinary callers: reads and orders at a moderate rate, by turns over kept and over new connections."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.benchmarks import wire
from tests.benchmarks.samples import Samples
from tests.support.system import System

RATE = 40.0
"""Requests a second: far below what the system can take."""
GIVES_UP_S = 10.0
FIRST_REFUSAL = 400
_VISIBLE = {"Prefer": "wait=30, visible"}
_ADDRESS = {"line1": "1 Row", "city": "York", "country": "GB"}
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Pace:
    """What an ordinary caller was answered; ``seconds`` are of what was not refused, from when it was due."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0

    def ms(self, percent: float) -> float:
        """A percentile of the answers, in milliseconds; NaN without one."""
        return 1000 * Samples.of(self.seconds).percentile(percent) if self.seconds else float("nan")

    @property
    def refused(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= FIRST_REFUSAL)


class OrdinaryCaller:
    """Staff and a customer by turns; they have a customer, a product and an order of their own."""

    def __init__(self, system: System) -> None:
        self._port = int(system.url.rpartition(":")[2])
        order = {
            "customer_id": "c1",
            "items": [{"product_id": "p1", "quantity": 1}],
            "shipping_address": _ADDRESS,
        }
        founding = {
            "/customers": {"customer_id": "c1", "name": "Ann", "email": "a@b.example"},
            "/products": {"product_id": "p1", "name": "Teapot", "unit_price": 100, "currency": "EUR"},
            "/orders": order,
        }
        staff = system.client("staff")
        answers = [staff.post(path, json=body, headers=_VISIBLE) for path, body in founding.items()]
        known = answers[-1].raise_for_status().json()["order_id"]
        requests = [
            request
            for token in (system.token("staff", "ordinary"), system.token("customer", "c1"))
            for request in (
                wire.post("/orders", order, token),
                wire.get(f"/orders/{known}", token),
                wire.get("/orders?limit=20", token),
                wire.get("/products/p1", token),
            )
        ]
        self._kept: list[Streams] = []
        self._turns: Iterator[tuple[bytes, bool]] = itertools.cycle(
            (request, keeps) for keeps in (True, False) for request in requests
        )

    def pace(self, seconds: float) -> Pace:
        """Ask for so many seconds, and wait for the last answers."""
        return asyncio.run(self._ask_for(seconds))

    async def _ask_for(self, seconds: float) -> Pace:
        pace = Pace()
        began = time.perf_counter()
        asking = []
        for number in range(int(seconds * RATE)):
            due = began + number / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asking.append(asyncio.create_task(self._ask(pace, due, *next(self._turns))))
        await asyncio.gather(*asking)
        while self._kept:
            self._kept.pop()[1].close()
        return pace

    async def _ask(self, pace: Pace, due: float, request: bytes, keeps: bool) -> None:  # noqa: FBT001 - a turn
        try:
            async with asyncio.timeout(GIVES_UP_S):
                status = await self._answer(request, keeps=keeps)
        except (OSError, asyncio.IncompleteReadError):  # a TimeoutError is an OSError
            pace.unanswered += 1
            return
        pace.statuses[status] += 1
        if status < FIRST_REFUSAL:
            pace.seconds.append(time.perf_counter() - due)

    async def _answer(self, request: bytes, *, keeps: bool) -> int:
        reader, writer = await self._connection(keeps=keeps)
        done = False
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            await reader.readexactly(length)
            done = True
        finally:
            if done and keeps:
                self._kept.append((reader, writer))
            else:
                writer.close()
        return int(head[9:12])

    async def _connection(self, *, keeps: bool) -> Streams:
        while keeps and self._kept:
            reader, writer = self._kept.pop()
            if not reader.at_eof():  # as any client does with a connection that the server closed
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)

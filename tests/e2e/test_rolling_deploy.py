"""A rolling deploy under load: the next build, with newer forms, beside this one, and then alone."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.e2e.next_build import copied
from tests.support.processes import Process
from tests.support.system import System
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(400)

WAITING = {"Prefer": "wait=30"}
DONE = frozenset({201, 204})
KEPT = frozenset({201, 202})
"""A request that is sent again may find its order placed by then."""
LIFE = ("confirmed", "shipped", "delivered")
BESIDE_S = 90.0
EACH = 20
"""Confirmations that each build must have decided while both are there, and commands after that."""


class Callers:
    """Staff that places orders and moves each through its life, until it is told to stop."""

    def __init__(self, system: System) -> None:
        self.done = threading.Event()
        self.orders: list[str] = []
        self.unawaited: list[str] = []
        self._clients = [system.client("staff", f"staff{number}") for number in range(3)]
        customer = {"customer_id": "ann", "name": "Ann"}
        product = {"product_id": "pot", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
        for path, body in (("/customers", customer), ("/products", product)):
            self._clients[0].post(path, json=body, headers=WAITING).raise_for_status()

    def __call__(self, number: int) -> None:
        client = self._clients[number]
        while not self.done.is_set():
            items = [{"product_id": "pot", "quantity": 2, "discount": 100}]
            placed = self._sent(client, "POST", "/orders", {"customer_id": "ann", "items": items})
            order_id = placed.json()["order_id"]
            self.orders.append(order_id)
            for status in LIFE:
                self._sent(client, "PATCH", f"/orders/{order_id}/status", {"status": status})
            unawaited = self._sent(client, "POST", "/orders", {"items": items}, wanted=KEPT, headers={})
            self.unawaited.append(unawaited.json()["order_id"])

    def _sent(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        body: object,
        *,
        wanted: frozenset[int] = DONE,
        headers: Mapping[str, str] = WAITING,
    ) -> httpx.Response:
        """A process of either build may stop with a request: that one is sent again, under its key."""
        key = {"Idempotency-Key": str(uuid4())}
        while True:
            try:
                sent = client.request(method, path, json=body, headers={**headers, **key})
            except httpx.TransportError:
                continue
            if sent.status_code in wanted:
                return sent
            assert sent.status_code in {202, 503}, sent.text


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[System, dict[str, Process]]]:
    """A running system, and the next build's processes, which are not started."""
    build = copied(tmp_path)
    with System() as system:
        following = {
            kind: Process(
                f"next {kind}", f"cd '{build}' && {one._command}", system.environ, tmp_path / f"{kind}.log"
            )
            for kind, one in system.processes.items()
            if kind != "clock"
        }
        try:
            yield system, following
        finally:
            for process in following.values():
                process.stop()


def test_nothing_is_parked_or_lost_while_two_builds_take_turns(
    both: tuple[System, dict[str, Process]],
) -> None:
    system, following = both
    callers = Callers(system)
    with ThreadPoolExecutor(3) as pool:
        going = [pool.submit(callers, number) for number in range(3)]
        try:
            for kind in ("projections", "commands", "web"):
                following[kind].start()
            until(lambda: _each(system) >= EACH, BESIDE_S, "both builds have decided")
            for kind in ("web", "commands", "projections"):
                system.processes[kind].stop()
            so_far = len(callers.orders)
            until(lambda: len(callers.orders) >= so_far + EACH, BESIDE_S, "the next build goes on alone")
        except TimeoutError as error:
            error.add_note("\n".join([system.told(), *(one.tail() for one in following.values())]))
            raise
        finally:
            callers.done.set()
        for each in going:
            each.result()
    system.until_quiet()

    assert system.read_database.parked.count_documents({}) == 0
    assert system.write_database.commands.count_documents({"status": "failed"}) == 0
    shown = {
        one["_id"]: one["status"]
        for one in system.read_database["order_detail.g1"].find({"status": {"$exists": True}})
    }
    assert shown == dict.fromkeys(callers.orders, "delivered") | dict.fromkeys(callers.unawaited, "pending")
    for side in ("write_side", "read_side"):
        audited = system.run(side, "audit", "--json")
        assert audited.returncode == 0, audited.stdout + audited.stderr


def _each(system: System) -> int:
    """How many orders the build has confirmed that has confirmed the fewer, of either form."""
    confirmed = system.write_database.commits.find({"events.type": "OrderConfirmed"}, {"events.v": True})
    by_version = Counter(commit["events"][0]["v"] for commit in confirmed)
    return min(by_version[2], by_version[3])

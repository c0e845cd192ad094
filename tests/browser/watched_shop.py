"""The shop whose system operators look at."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import httpx

from read_side.projections import READ_MODELS
from tests.integration.spoiling import UNKNOWN
from tests.support.system import System
from tests.support.waiting import until

ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}
DONE = {"Prefer": "wait=30, visible"}
PAUSE_S = 0.02
PATIENCE_S = 60.0


class Shop:
    """With a customer ``ann`` and a product ``pot``."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._staff = system.client("staff", "sam")
        customer = {"customer_id": "ann", "name": "Ann", "email": "ann@example.com"}
        product = {"product_id": "pot", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
        self._staff.post("/customers", json=customer, headers=DONE).raise_for_status()
        self._staff.post("/products", json=product, headers=DONE).raise_for_status()

    def register(self, customer_id: str) -> None:
        customer = {"customer_id": customer_id, "name": "Ann", "email": "ann@example.com"}
        self._staff.post("/customers", json=customer, headers=DONE).raise_for_status()

    def order(self, **headers: str) -> tuple[str, str]:
        """Place one; returns its id and its command's."""
        response = self._place(self._staff, headers)
        return response.json()["order_id"], response.headers["Link"].partition(">")[0].rpartition("/")[2]

    def confirm(self, order_id: str) -> None:
        path = f"/orders/{order_id}/status"
        self._staff.patch(path, json={"status": "confirmed"}, headers=DONE).raise_for_status()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Orders keep coming; each must be accepted."""
        done, client = threading.Event(), self._system.client("staff", "sue")

        def sell() -> None:
            for _ in count():
                self._place(client, {})
                if done.wait(PAUSE_S):
                    return

        with ThreadPoolExecutor(1) as pool:
            selling = pool.submit(sell)
            try:
                yield
            finally:
                done.set()
            selling.result()

    def parked_order(self) -> str:
        """An order whose first event no read model could read: all have parked it. It is readable again."""
        projections = self._system.processes["projections"]
        projections.stop()
        order_id, command_id = self.order(Prefer="wait=30")
        commits, parked = self._system.write_database.commits, self._system.read_database.parked
        commits.update_one({"command_id": command_id}, {"$set": {"events.0.v": UNKNOWN}})
        projections.start()
        where = {"stream": f"order-{order_id}", "tentative": {"$exists": False}}
        every = len(READ_MODELS)
        until(lambda: parked.count_documents(where) == every, PATIENCE_S, "every model has parked the order")
        commits.update_one({"command_id": command_id}, {"$set": {"events.0.v": 1}})
        return order_id

    def _place(self, client: httpx.Client, headers: dict[str, str]) -> httpx.Response:
        items = [{"product_id": "pot", "quantity": 1}]
        order = {"customer_id": "ann", "items": items, "shipping_address": ADDRESS}
        return client.post("/orders", json=order, headers=headers).raise_for_status()

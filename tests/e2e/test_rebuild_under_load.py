"""Every read model is rebuilt on the running system, while a shop goes on and readers read."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from read_side.projections import READ_MODELS
from tests.support.processes import Process
from tests.support.system import System

pytestmark = pytest.mark.timeout(600)

REBUILD_S = 400.0
PAUSE_S = 0.2
"""Between two rounds of a client: without it the clients take the two cores from the rebuild."""
BEFORE = 30
"""Orders that are there before it begins."""
ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}
PATIENT = {"Prefer": "wait=30"}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of its own, with two processes that project."""
    with System() as system:
        first = system.processes["projections"]
        log = tmp_path_factory.mktemp("second") / "projections.log"
        second = Process("projections 2", first._command, system.environ, log)
        second.start()
        try:
            yield system
        finally:
            second.stop()


class Shop:
    """Goes on until it is told to stop; whatever is not as it must be is raised."""

    def __init__(self, system: System) -> None:
        self.done = threading.Event()
        self.asked = 0
        self._clients = [system.client("staff", f"staff{number}") for number in range(4)]
        self.staff = self._clients[0]
        self.orders = self._open()

    def _open(self) -> list[str]:
        self._done(
            self.staff.post(
                "/customers",
                json={"customer_id": "ann", "name": "Ann 0", "email": "a@example.com"},
                headers=PATIENT,
            )
        )
        product = {"product_id": "pot", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
        self._done(self.staff.post("/products", json=product, headers=PATIENT))
        return [self._order(self.staff)[0] for _ in range(BEFORE)]

    def _done(self, response: httpx.Response) -> dict[str, str]:
        """The headers to read with."""
        assert response.status_code in {201, 204}, (response.status_code, response.text)
        return {**PATIENT, "Consistency-Token": response.headers["Consistency-Token"]}

    def _order(self, client: httpx.Client) -> tuple[str, dict[str, str]]:
        order = {
            "customer_id": "ann",
            "items": [{"product_id": "pot", "quantity": 1}],
            "shipping_address": ADDRESS,
        }
        response = client.post("/orders", json=order, headers=PATIENT)
        return response.json()["order_id"], self._done(response)

    def _get(
        self, client: httpx.Client, path: str, headers: dict[str, str] | None = None, **query: Any
    ) -> Any:
        response = client.get(path, params=query, headers=headers or {})
        assert response.status_code == 200, (path, headers, response.status_code, response.text)
        self.asked += 1
        return response.json()

    def sell(self) -> None:
        """What was just written is read, in each read model."""
        client, sold = self._clients[1], BEFORE
        while not self.done.is_set():
            order_id, token = self._order(client)
            sold += 1
            assert self._get(client, f"/orders/{order_id}", token)["version"] == 1
            assert self._get(client, "/orders", token, limit=1)["orders"][0]["order_id"] == order_id
            token = self._done(
                client.patch(f"/orders/{order_id}/status", json={"status": "confirmed"}, headers=PATIENT)
            )
            assert self._get(client, f"/orders/{order_id}", token)["status"] == "confirmed"
            [totals] = self._get(client, "/analytics/orders", token)["totals"]
            assert (totals["orders"], totals["by_status"]["confirmed"]) == (sold, sold - BEFORE)
            [product] = self._get(client, "/analytics/products", token)["products"]
            assert product["units"] == sold
            assert self._get(client, "/customers/ann", token)["orders"] == sold
            self.done.wait(PAUSE_S)

    def rename(self) -> None:
        """A new name is in every order at once, and the product's, too."""
        client, number = self._clients[2], 0
        while not self.done.is_set():
            number += 1
            token = self._done(
                client.patch("/customers/ann", json={"name": f"Ann {number}"}, headers=PATIENT)
            )
            listed = self._get(client, "/orders", token, limit=100)["orders"]
            assert {order["customer_name"] for order in listed} == {f"Ann {number}"}
            token = self._done(client.patch("/products/pot", json={"name": f"Pot {number}"}, headers=PATIENT))
            assert self._get(client, "/products/pot", token)["name"] == f"Pot {number}"
            self.done.wait(PAUSE_S)

    def read(self) -> None:
        """Without tokens: all that was there before is found, page by page, each once, the newest first.

        That is by the times that the orders have, which a slow question to mongod's clock can put askew.
        """
        client = self._clients[3]
        while not self.done.is_set():
            seen: list[tuple[str, str]] = []
            asked: dict[str, Any] = {"limit": 7}
            while asked.get("cursor", "") is not None:
                page = self._get(client, "/orders", **asked)
                seen += [(order["placed_at"], order["order_id"]) for order in page["orders"]]
                asked["cursor"] = page["next_cursor"]
            assert seen == sorted(set(seen), reverse=True)
            assert {order_id for _, order_id in seen} >= set(self.orders)
            for order_id in self.orders[::5]:
                self._get(client, f"/orders/{order_id}")
            self.done.wait(PAUSE_S)


def test_a_rebuild_of_every_model_disturbs_nobody(busy: System) -> None:
    shop = Shop(busy)
    busy.until_quiet()  # what was there before is shown, also to who has no token
    with ThreadPoolExecutor(3) as pool:
        going = [pool.submit(each) for each in (shop.sell, shop.rename, shop.read)]
        try:
            run = busy.run("read_side", "rebuild", "--all", "--json", timeout=REBUILD_S)
            asked_by_then = shop.asked
            back = busy.run("read_side", "use", "order_summary.g1", timeout=REBUILD_S)
        finally:
            shop.done.set()
        for each in going:
            each.result()
    assert run.returncode == 0, f"{run.stderr}\n{busy.told()}"
    results = json.loads(run.stdout)
    assert {result["read_model"] for result in results} == {model.name for model in READ_MODELS}
    for result in results:
        assert (result["live"], result["generation"], result["parked"]) == (True, 2, 0)
        assert result["comparison"]["changes"] == []
    assert back.returncode == 0, f"{back.stderr}\n{busy.told()}"
    assert asked_by_then > 20
    busy.until_quiet()
    audited = busy.run("read_side", "audit", "--json")
    assert audited.returncode == 0, audited.stdout
    *audits, _ = json.loads(audited.stdout)  # the last is of the states
    live = {one["read_model"]: one["generation"] for one in audits}
    assert live == {model.name: 1 if model.name == "order_summary" else 2 for model in READ_MODELS}
    status = busy.run("read_side", "status", "--json")
    assert status.returncode == 0, status.stdout
    told = json.loads(busy.run("read_side", "generations", "--json").stdout)
    assert {one["state"] for one in told} == {"ready", "retiring"}

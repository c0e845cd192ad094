"""One request of every kind that the API answers, each within the 5 s of the contract."""

import itertools
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.plain_http import NO_TLS
from tests.support.promised import promised
from tests.support.system import System

ANSWERED_S = 5.0
PATIENCE_S = 20.0
"""For an answer that never comes."""
VISIBLE = {"Prefer": "wait=30, visible"}
ADDRESS = {"line1": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB"}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Request:
    """A request by ``role``; ``waits`` says that it asks the API to wait."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    role: str = "staff"
    waits: bool = False

    @property
    def is_command(self) -> bool:
        return self.method != "GET"


@dataclass(frozen=True)
class Known:
    """What is there to ask about."""

    customer_id: str
    product_id: str
    order_id: str
    command_id: str
    token: str


def make_known(client: httpx.Client, name: str) -> Known:
    """A customer, a product and an order, shown by every read model."""
    customer = {"customer_id": f"{name}-c", "name": "Ada Lovelace", "email": "ada@example.org"}
    product = {"product_id": f"{name}-p", "name": "Kettle", "unit_price": 2_500, "currency": "EUR"}
    for path, body in (("/customers", customer), ("/products", product)):
        client.post(path, json=body, headers=VISIBLE).raise_for_status()
    placed = client.post("/orders", json=order(f"{name}-c", f"{name}-p"), headers=VISIBLE).raise_for_status()
    told = placed.json()
    return Known(
        customer["customer_id"],
        f"{name}-p",
        told["order_id"],
        told["command_id"],
        placed.headers["Consistency-Token"],
    )


def order(customer_id: str, product_id: str) -> dict[str, Any]:
    item = {"product_id": product_id, "quantity": 1}
    return {"customer_id": customer_id, "items": [item], "shipping_address": ADDRESS}


def commands(known: Known) -> list[Request]:
    """Each of the six, all of which can succeed."""
    n = next(_numbers)
    customer = {"customer_id": f"c{n}", "name": "Grace Hopper", "email": "grace@example.org"}
    product = {"product_id": f"p{n}", "name": "Pan", "unit_price": 900, "currency": "EUR"}
    return [
        Request("POST", "/customers", customer),
        Request("PATCH", f"/customers/{known.customer_id}", {"name": f"Ada {n}"}),
        Request("POST", "/products", product),
        Request("PATCH", f"/products/{known.product_id}", {"unit_price": 2_500 + n}),
        Request("POST", "/orders", order(known.customer_id, known.product_id)),
        Request("PATCH", f"/orders/{known.order_id}/status", {"status": "pending"}),
        Request("POST", "/customers", customer | {"customer_id": f"w{n}"}, {"Prefer": "wait=1"}, waits=True),
    ]


def reads(known: Known) -> list[Request]:
    one = f"/orders/{known.order_id}"
    return [
        *(Request("GET", f"/{kind}") for kind in ("orders", "products", "customers")),
        Request("GET", f"/orders?customer_id={known.customer_id}"),
        Request("GET", f"/customers/{known.customer_id}"),
        Request("GET", f"/products/{known.product_id}"),
        Request("GET", one),
        Request("GET", f"{one}?consistency=strong"),
        Request("GET", one, headers={"Consistency-Token": known.token}),
        Request("GET", "/analytics/orders"),
        Request("GET", "/analytics/products"),
        Request("GET", f"/commands/{known.command_id}"),
        Request("GET", "/events", role="ops"),
    ]


def without_databases() -> list[Request]:
    return [Request("GET", path) for path in ("/health/live", "/openapi.json", "/docs")]


class Callers:
    """Send many requests at the same time, each over a connection of its own."""

    def __init__(self, system: System, pool: ThreadPoolExecutor) -> None:
        self._url = system.url
        self._tokens = {role: system.token(role, "somebody") for role in ("staff", "ops")}
        self._pool = pool

    def ask(self, requests: list[Request]) -> list[tuple[Request, httpx.Response]]:
        """The answers; fails if one took longer than ``ANSWERED_S``."""
        asked: list[tuple[Request, Future[httpx.Response]]] = [
            (request, self._pool.submit(self._send, request)) for request in requests
        ]
        return [(request, future.result()) for request, future in asked]

    def _send(self, request: Request) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._tokens[request.role]}", **request.headers}
        with (
            httpx.Client(base_url=self._url, timeout=PATIENCE_S, trust_env=False, verify=NO_TLS) as client,
            promised(ANSWERED_S, f"{request.method} {request.path}"),
        ):
            return client.request(request.method, request.path, json=request.body, headers=headers)


@contextmanager
def callers(system: System) -> Iterator[Callers]:
    with ThreadPoolExecutor(64) as pool:
        yield Callers(system, pool)

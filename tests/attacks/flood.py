"""One customer that sends orders as fast as it is answered, with and without waits."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from tests.attacks.attack import Target

CUSTOMER = "attacker"
"""The subject of the customer's token in ``Target``."""
ANSWERED_S = 20.0
ORDER = json.dumps(
    {
        "items": [{"product_id": "p1", "quantity": 1}],
        "shipping_address": {"line1": "1 Row", "city": "York", "country": "GB"},
    }
)


@dataclass(frozen=True)
class Flood:
    """Each connection sends the next order when the one before is answered, refused or not."""

    name: str
    title: str
    prefer: str | None = None
    connections: int = 8

    @property
    def settings(self) -> Mapping[str, str]:
        return {}

    def run(self, target: Target, is_over: Callable[[], bool]) -> Mapping[str, int]:
        """The customer registers first, so that its orders are carried out."""
        customer = {"customer_id": CUSTOMER, "name": "Mallory", "email": "m@example.org"}
        with closing(_Line(target, prefer="wait=10")) as line:
            line.send("/customers", json.dumps(customer))
        did: Counter[str] = Counter()
        lock = threading.Lock()

        def orders(_: int) -> None:
            with closing(_Line(target, self.prefer)) as line:
                while not is_over():
                    status = line.send("/orders", ORDER)
                    with lock:
                        did[status] += 1

        with ThreadPoolExecutor(self.connections) as pool:
            list(pool.map(orders, range(self.connections)))
        return did


class _Line:
    """A connection of the customer. It is opened again after it was closed."""

    def __init__(self, target: Target, prefer: str | None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=ANSWERED_S)
        self._headers = {
            "Authorization": f"Bearer {target.customer}",
            "Content-Type": "application/json",
            **({} if prefer is None else {"Prefer": prefer}),
        }

    def send(self, path: str, body: str) -> str:
        """The status of the answer, or ``closed``."""
        try:
            self._connection.request("POST", path, body, self._headers)
            response = self._connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return "closed"
        return str(response.status)

    def close(self) -> None:
        self._connection.close()


FLOODS = (
    Flood("orders", "one customer's orders over 8 connections, as fast as they are answered"),
    Flood("waits", "the same with `Prefer: wait=5`", prefer="wait=5"),
)

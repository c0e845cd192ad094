"""A client that looks whether it is told the truth: it changes something, and at once reads it elsewhere.

Each witness has a customer of its own with orders. All of them change and order the same few products at the
same time, so these streams have several writers. Every price and every name is given once, so each tells its
version.
"""

import threading
from collections.abc import Mapping, Sequence
from itertools import count
from random import Random
from typing import Any

from tests.chaos.client import GIVE_UP_S
from tests.chaos.request import Record, done
from tests.failover.load.caller import Caller, Told

ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}
PERIOD_S = 0.4
LATELY = 5
"""So many of its newest orders a witness reads."""
COMMON = ("common-1", "common-2")
"""Products that every witness changes."""


class Prices:
    """Gives each price once, to whichever witness asks."""

    def __init__(self) -> None:
        self._numbers = count(1_000)

    def next(self) -> int:
        return next(self._numbers)


class Witness:
    """``start``, ``end``, and then ``finish``, as any client of a round."""

    def __init__(self, name: str, caller: Caller, prices: Prices, rng: Random) -> None:
        self.name = name
        self.records: list[Record] = []
        self.rounds = 0
        self.others: Sequence[Witness] = ()
        """Whose orders it reads as well."""
        self.orders: list[str] = []
        self._caller = caller
        self._prices = prices
        self._rng = rng
        self._keys = count(1)
        self._error: BaseException | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def customer_id(self) -> str:
        return f"{self.name}-customer"

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def open_shop(self) -> None:
        """Add the products that all witnesses change; one of them does, before all start."""
        for product_id in COMMON:
            body = {
                "product_id": product_id,
                "name": "Sold by witnesses",
                "unit_price": self._prices.next(),
                "currency": "EUR",
            }
            self._ask("POST", "/products", body, f"product-{product_id}")

    def register(self) -> None:
        """Before any witness starts."""
        body = {"customer_id": self.customer_id, "name": f"{self.name} 0", "email": "w@shop.example"}
        self._ask("POST", "/customers", body, f"customer-{self.customer_id}")
        self._place(self._rng.choice(COMMON), outcome=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ending.set()

    def finish(self) -> None:
        """Wait for its end; raises what ended it before its time."""
        self._thread.join(GIVE_UP_S + 30)
        if self._thread.is_alive():
            raise TimeoutError(f"{self.name} does not end")
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._ending.wait(PERIOD_S * self._rng.uniform(0.5, 1.5)):
                self._rename()
                self._look_at_an_order()
                self._trade()
                self.rounds += 1
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error
        finally:
            self._caller.close()

    def _rename(self) -> None:
        """Change the customer, then read it with the token, and one of its orders strongly."""
        body = {"name": f"{self.name} {self.rounds + 1}"}
        stream = f"customer-{self.customer_id}"
        told = self._ask("PATCH", f"/customers/{self.customer_id}", body, stream)
        self._look_strongly(self._rng.choice(self.orders[-LATELY:]), self.customer_id)
        self._caller.look(f"/customers/{self.customer_id}", stream, {"version": stream}, told)

    def _look_at_an_order(self) -> None:
        """One of anybody's, strongly."""
        other = self._rng.choice([one for one in (self, *self.others) if one.orders])
        self._look_strongly(self._rng.choice(other.orders[-LATELY:]), other.customer_id)

    def _trade(self) -> None:
        """Change the price of a product; order it at once, and read both."""
        product_id = self._rng.choice(COMMON)
        stream = f"product-{product_id}"
        told = self._ask(
            "PATCH",
            f"/products/{product_id}",
            {"unit_price": self._prices.next()},
            stream,
            outcome=self._rng.random() < 0.5,
        )
        self._place(product_id, outcome=self._rng.random() < 0.5)
        if told.token is not None:
            self._caller.look(f"/products/{product_id}", stream, {"version": stream}, told)

    def _place(self, product_id: str, *, outcome: bool) -> None:
        body = {
            "customer_id": self.customer_id,
            "items": [{"product_id": product_id, "quantity": 1}],
            "shipping_address": ADDRESS,
        }
        told = self._ask("POST", "/orders", body, None, outcome=outcome)
        if told.token is not None and told.subject is not None:
            self.orders.append(told.subject)

    def _look_strongly(self, order_id: str, customer_id: str) -> None:
        fields = {"version": f"order-{order_id}", "customer_name": f"customer-{customer_id}"}
        self._caller.look(f"/orders/{order_id}?consistency=strong", f"order-{order_id}", fields)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any], stream: str | None, *, outcome: bool = True
    ) -> Told:
        key = f"{self.name}-{next(self._keys)}"
        told = self._caller.ask(method, path, body, key, outcome=outcome)
        self.records.append(Record(key, told.command_id, stream, done(0)))
        return told

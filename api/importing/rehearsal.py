"""Finds what the service would refuse of an import, without sending anything.

The shapes of the requests are checked already. Here are the rules of the write side that concern
more than one row: which customers and products there are, one currency in an order, times and the
life of an order. The service has the last word. The rehearsal does not know what other clients did
to the service, and takes customers or products to be there if the mapping says nothing of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.client.delivery import OF_A_REFUSED_ORDER, Request
from api.client.sender import Reason
from api.importing.history import CUSTOMERS, ORDERS, PRODUCTS, STATUS_CHANGES, History
from bus.messages.values import MAX_TOTAL, OrderStatus

MOVES: Mapping[str, frozenset[str]] = {
    OrderStatus.PENDING: frozenset({OrderStatus.CONFIRMED, OrderStatus.CANCELLED}),
    OrderStatus.CONFIRMED: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELLED}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED}),
    OrderStatus.DELIVERED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
}
"""The statuses to which an order can go, by its status; the write side has the same table."""


@dataclass(slots=True)
class _Order:
    """The latest status of an order, and its time."""

    status: str
    changed_at: str


class Rehearsal:
    """Goes through an import as it would be sent; ``now`` is a time as requests write it."""

    def __init__(self, history: History, *, customers: bool, products: bool, now: str) -> None:
        """``customers`` and ``products`` are True if the files are to have all of them."""
        self._stages = history.stages
        self._all_customers = customers
        self._all_products = products
        self._now = now
        self._customers: set[str] = set()
        self._products: dict[str, tuple[str, int]] = {}
        """The currency and the price in minor units, by product id."""
        self._orders: dict[str, _Order] = {}

    def refused(self) -> dict[str, Reason]:
        """Return the reason of each refusal that there would be, by the key of the request."""
        found: dict[str, Reason] = {}
        for request in (request for stage in self._stages for request in stage):
            if (reason := self._reason(request)) is not None:
                found[request.key] = reason
        return found

    def _reason(self, request: Request) -> Reason | None:
        body = request.body
        if request.kind == CUSTOMERS:
            self._customers.add(body["customer_id"])
        elif request.kind == PRODUCTS:
            self._products[body["product_id"]] = body["currency"], body["unit_price"]
        elif request.kind == ORDERS:
            return self._place(request)
        elif request.kind == STATUS_CHANGES:
            return self._change(request)
        return None

    def _place(self, request: Request) -> Reason | None:
        body, wrong = request.body, dict[str, str]()
        customer_id = body.get("customer_id")
        if self._all_customers and customer_id is not None and customer_id not in self._customers:
            wrong["customer_id"] = f"there is no customer {customer_id}"
        wrong |= dict(self._lines(body["items"]))
        occurred_at = body.get("occurred_at")
        if occurred_at is not None and occurred_at > self._now:
            wrong["occurred_at"] = f"is after now, {self._now}"
        if wrong:
            return Reason("", wrong)
        self._orders[request.key] = _Order(OrderStatus.PENDING, occurred_at or self._now)
        return None

    def _lines(self, items: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
        """Yield the first fault of each line of an order, and the fault of their total."""
        known = [self._products.get(item["product_id"]) for item in items]
        currency = next((product[0] for product in known if product is not None), "")
        total = 0
        for index, (item, product) in enumerate(zip(items, known, strict=True)):
            product_id, field = item["product_id"], f"items.{index}"
            if product is None and self._all_products:
                yield f"{field}.product_id", f"there is no product {product_id}"
                continue
            if product is not None and product[0] != currency:
                others = f"product {product_id} is sold in {product[0]}, others of the order in {currency}"
                yield f"{field}.product_id", others
                continue
            unit_price = item.get("unit_price", product[1] if product else None)
            if unit_price is None:
                continue  # whatever the service's catalogue says
            full, discount = item["quantity"] * unit_price, item.get("discount", 0)
            if discount > full:
                yield f"{field}.discount", f"is {discount}, the line without it {full}"
            else:
                total += full - discount
        if total > MAX_TOTAL:
            yield "items", f"the total is {total}, the limit {MAX_TOTAL}"

    def _change(self, request: Request) -> Reason | None:
        order = self._orders.get(request.order or "")
        if order is None:
            return Reason(OF_A_REFUSED_ORDER, {})
        status, at = request.body["status"], request.body.get("occurred_at", self._now)
        if status == order.status:
            return None
        if status not in MOVES[order.status]:
            return Reason(f"An order that is {order.status} cannot become {status}.", {})
        if at > self._now:
            return Reason("", {"occurred_at": f"is after now, {self._now}"})
        if at < order.changed_at:
            early = f"is before the last entry of the order, {order.changed_at}"
            return Reason("", {"occurred_at": early})
        order.status, order.changed_at = status, at
        return None

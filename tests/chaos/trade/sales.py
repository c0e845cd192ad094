"""A client's orders: placed, moved along, cancelled; and what is asked for in vain."""

from collections.abc import Mapping
from random import Random
from typing import Any

from tests.chaos.books import Books, Order
from tests.chaos.request import Body, Change, Request, done, patch, post, refused
from tests.chaos.trade.goods import Goods
from tests.chaos.trade.people import People

ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}
NEXT = {"pending": "confirmed", "confirmed": "shipped", "shipped": "delivered"}
CANCELLED = 0.15
DISCOUNTED = 0.25
NONE: Mapping[str, int] = {}
MOST_LINES = 3
MOST_UNITS = 5
LATELY = 20
"""So many of the newest orders are looked through for one that fits."""


class Sales:
    def __init__(self, rng: Random, books: Books, people: People, goods: Goods) -> None:
        self._rng = rng
        self._books = books
        self._people = people
        self._goods = goods
        self._open: list[Order] = []

    def place(self) -> Request:
        customer = self._people.one()
        on_sale = self._goods.on_sale
        lines, discounts = [], {}
        for product in self._rng.sample(on_sale, self._rng.randint(1, min(MOST_LINES, len(on_sale)))):
            quantity = self._rng.randint(1, MOST_UNITS)
            amount = quantity * product.unit_price
            if self._rng.random() < DISCOUNTED:
                discounts[product.product_id] = self._rng.randint(0, amount)
            taken_off = discounts.get(product.product_id, 0)
            lines.append((product.product_id, quantity, amount - taken_off))
        order = Order("", customer, self._goods.currency, tuple(lines), discounts=discounts)

        def effect(answer: Body) -> None:
            order.order_id = answer["order_id"]
            self._books.orders[order.order_id] = order
            self._open.append(order)

        quantities = {product_id: units for product_id, units, _ in lines}
        body = _order(customer.customer_id, quantities, discounts)
        return post("/orders", body, None, done(1, order.total), effect)

    def place_in_vain(self) -> Request:
        """An order of what is not there, or is no longer sold."""
        gone = self._goods.gone
        product_id = gone[0].product_id if gone else "no-such-thing"
        expected = refused("product-discontinued" if gone else "unknown-product")
        return post("/orders", _order(self._people.one().customer_id, {product_id: 1}), None, expected)

    def move(self) -> Request:
        """Any open order to its next status, or out."""
        if not self._open:
            return self.place()
        order = self._rng.choice(self._open)
        cancels = order.status != "shipped" and self._rng.random() < CANCELLED
        return self._move(order, "cancelled" if cancels else NEXT[order.status])

    def move_newest(self) -> Request:
        if not self._open:
            return self.place()
        return self._move(self._open[-1], NEXT[self._open[-1].status])

    def stay(self) -> Request:
        """Setting the status that an order has: a success that changes nothing."""
        if not self._open:
            return self.place()
        order = self._rng.choice(self._open)
        return patch(_status(order), {"status": order.status}, order.stream, done(order.version))

    def move_in_vain(self) -> Request:
        pending = [order for order in self._open[-LATELY:] if order.status == "pending"]
        if not pending:
            return self.place()
        order = self._rng.choice(pending)
        return patch(_status(order), {"status": "delivered"}, order.stream, refused("status-not-allowed"))

    def _move(self, order: Order, status: str) -> Request:
        def effect(_: Body) -> None:
            order.history.append(status)
            if status not in NEXT:
                self._open.remove(order)

        change = Change(_status(order), order.stream, order.version)
        return change.to({"status": status}, self._rng, effect)


def _status(order: Order) -> str:
    return f"/orders/{order.order_id}/status"


def _order(
    customer_id: str, quantities: Mapping[str, int], discounts: Mapping[str, int] = NONE
) -> Mapping[str, Any]:
    items: list[dict[str, Any]] = [
        {"product_id": product_id, "quantity": quantity}
        | ({"discount": discounts[product_id]} if product_id in discounts else {})
        for product_id, quantity in quantities.items()
    ]
    return {"customer_id": customer_id, "items": items, "shipping_address": ADDRESS}

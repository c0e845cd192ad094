"""Orders: placed by commands, listed from ``order_summary``, shown from ``order_detail``."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, ClassVar, cast

import falcon
from pymongo.errors import PyMongoError

from api.http import bodies, queries, receipts
from api.http.answers import answer, answer_single
from api.http.commands import Commands
from api.http.freshness import Freshness, behind
from api.http.owners import Owners
from api.http.problems import checked_id, forbidden, not_found
from api.middleware.deferral import Waits
from api.openapi.examples import CUSTOMER_ID, PRODUCT_ID
from api.openapi.kinds import creating, listing, single
from api.openapi.operation import Link, Tag
from api.resources import order_filter
from api.resources.shapes import OrdersPage
from bus.log.log import Log
from bus.messages.orders import Items, PlaceOrder
from bus.messages.principal import Principal, Role
from bus.messages.streams import customer_stream, draw_order_id, order_stream, partition_of
from bus.messages.values import Address, Id, Moment, NewAddressLine, NewReference
from bus.observability.logs import logger
from read_side.projections import order_detail, order_summary, staleness
from read_side.projections.model import Document, Documents
from read_side.queries.store import LiveGeneration
from read_side.queries.strong import order_now

LIST = order_summary.ORDER_SUMMARY.name
DETAIL = order_detail.ORDER_DETAIL.name

_EXAMPLE: Mapping[str, Any] = {
    "items": [{"product_id": PRODUCT_ID, "quantity": 2}],
    "shipping_address": {
        "line1": "1 High Street",
        "city": "Leeds",
        "postal_code": "LS1 1AA",
        "country": "GB",
    },
}


class NewAddress(bodies.Body):
    """The address that an order is to be sent to."""

    line1: NewAddressLine
    line2: Annotated[NewAddressLine | None, *bodies.OPTIONAL_TEXT] = None
    city: NewAddressLine
    region: Annotated[NewAddressLine | None, *bodies.OPTIONAL_TEXT] = None
    postal_code: Annotated[NewAddressLine | None, *bodies.OPTIONAL_TEXT] = None
    country: NewAddressLine


class NewOrder(bodies.Body):
    """An order. A customer orders for itself; without an address nothing is sent.

    Staff names the customer, or leaves `customer_id` out: that is a walk-in order, which belongs to
    nobody. To import history, staff may also say when it occurred, and the `unit_price` and the
    `discount` of a line, in minor units. Without them the line gets the product's price as all
    commands accepted before this one have left it.
    """

    customer_id: Id | None = None
    items: Items
    shipping_address: NewAddress | None = None
    reference: Annotated[NewReference | None, *bodies.OPTIONAL_TEXT] = None
    occurred_at: Moment | None = None

    examples: ClassVar[Any] = {
        "by-itself": _EXAMPLE,
        "by-staff": {
            "customer_id": CUSTOMER_ID,
            **_EXAMPLE,
            "reference": "PO 4711",
            "occurred_at": "2024-05-01T12:00:00Z",
        },
        "as-it-was-sold": {
            "items": [{"product_id": PRODUCT_ID, "quantity": 2, "unit_price": 2400, "discount": 300}]
        },
    }


class OrdersResource:
    """``/orders``."""

    def __init__(self, commands: Commands, freshness: Freshness, partitions: int, zone: tzinfo = UTC) -> None:
        """``zone`` is the time zone of the days in a query."""
        self._commands = commands
        self._freshness = freshness
        self._partitions = partitions
        self._zone = zone

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> Waits[None]:
        queries.read(req, queries.NoQuery)
        received = bodies.read(req, NewOrder)
        body = received.body
        customer_id = _customer_of(req.context.principal, body.customer_id)
        only_staff_tells_times(req.context.principal, body.occurred_at)
        _only_staff_sets_prices(req.context.principal, body.items)
        command = PlaceOrder(
            order_id=draw_order_id(customer_id, self._partitions),
            customer_id=customer_id,
            items=body.items,
            shipping_address=Address(**dict(body.shipping_address)) if body.shipping_address else None,
            reference=body.reference,
            occurred_at=body.occurred_at,
        )
        yield from self._commands.send(req, resp, command, received.canonical)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> Waits[None]:
        query = queries.read(req, queries.OrdersQuery)
        wanted = order_filter.filter_of(query, req.context.principal, self._zone)
        after = order_filter.decode(query.cursor, wanted) if query.cursor else None
        live = yield from self._freshness.live(req, LIST)
        if wanted.reference is not None and not live.current:
            raise behind(LIST)  # the documents of an older build have no reference to be found by
        page = order_summary.page(live.documents, wanted, limit=query.limit, after=after)
        cursor = order_filter.encode(page.next_after, wanted) if page.next_after else None
        rows = [staleness.marked(row, live.parked_since, _streams(row)) for row in page.documents]
        orders = cast("list[order_summary.OrderSummary]", rows)
        shown: OrdersPage = {"orders": orders, "next_cursor": cursor}
        if stale := staleness.of(live.parked_since, _missing(live, wanted.customer_id)):
            shown["stale"] = stale
        answer(resp, shown)


class OrderResource:
    """``/orders/{order_id}``."""

    def __init__(self, freshness: Freshness, log: Log) -> None:
        self._freshness = freshness
        self._log = log

    def on_get(self, req: falcon.Request, resp: falcon.Response, order_id: str) -> Waits[None]:
        query = queries.read(req, queries.OrderQuery)
        checked_id("order", order_id)
        parked_since: staleness.ParkedSince = {}
        also: tuple[str, ...] = ()
        if query.consistency == "strong":
            yield from self._wait_for_tokens(req, order_id)
            order, generation = self._now(order_id), self._freshness.generation(DETAIL)
            also = ("strong",)
        else:
            live = yield from self._freshness.live(req, DETAIL, lambda *parked: _misses(order_id, *parked))
            order, generation = order_detail.by_id(live.documents, order_id), live.generation
            parked_since = live.parked_since
        if order is None or not req.context.principal.owns(order["customer_id"]):
            raise not_found("order", order_id)
        answer_single(req, resp, staleness.marked(order, parked_since, _streams(order)), generation, *also)

    def _wait_for_tokens(self, req: falcon.Request, order_id: str) -> Waits[None]:
        """Return once the log, as it is read here, has the positions that the tokens stand for.

        A majority read that finds a position finds all that was written before it. This looks for
        the positions themselves, and not for the head: a later one may be durable before an earlier
        one is. Tokens of other partitions do not matter: an order is folded from its own and its
        customer's streams. Both are in its partition, so that nothing elsewhere changes the answer.
        """
        home = partition_of(order_stream(order_id), self._log.partitions)
        asked = [token.seq for token in self._freshness.tokens(req) if token.partition == home and token.seq]

        def has_them() -> bool:
            read = (self._log.read(home, seq - 1, 1, state=False).commits for seq in asked)
            return all(read)

        yield from self._freshness.wait_for(req, has_them, "The log")

    def _now(self, order_id: str) -> Document | None:
        try:
            return order_now(self._log, order_id)
        except PyMongoError:
            raise
        except Exception as error:
            logger.exception("an order cannot be folded", order_id=order_id)
            raise behind(DETAIL) from error


def _only_staff_sets_prices(principal: Principal, items: Items) -> None:
    """Raise a 403 if anybody but staff names a price or a discount."""
    named = any(item.unit_price is not None or item.discount is not None for item in items)
    if named and principal.role is not Role.STAFF:
        raise forbidden("Only staff sets unit prices and discounts.")


def _misses(order_id: str, documents: Documents, parked_since: frozenset[str]) -> bool:
    """Return True if an order lacks an event of its own, or its customer's new name."""
    if order_stream(order_id) in parked_since:
        return True
    order = order_detail.by_id(documents, order_id)
    return order is not None and not parked_since.isdisjoint(_streams(order))


def _streams(order: Document) -> tuple[str, ...]:
    """Return the streams that an order is made of: its own events, and its customer's names."""
    own, customer_id = order_stream(order["order_id"]), order["customer_id"]
    return (own,) if customer_id is None else (own, customer_stream(customer_id))


def _missing(live: LiveGeneration, customer_id: str | None) -> Iterable[str]:
    """Return the parked streams that may keep something from a list, of one customer or of all."""
    if not live.parked_since or customer_id is None:
        return live.parked_since
    return Owners(live.documents, live.parked_since).concerning(customer_id)


def _customer_of(principal: Principal, customer_id: str | None) -> str | None:
    """Return the customer that an order is for; ``None`` if staff leaves it open."""
    if customer_id is None:
        return principal.subject if principal.role is Role.CUSTOMER else None
    if not principal.owns(customer_id):
        raise forbidden("A customer orders for itself only.")
    return customer_id


def only_staff_tells_times(principal: Principal, occurred_at: datetime | None) -> None:
    """Raise a 403 if anybody but staff says when something occurred."""
    if occurred_at is not None and principal.role is not Role.STAFF:
        raise forbidden("Only staff says when something occurred.")


OPERATIONS = {
    ("/orders", "POST"): creating(
        Tag.ORDERS,
        "Order",
        "placeOrder",
        "Place an order",
        "A customer orders for itself, at the products' prices; staff says for whom and may name others.",
        NewOrder,
        (receipts.AcceptedOrder, receipts.CreatedOrder),
        change="changeOrderStatus",
    ),
    ("/orders", "GET"): listing(
        Tag.ORDERS,
        "listOrders",
        "List orders, newest first",
        queries.OrdersQuery,
        OrdersPage,
        text=(
            "A customer sees its own. All that is given has to hold of an order. A cursor is good for the"
            " same filter only, and an empty value is a 400."
        ),
        problems=(422,),
        links={"first": Link("readOrder", {"path.order_id": "$response.body#/orders/0/order_id"})},
    ),
    ("/orders/{order_id}", "GET"): single(
        Tag.ORDERS,
        "Order",
        "Read an order with everything about it",
        order_detail.OrderDetail,
        query=queries.OrderQuery,
        change="changeOrderStatus",
    ),
}
"""The API's description of these routes."""

"""The answers that are put together here, around what the read models serve.

The code that answers is checked against these types, and the description of the API is made from them.
A list is stale if anything is missing that might be in it, also a whole row that nobody can see.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from api.http.problems import ProblemDocument
from read_side.projections.customers import Customer
from read_side.projections.order_analytics import Bucket
from read_side.projections.order_summary import OrderSummary
from read_side.projections.product_sales import ProductSales
from read_side.projections.products import Product
from read_side.projections.staleness import Stale


class OrdersPage(TypedDict):
    """Newest first. ``next_cursor`` asks for the next page; ``null`` on the last."""

    orders: list[OrderSummary]
    next_cursor: str | None
    stale: NotRequired[Stale]


class ProductsPage(TypedDict):
    """By product id. ``next_cursor`` asks for the next page; ``null`` on the last."""

    products: list[Product]
    next_cursor: str | None
    stale: NotRequired[Stale]


class CustomersPage(TypedDict):
    """By customer id. ``next_cursor`` asks for the next page; ``null`` on the last."""

    customers: list[Customer]
    next_cursor: str | None
    stale: NotRequired[Stale]


class Totals(TypedDict):
    """A bucket's fields over all that was asked for, by currency."""

    currency: str
    orders: int
    units: int
    gross: int
    discounts: int
    cancelled_orders: int
    cancelled_gross: int
    by_status: dict[str, int]


class OrdersByPeriod(TypedDict):
    """Only periods with orders, ascending, by currency; and one total per currency.

    ``time_zone`` is there after a change of ``SHOP_TIME_ZONE``, until the analytics are rebuilt: the zone
    before, whose days are counted.
    """

    buckets: list[Bucket]
    totals: list[Totals]
    time_zone: NotRequired[str]
    stale: NotRequired[Stale]


class BestSellers(TypedDict):
    """By gross, largest first. ``time_zone`` is as in orders by period."""

    products: list[ProductSales]
    time_zone: NotRequired[str]
    stale: NotRequired[Stale]


class CommandState(TypedDict):
    """A command and what it came to.

    ``problem`` says why it was rejected or failed. ``visible`` says of each read model whether it shows
    what the command did.
    """

    command_id: str
    type: str
    status: Literal["accepted", "succeeded", "rejected", "failed"]
    accepted_at: datetime
    finished_at: datetime | None
    stream: str
    version: int | None
    problem: ProblemDocument | None
    visible: Mapping[str, bool]


class FeedEvent(TypedDict):
    """An event with its place in the log; ``data`` is what its ``type`` has."""

    command_id: str
    correlation_id: str
    stream: str
    version: int
    at: datetime
    type: str
    data: Mapping[str, Any]
    partition: int
    seq: int


class Feed(TypedDict):
    """``next`` goes on behind the last event, for ever; the same again means that there are no more yet.

    A page may be empty, and ``next`` another one: then there is more behind it.
    """

    events: list[FeedEvent]
    next: str


class Liveness(TypedDict):
    """The process answers."""

    status: Literal["live"]


class Parts(TypedDict, total=False):
    """Each part is ``ok``, or why it is not; where ``PUBLIC_DETAILS`` is off, operators alone are told."""

    parts: Mapping[str, str]


class Readiness(Parts):
    """``degraded`` is ready too: what is missing costs time alone."""

    status: Literal["ready", "degraded"]


class NotReady(ProblemDocument, Parts):
    """Which of the parts are not there."""

"""The shapes of the answers that the API puts together around what the read models serve.

mypy checks the code that answers against these types, and the description of the API is made from
them. A list is stale if anything that might be in it is missing, even a whole row that nobody sees.
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
    """Orders, the newest first. ``next_cursor`` asks for the next page; ``null`` on the last."""

    orders: list[OrderSummary]
    next_cursor: str | None
    stale: NotRequired[Stale]


class ProductsPage(TypedDict):
    """Products by product id. ``next_cursor`` asks for the next page; ``null`` on the last."""

    products: list[Product]
    next_cursor: str | None
    stale: NotRequired[Stale]


class CustomersPage(TypedDict):
    """Customers by customer id. ``next_cursor`` asks for the next page; ``null`` on the last."""

    customers: list[Customer]
    next_cursor: str | None
    stale: NotRequired[Stale]


class Totals(TypedDict):
    """The sums of the buckets' fields over everything that was asked for, in one currency."""

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

    ``time_zone`` is there after a change of ``SHOP_TIME_ZONE``, until the analytics are rebuilt. It
    names the old zone, whose days are counted.
    """

    buckets: list[Bucket]
    totals: list[Totals]
    time_zone: NotRequired[str]
    stale: NotRequired[Stale]


class BestSellers(TypedDict):
    """Products by gross, largest first. ``time_zone`` is as in orders by period."""

    products: list[ProductSales]
    time_zone: NotRequired[str]
    stale: NotRequired[Stale]


class CommandState(TypedDict):
    """A command and its outcome.

    ``problem`` says why it was rejected or failed. ``visible`` says for each read model whether it
    shows what the command did.
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
    """An event with its place in the log; ``data`` has the fields of its ``type``."""

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
    """A page of the feed. ``next`` asks for the events after it and never expires.

    If ``next`` is what was sent as ``after``, there are no more events yet. If a page is empty and
    ``next`` has changed, there may be more behind it.
    """

    events: list[FeedEvent]
    next: str


class Liveness(TypedDict):
    """The process answers."""

    status: Literal["live"]


class Parts(TypedDict, total=False):
    """The state of each part: ``ok``, or the reason why not.

    If ``PUBLIC_DETAILS`` is off, only operators are told.
    """

    parts: Mapping[str, str]


class Readiness(Parts):
    """The service can serve. ``degraded`` is ready too: what is missing costs time alone."""

    status: Literal["ready", "degraded"]


class NotReady(ProblemDocument, Parts):
    """The service cannot serve; ``parts`` shows which parts are not there."""

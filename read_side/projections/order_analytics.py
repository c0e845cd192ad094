"""Orders counted by the day they were placed on and by currency.

One document per day of the shop's time zone, currency and partition of the log; queries sum over
the partitions. Every count stays with the day of ``placed_at``, whenever the order moves on. A
document has the names of the periods that its day belongs to, and queries group by one of them. Ten
years of days are so few documents that nothing coarser is kept.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, tzinfo
from functools import cache, partial
from typing import Any, TypedDict

from bus.log.commit import RecordedEvent
from bus.messages.orders import OrderPlaced, OrderStatusChanged
from bus.messages.registry import AnyEvent
from bus.messages.values import OrderStatus
from read_side.projections.days import By, day_of, periods_of, within
from read_side.projections.model import Document, Documents, Index, ReadModel

_STATUSES = tuple(status.value for status in OrderStatus)
_COUNTS = ("orders", "units", "gross", "discounts", "cancelled_orders", "cancelled_gross")


class Bucket(TypedDict):
    """The orders of one period and currency, as served. Amounts are in minor units.

    Totals are the same without ``period``. ``orders``, ``units``, ``gross`` and ``discounts`` count
    every order placed. The ``cancelled_`` fields say how much of that was cancelled. ``by_status``
    counts the same orders by the status that they have now. ``gross`` is what the orders came to,
    after ``discounts``.
    """

    period: str
    currency: str
    orders: int
    units: int
    gross: int
    discounts: int
    cancelled_orders: int
    cancelled_gross: int
    by_status: dict[str, int]


def keys(zone: tzinfo, event: AnyEvent) -> Sequence[Document]:
    if not isinstance(event, OrderPlaced | OrderStatusChanged):
        return ()
    periods = periods_of(day_of(event.placed_at, zone))
    return [
        {
            "_id": f"{periods['day']}/{event.currency}",
            **periods,
            "currency": event.currency,
            **dict.fromkeys(_COUNTS, 0),
            "by_status": dict.fromkeys(_STATUSES, 0),
        }
    ]


def fold(document: Document, recorded: RecordedEvent) -> Document:
    match recorded.event:
        case OrderPlaced() as event:
            return {
                **document,
                "orders": document["orders"] + 1,
                "units": document["units"] + event.units,
                "gross": document["gross"] + event.total,
                "discounts": document["discounts"] + sum(line.discount for line in event.lines),
                "by_status": _moved(document["by_status"], to=OrderStatus.PENDING),
            }
        case OrderStatusChanged() as event:
            moved = _moved(document["by_status"], away=event.old_status, to=event.new_status)
            if event.new_status is not OrderStatus.CANCELLED:
                return {**document, "by_status": moved}
            return {
                **document,
                "cancelled_orders": document["cancelled_orders"] + 1,
                "cancelled_gross": document["cancelled_gross"] + event.total,
                "by_status": moved,
            }
        case _:
            return document


def _moved(
    by_status: Mapping[str, int], *, away: OrderStatus | None = None, to: OrderStatus
) -> dict[str, int]:
    """Count one order in its new status, and no longer in its old one.

    Raises ``LookupError`` if the old status has no order left.
    """
    counts = dict(by_status)
    if away is not None:
        if not counts[away.value]:
            raise LookupError(f"no {away} order is left to become {to}")
        counts[away.value] -= 1
    counts[to.value] += 1
    return counts


def by_period(
    documents: Documents, *, first: date | None = None, last: date | None = None, by: By = "day"
) -> dict[str, list[Document]]:
    """Return ``{buckets, totals}`` of the orders placed from ``first`` to ``last``, both included.

    Buckets ascend by period, then currency; there are none without orders. A week, month, quarter
    or year counts only the days asked for. There is one total for each currency, ascending.
    """
    sums: dict[str, Any] = {count: {"$sum": f"${count}"} for count in _COUNTS}
    sums |= {status: {"$sum": f"$by_status.{status}"} for status in _STATUSES}
    summed = documents.aggregate(
        [
            {"$match": within(first, last)},
            {"$group": {"_id": {"period": f"${by}", "currency": "$currency"}, **sums}},
            {"$sort": {"_id.period": 1, "_id.currency": 1}},
        ]
    )
    buckets = [_bucket(group) for group in summed]
    return {"buckets": buckets, "totals": _totals(buckets)}


def _bucket(group: Document) -> Document:
    return {
        "period": group["_id"]["period"],
        "currency": group["_id"]["currency"],
        **{count: group[count] for count in _COUNTS},
        "by_status": {status: group[status] for status in _STATUSES},
    }


def _totals(buckets: Sequence[Document]) -> list[Document]:
    """Sum up here and not in the database, so that buckets and totals are of one moment."""
    totals = []
    for currency in sorted({bucket["currency"] for bucket in buckets}):
        of_currency = [bucket for bucket in buckets if bucket["currency"] == currency]
        counts = {count: sum(bucket[count] for bucket in of_currency) for count in _COUNTS}
        by_status = {s: sum(bucket["by_status"][s] for bucket in of_currency) for s in _STATUSES}
        totals.append({"currency": currency, **counts, "by_status": by_status})
    return totals


@cache
def made_for(zone: tzinfo) -> ReadModel:
    """Return the model that counts by the days of a time zone."""
    return ReadModel(
        name="order_analytics",
        version=2,
        keys=partial(keys, zone),
        fold=fold,
        indexes=(Index((("day", 1),)),),
        shared=True,
        zone=zone,
        made_for=made_for,
    )


ORDER_ANALYTICS = made_for(UTC)

"""The filter of a list of orders, and the cursors of its pages, which are bound to all of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from api.http import cursors
from api.http.problems import forbidden, malformed
from api.http.queries import OrdersQuery
from api.http.spans import span_of
from bus.messages.principal import Principal, Role
from read_side.projections.order_summary import ORDER_SUMMARY, After, Filter

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def filter_of(query: OrdersQuery, principal: Principal, zone: tzinfo) -> Filter:
    """Return the filter of a query, of a customer for its own orders; days are those in ``zone``.

    Raises:
        ProblemError: 403 for a customer that asks for another's; 422 for a range that ends before
            it starts.

    """
    first, last = span_of(query.first, query.last, zone)
    return Filter(
        customer_id=_listed_for(principal, query.customer_id),
        statuses=tuple(sorted(set(query.status or ()))),
        reference=query.reference,
        first=first,
        last=last,
    )


def _listed_for(principal: Principal, customer_id: str | None) -> str | None:
    """Return the customer whose orders are listed; ``None`` for everybody's."""
    if principal.role is not Role.CUSTOMER:
        return customer_id
    if customer_id is not None and not principal.owns(customer_id):
        raise forbidden("A customer sees its own orders only.")
    return principal.subject


def encode(after: After, wanted: Filter) -> str:
    """Return the cursor of a page that ended there."""
    placed_at, order_id = after
    return cursors.encode(_scope(wanted), [(placed_at - _EPOCH) // _MILLISECOND, order_id])


def decode(cursor: str, wanted: Filter) -> After:
    """Return where the page before ended.

    Raises:
        ProblemError: 400, the cursor was made for another filter or is damaged.

    """
    milliseconds, order_id = cursors.decode(cursor, _scope(wanted), (int, str))
    try:
        return _EPOCH + int(milliseconds) * _MILLISECOND, str(order_id)
    except OverflowError:
        raise malformed("cursor", "The cursor cannot be read.") from None


def _scope(wanted: Filter) -> tuple[str | None, ...]:
    """Return the scope of a cursor, which names only what is asked for.

    So a cursor stays good that is older than a further kind of filter.
    """
    status = wanted.statuses[0] if wanted.statuses else None
    return (ORDER_SUMMARY.name, wanted.customer_id, status, *_further(wanted))


def _further(wanted: Filter) -> Iterator[str]:
    yield from (f"status={status}" for status in wanted.statuses[1:])
    if wanted.reference is not None:
        yield f"reference={wanted.reference}"
    if wanted.first is not None:
        yield f"from={wanted.first.isoformat()}"
    if wanted.last is not None:
        yield f"to={wanted.last.isoformat()}"

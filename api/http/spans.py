"""Spans of time, as queries ask for them: days of the shop or moments, both ends included.

A day begins and ends by the shop's clock. Times are kept in whole milliseconds, so a day's last
moment is the millisecond before the next day begins. That is so whatever its length: in many places
two days of the year have 23 or 25 hours.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from api.http.queries import ends_before_it_starts

_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1)


class Span(NamedTuple):
    """From ``first`` to ``last``, both included; ``None`` is an open end."""

    first: datetime | None
    last: datetime | None


def span_of(first: date | None, last: date | None, zone: tzinfo) -> Span:
    """Return the span from the start of ``first`` to the end of ``last``; days are in ``zone``.

    Raises:
        ProblemError: 422, it ends before it starts.

    """
    span = Span(_first_moment(first, zone), _last_moment(last, zone))
    if span.first and span.last and span.first > span.last:
        raise ends_before_it_starts()
    return span


def _first_moment(of: date | None, zone: tzinfo) -> datetime | None:
    return of if of is None or isinstance(of, datetime) else _beginning(of, zone)


def _last_moment(of: date | None, zone: tzinfo) -> datetime | None:
    if of is None or isinstance(of, datetime):
        return of
    if of == date.max:
        return None
    return _beginning(of + _DAY, zone) - _MILLISECOND


def _beginning(day: date, zone: tzinfo) -> datetime:
    """Return when a day begins; if clocks skip midnight, that is the moment when they do so."""
    try:
        return datetime.combine(day, time.min, zone).astimezone(UTC)
    except OverflowError:  # a day at the end of the calendar, on the other side of it in UTC
        return datetime.combine(day, time.min, UTC)

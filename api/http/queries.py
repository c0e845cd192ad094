"""Reads query strings; each parameter must be known, of its type, and given once, else a 400.

Parameters that may be repeated are listed in ``repeatable``. A parameter with nothing behind the
``=`` is a 400 as well. If it counted as left out, ``?customer_id=`` would show everybody's orders
to a caller that meant one customer's and had no id at hand.
"""

import re
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import falcon
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from api.http.problems import ProblemError, field_errors, malformed, wrong_fields
from bus.messages.rejection import FieldError
from bus.messages.values import Id, Moment, OrderStatus, Reference
from read_side.projections.days import By

_DIGITS = re.compile(r"[0-9]{1,9}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def whole_number(value: object) -> object:
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("must be a whole number")
    return value


def _day(value: object) -> object:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("must be a day such as 2024-02-29")
    return value


_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def _day_or_moment(value: object) -> date:
    text = str(value)
    if _DAY.fullmatch(text):
        return date.fromisoformat(text)
    try:
        return _MOMENT.validate_python(text)
    except ValidationError as error:
        [wrong] = field_errors(error)
        raise ValueError(f"must be a day such as 2024-02-29, or a moment: {wrong.message}") from None


Day = Annotated[date, BeforeValidator(_day)]
DayOrMoment = Annotated[
    date,
    PlainValidator(_day_or_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": how} for how in ("date", "date-time")]}),
]
"""A whole day of the shop, or a ``datetime``: one moment."""
Cursor = Annotated[str, Field(min_length=1, max_length=24_576)]
"""Longer than any cursor of a log of 1,024 partitions; below the server's bound on headers."""
Limit = Annotated[
    int, Field(ge=1, le=100), BeforeValidator(whole_number), Field(description="How many at most.")
]


class Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    repeatable: ClassVar[frozenset[str]] = frozenset()
    """The parameters that may be given several times; each is a list."""


class NoQuery(Query):
    """The query of an address that takes no parameters."""


class PageQuery(Query):
    limit: Limit = 20
    cursor: Annotated[
        Cursor | None, Field(description="The `next_cursor` of the page before, with its filter.")
    ] = None


class OrderQuery(Query):
    consistency: Annotated[
        Literal["strong", "eventual"],
        Field(description="`strong`: as the write side has it now, whatever the read models show."),
    ] = "eventual"


class OrdersQuery(PageQuery):
    repeatable: ClassVar[frozenset[str]] = frozenset({"status"})

    customer_id: Annotated[
        Id | None,
        Field(description="Whose orders; a customer can only ask for its own. A `+` is `%2B` here."),
    ] = None
    status: Annotated[
        list[OrderStatus] | None,
        Field(min_length=1, description="Where the orders stand now; given several times, any of these."),
    ] = None
    reference: Annotated[
        Reference | None, Field(description="The reference that the orders were placed with, exactly.")
    ] = None
    first: Annotated[
        DayOrMoment | None,
        Field(
            alias="from", description="Placed on this day of the shop or later, or at this moment or later."
        ),
    ] = None
    last: Annotated[
        DayOrMoment | None,
        Field(
            alias="to",
            description="Placed on this day or earlier, or at this moment or earlier; not before `from`.",
        ),
    ] = None


class RangeQuery(Query):
    first: Annotated[
        Day | None, Field(alias="from", description="The first day, of the shop's time zone.")
    ] = None
    last: Annotated[
        Day | None, Field(alias="to", description="The last day, itself included; not before `from`.")
    ] = None


class OrderAnalyticsQuery(RangeQuery):
    by: Annotated[
        By,
        Field(
            description="The period that is counted over: `2024-02-29`, `2024-W09` (ISO 8601), `2024-02`,"
            " `2024-Q1` or `2024`. Of one at an end of the range only the days in it count."
        ),
    ] = "day"


class ProductSalesQuery(RangeQuery):
    limit: Limit = 10


class EventsQuery(Query):
    after: Annotated[
        Cursor | None, Field(description="The `next` of the answer before; without it, from the beginning.")
    ] = None
    limit: Annotated[
        int,
        Field(ge=1, le=1_000),
        BeforeValidator(whole_number),
        Field(description="How many events at most."),
    ] = 100


class StoryQuery(Query):
    kind: Annotated[
        Literal["command", "order", "customer", "product"] | None,
        Field(description="What the id is meant to be the id of, if it is that of several."),
    ] = None


AnyQuery = TypeVar("AnyQuery", bound=Query)


def read(req: falcon.Request, kind: type[AnyQuery]) -> AnyQuery:
    """Return the query of a request.

    Raises:
        ProblemError: 400 for a query that cannot be read, 422 for a range that ends before it
            starts.

    """
    given: dict[str, Any] = dict(req.params)
    if empty := [name for name, value in given.items() if "" in _each(value)]:
        told = "must not be empty: leave the parameter out if it is not meant"
        raise _unreadable([FieldError(field=name, message=told) for name in empty])
    given |= {name: _each(given[name]) for name in kind.repeatable & given.keys()}
    if repeated := [n for n, value in given.items() if isinstance(value, list) and n not in kind.repeatable]:
        raise _unreadable([FieldError(field=name, message="given more than once") for name in repeated])
    try:
        query = kind.model_validate(given)
    except ValidationError as error:
        raise _unreadable([_named(kind, one) for one in field_errors(error)]) from None
    if isinstance(query, RangeQuery) and query.first and query.last and query.first > query.last:
        raise ends_before_it_starts()
    return query


def ends_before_it_starts() -> ProblemError:
    return wrong_fields([FieldError(field="from", message="must not be after to")])


def _each(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def _named(kind: type[Query], error: FieldError) -> FieldError:
    """Return the error, named by the parameter if that is repeated: a query has no places."""
    name, _, _place = error.field.partition(".")
    return FieldError(field=name, message=error.message) if name in kind.repeatable else error


def _unreadable(errors: list[FieldError]) -> ProblemError:
    return malformed("query", "The query string cannot be read.", errors)

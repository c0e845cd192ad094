"""Query strings: every parameter known, given once, and of its type; anything else is 400.

A parameter with nothing behind the ``=`` counts as left out, as forms send it.
"""

import re
from datetime import date
from typing import Annotated, Literal, TypeVar

import falcon
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from api.http.problems import field_errors, malformed, wrong_fields
from bus.messages.rejection import FieldError
from bus.messages.values import Id, OrderStatus

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


Day = Annotated[date, BeforeValidator(_day)]
Cursor = Annotated[str, Field(max_length=24_576)]
"""Longer than any given out, also by a log of 1,024 partitions; below the server's bound on headers."""
Limit = Annotated[
    int, Field(ge=1, le=100), BeforeValidator(whole_number), Field(description="How many at most.")
]


class Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NoQuery(Query):
    """Nothing can be asked."""


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
    customer_id: Annotated[
        Id | None, Field(description="Whose orders; a customer can only ask for its own.")
    ] = None
    status: Annotated[OrderStatus | None, Field(description="Where the orders stand now.")] = None


class RangeQuery(Query):
    first: Annotated[Day | None, Field(alias="from", description="The first day, UTC.")] = None
    last: Annotated[
        Day | None, Field(alias="to", description="The last day, UTC, itself included; not before `from`.")
    ] = None


class OrderAnalyticsQuery(RangeQuery):
    by: Annotated[Literal["day", "month", "year"], Field(description="The period that is counted over.")] = (
        "day"
    )


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
    """The query of a request.

    Raises:
        ProblemError: 400 for what cannot be read, 422 for a range that ends before it starts.

    """
    given = {name: value for name, value in req.params.items() if value != ""}
    repeated = [name for name, value in given.items() if isinstance(value, list)]
    if repeated:
        raise _unreadable([FieldError(field=name, message="given more than once") for name in repeated])
    try:
        query = kind.model_validate(given)
    except ValidationError as error:
        raise _unreadable(field_errors(error)) from None
    if isinstance(query, RangeQuery) and query.first and query.last and query.first > query.last:
        raise wrong_fields([FieldError(field="from", message="must not be after to")])
    return query


def _unreadable(errors: list[FieldError]) -> Exception:
    return malformed("query", "The query string cannot be read.", errors)

"""Query strings: every parameter known, given once, and of its type; anything else is 400.

A parameter with nothing behind the ``=`` counts as left out, as forms send it.
"""

import re
from datetime import date
from typing import Annotated, Literal, TypeVar

import falcon
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from api.problems import field_errors, malformed, wrong_fields
from bus.messages.rejection import FieldError
from bus.messages.values import Id, OrderStatus

_DIGITS = re.compile(r"[0-9]{1,9}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _number(value: object) -> object:
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("must be a whole number")
    return value


def _day(value: object) -> object:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("must be a day such as 2024-02-29")
    return value


Count = Annotated[int, BeforeValidator(_number)]
Day = Annotated[date, BeforeValidator(_day)]
Cursor = Annotated[str, Field(max_length=65_536)]


class Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NoQuery(Query):
    """Nothing can be asked."""


class PageQuery(Query):
    limit: Annotated[Count, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None


class OrderQuery(Query):
    consistency: Literal["strong", "eventual"] = "eventual"


class OrdersQuery(PageQuery):
    customer_id: Id | None = None
    status: OrderStatus | None = None


class RangeQuery(Query):
    first: Annotated[Day | None, Field(alias="from")] = None
    last: Annotated[Day | None, Field(alias="to")] = None


class OrderAnalyticsQuery(RangeQuery):
    by: Literal["day", "month", "year"] = "day"


class ProductSalesQuery(RangeQuery):
    limit: Annotated[Count, Field(ge=1, le=100)] = 10


class EventsQuery(Query):
    after: Cursor | None = None
    limit: Annotated[Count, Field(ge=1, le=1_000)] = 100


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

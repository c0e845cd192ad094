"""The shapes of one row in the description: an operation, its answers and its links."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from api.http.bodies import Body
from api.http.queries import NoQuery, Query


class Tag(StrEnum):
    """The groups that operations are shown in."""

    CUSTOMERS = "customers"
    PRODUCTS = "products"
    ORDERS = "orders"
    ANALYTICS = "analytics"
    COMMANDS = "commands"
    EVENTS = "events"
    OPS = "ops"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Link:
    """Another operation that goes on from an answer.

    ``parameters`` are its parameters, as expressions on the request and the answer.
    """

    operation: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DescribedAnswer:
    """An answer that is not a problem; without a shape and media types it has no body.

    The shape is that of JSON. If an answer has both, the caller gets what it prefers.

    ``headers`` always come with it, ``perhaps`` not always.
    """

    description: str
    shape: type | None = None
    media_types: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    links: Mapping[str, Link] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation: a method at a path.

    ``problems`` are the statuses of its problems, besides those that every operation has.
    """

    id: str
    tag: Tag
    summary: str
    text: str = ""
    query: type[Query] = NoQuery
    body: type[Body] | None = None
    headers: tuple[str, ...] = ()
    answers: Mapping[int, DescribedAnswer]
    problems: tuple[int, ...] = ()
    ill: type | None = None
    """The shape of its 503, if that can be more than a problem."""

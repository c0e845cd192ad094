"""Customers: registered and changed by commands, read from ``customers``."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, cast

import falcon
import uuid_utils

from api.http import bodies, queries, receipts
from api.http.answers import answer, answer_single
from api.http.commands import Commands
from api.http.freshness import Freshness
from api.http.owners import Owners
from api.http.pages import page_by_id
from api.http.problems import checked_id, forbidden, not_found
from api.middleware.deferral import Waits
from api.openapi.examples import NEW_CUSTOMER_ID
from api.openapi.kinds import changing, creating, listing, single
from api.openapi.operation import Link, Tag
from api.resources.shapes import CustomersPage
from bus.messages.customers import ChangeCustomer, RegisterCustomer
from bus.messages.principal import Principal, Role
from bus.messages.values import Id, NewEmail, NewName
from read_side.projections import customers, staleness
from read_side.projections.order_detail import ORDER_DETAIL

NAME = customers.CUSTOMERS.name


class NewCustomer(bodies.Body):
    """A customer to register.

    A customer may leave out `customer_id`, which is its own id. If staff leaves it out, the service
    makes a new one.
    """

    customer_id: Id | None = None
    name: NewName
    email: Annotated[NewEmail | None, *bodies.OPTIONAL_TEXT] = None

    examples: ClassVar[Any] = {
        "by-itself": {"name": "Ann Archer", "email": "ann@example.com"},
        "by-staff": {"customer_id": NEW_CUSTOMER_ID, "name": "Ann Archer", "email": "ann@example.com"},
    }


class CustomerChange(bodies.Body):
    """The fields to change. A field that is left out stays as it is."""

    name: Annotated[NewName | None, *bodies.NOT_NULL] = None
    email: Annotated[NewEmail | None, *bodies.TEXT_NOT_NULL] = None

    examples: ClassVar[Any] = {"name": {"name": "Ann Baker"}}


class CustomersResource:
    """``/customers``."""

    def __init__(self, commands: Commands, freshness: Freshness) -> None:
        self._commands = commands
        self._freshness = freshness

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> Waits[None]:
        queries.read(req, queries.NoQuery)
        received = bodies.read(req, NewCustomer)
        customer_id = received.body.customer_id or _own_or_new(req.context.principal)
        if not req.context.principal.owns(customer_id):
            raise forbidden("A customer registers itself only.")
        command = RegisterCustomer(
            customer_id=customer_id, name=received.body.name, email=received.body.email
        )
        yield from self._commands.send(req, resp, command, received.canonical)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> Waits[None]:
        found = yield from page_by_id(req, self._freshness, NAME, customers.page)
        rows = found.documents
        if found.parked_since:
            owners = owners_of(self._freshness, found.parked_since)
            concerning = [owners.concerning(row["customer_id"]) for row in rows]
            marked = zip(rows, concerning, strict=True)
            rows = [staleness.marked(row, found.parked_since, streams) for row, streams in marked]
        page: CustomersPage = {
            "customers": cast("list[customers.Customer]", rows),
            "next_cursor": found.cursor,
        }
        if stale := staleness.of(found.parked_since, found.parked_since):
            page["stale"] = stale
        answer(resp, page)


class CustomerResource:
    """``/customers/{customer_id}``."""

    def __init__(self, commands: Commands, freshness: Freshness) -> None:
        self._commands = commands
        self._freshness = freshness

    def on_get(self, req: falcon.Request, resp: falcon.Response, customer_id: str) -> Waits[None]:
        queries.read(req, queries.NoQuery)
        _own(req.context.principal, customer_id)
        live = yield from self._freshness.live(
            req, NAME, lambda _, parked_since: bool(self._missing(customer_id, parked_since))
        )
        customer = customers.by_id(live.documents, customer_id)
        if customer is None:
            raise not_found("customer", customer_id)
        if live.parked_since:
            customer = staleness.marked(
                customer, live.parked_since, self._missing(customer_id, live.parked_since)
            )
        answer_single(req, resp, customer, live.generation)

    def _missing(self, customer_id: str, parked_since: Iterable[str]) -> frozenset[str]:
        """Return the parked streams that a customer may lack: its own, or orders in its counts."""
        return owners_of(self._freshness, parked_since).concerning(customer_id)

    def on_patch(self, req: falcon.Request, resp: falcon.Response, customer_id: str) -> Waits[None]:
        queries.read(req, queries.NoQuery)
        _own(req.context.principal, customer_id)
        received = bodies.read(req, CustomerChange)
        command = ChangeCustomer(customer_id=customer_id, name=received.body.name, email=received.body.email)
        yield from self._commands.send(req, resp, command, received.canonical)


def owners_of(freshness: Freshness, parked_since: Iterable[str]) -> Owners:
    """Return the owners of parked streams.

    ``order_detail`` names the customers of orders: ``customers`` itself does not know the orders.
    """
    return Owners(freshness.documents(ORDER_DETAIL.name), parked_since)


def _own_or_new(principal: Principal) -> str:
    return principal.subject if principal.role is Role.CUSTOMER else str(uuid_utils.uuid7())


def _own(principal: Principal, customer_id: str) -> None:
    """Raise a 404 for somebody else's record, and for a text that cannot be an id."""
    if not principal.owns(checked_id("customer", customer_id)):
        raise not_found("customer", customer_id)


OPERATIONS = {
    ("/customers", "POST"): creating(
        Tag.CUSTOMERS,
        "Customer",
        "registerCustomer",
        "Register a customer",
        "A customer registers itself, staff anybody.",
        NewCustomer,
        (receipts.AcceptedCustomer, receipts.CreatedCustomer),
    ),
    ("/customers", "GET"): listing(
        Tag.CUSTOMERS,
        "listCustomers",
        "List customers, by id",
        queries.PageQuery,
        CustomersPage,
        links={
            "first": Link("readCustomer", {"path.customer_id": "$response.body#/customers/0/customer_id"})
        },
    ),
    ("/customers/{customer_id}", "GET"): single(
        Tag.CUSTOMERS, "Customer", "Read a customer, with how much it ordered", customers.Customer
    ),
    ("/customers/{customer_id}", "PATCH"): changing(
        Tag.CUSTOMERS,
        "Customer",
        "Change a customer",
        "A new name shows on all its orders.",
        CustomerChange,
        receipts.AcceptedCustomer,
    ),
}
"""The API's description of these routes."""

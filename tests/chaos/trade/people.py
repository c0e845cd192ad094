"""A client's customers: registered, renamed, and registered once too often."""

from itertools import count
from random import Random

from tests.chaos.books import Books, Customer
from tests.chaos.request import Body, Change, Request, done, post, refused

RECENT = 4
"""So many of the newest customers buy, so a customer's orders, which a rename has to reach, stay few."""


class People:
    def __init__(self, name: str, rng: Random, books: Books) -> None:
        self._name = name
        self._rng = rng
        self._books = books
        self._numbers = count(1)

    def one(self) -> Customer:
        return self._rng.choice(list(self._books.customers.values())[-RECENT:])

    def register(self) -> Request:
        number = next(self._numbers)
        customer = Customer(f"{self._name}-c{number}", f"Customer {number}", f"c{number}@shop.example")

        def effect(_: Body) -> None:
            self._books.customers[customer.customer_id] = customer

        return post("/customers", _body(customer, customer.name), customer.stream, done(1), effect)

    def register_again(self) -> Request:
        customer = self.one()
        return post("/customers", _body(customer, "Another"), customer.stream, refused("id-taken"))

    def rename(self) -> Request:
        customer = self.one()
        name = f"{customer.customer_id} of old, now {next(self._numbers)}"

        def effect(_: Body) -> None:
            customer.name = name
            customer.version += 1

        change = Change(f"/customers/{customer.customer_id}", customer.stream, customer.version)
        return change.to({"name": name}, self._rng, effect)


def _body(customer: Customer, name: str) -> Body:
    return {"customer_id": customer.customer_id, "name": name, "email": customer.email}

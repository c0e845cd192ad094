"""A client's products: added, renamed, at ever other prices, taken out of sale and back in."""

from collections.abc import Sequence
from itertools import count
from random import Random

from tests.chaos.books import Books, Product
from tests.chaos.request import Body, Change, Request, done, post

HIGHEST_PRICE = 10_000


class Goods:
    """``shared`` are products that every client sells; one has them in its books and renames them.

    Their price never changes.
    """

    def __init__(self, name: str, rng: Random, books: Books, shared: Sequence[Product], at_most: int) -> None:
        self.currency = rng.choice(["EUR", "USD"])
        self._name = name
        self._rng = rng
        self._books = books
        self._shared = {product.product_id: product for product in shared}
        self._at_most = at_most
        self._numbers = count(1)

    @property
    def on_sale(self) -> list[Product]:
        """What can be ordered together."""
        everything = {**self._shared, **self._books.products}.values()
        return [one for one in everything if one.currency == self.currency and not one.discontinued]

    @property
    def gone(self) -> list[Product]:
        """What can no longer be ordered."""
        return [product for product in self._own() if product.discontinued]

    def add(self) -> Request:
        """Another product, unless there are enough."""
        if len(self._books.products) >= self._at_most:
            return self.reprice()
        number = next(self._numbers)
        price = self._rng.randint(1, HIGHEST_PRICE)
        return self.introduce(Product(f"{self._name}-p{number}", f"Product {number}", price, self.currency))

    def introduce(self, product: Product) -> Request:
        def effect(_: Body) -> None:
            self._books.products[product.product_id] = product

        body = {
            "product_id": product.product_id,
            "name": product.name,
            "unit_price": product.unit_price,
            "currency": product.currency,
        }
        return post("/products", body, product.stream, done(1), effect)

    def reprice(self) -> Request:
        product = self._rng.choice(self._own())
        price = product.unit_price % HIGHEST_PRICE + 1  # another one for certain

        def effect(_: Body) -> None:
            product.unit_price = price
            product.version += 1

        return _change(product).to({"unit_price": price}, self._rng, effect)

    def rename(self) -> Request:
        product = self._rng.choice(list(self._books.products.values()))
        name = f"{product.product_id} of old, now {next(self._numbers)}"

        def effect(_: Body) -> None:
            product.name = name
            product.version += 1

        return _change(product).to({"name": name}, self._rng, effect)

    def switch(self) -> Request:
        """Take the first product out of sale, or back in."""
        product = self._own()[0]
        switched = not product.discontinued

        def effect(_: Body) -> None:
            product.discontinued = switched
            product.version += 1

        return _change(product).to({"discontinued": switched}, self._rng, effect)

    def _own(self) -> list[Product]:
        return [one for one in self._books.products.values() if one.product_id not in self._shared]


def _change(product: Product) -> Change:
    return Change(f"/products/{product.product_id}", product.stream, product.version)

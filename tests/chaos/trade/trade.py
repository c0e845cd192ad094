"""What a client asks for next: a seeded mix of every command, also of such that must be refused.

Nothing in it waits for an outcome. An order follows its customer and its product at once, a move follows the
one before, a price changes between two orders. Each command's outcome is known beforehand all the same: what
concerns one aggregate comes from one client, and clients ask for one thing after the other.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from random import Random

from tests.chaos.books import Books, Product
from tests.chaos.request import Request
from tests.chaos.trade.goods import Goods
from tests.chaos.trade.people import People
from tests.chaos.trade.sales import Sales

MOST_PRODUCTS = 90
"""Of all clients together: ``/analytics/products`` shows 100 at most."""

Step = Callable[[], Request]


class Trade:
    """One client's business."""

    def __init__(self, name: str, rng: Random, shared: Sequence[Product], most_products: int) -> None:
        self.books = Books()
        self._name = name
        self._rng = rng
        self._numbers = count(1)
        self._people = people = People(name, rng, self.books)
        self._goods = goods = Goods(name, rng, self.books, shared, most_products)
        self._sales = sales = Sales(rng, self.books, people, goods)
        self._planned: deque[Step] = deque([people.register, goods.add, goods.add, sales.place])
        self._weights: Mapping[Step, int] = {
            sales.place: 30,
            sales.move: 44,
            sales.stay: 2,
            sales.move_in_vain: 3,
            sales.place_in_vain: 2,
            goods.add: 1,
            goods.reprice: 4,
            goods.rename: 2,
            goods.switch: 2,
            people.register: 3,
            people.register_again: 1,
            people.rename: 4,
            self._life: 2,
        }

    def next(self) -> Request:
        """The next command; its effect is to be told before another is asked for."""
        if not self._planned:
            (step,) = self._rng.choices(list(self._weights), list(self._weights.values()))
            self._planned.append(step)
        return self._keyed(self._planned.popleft()())

    def introduce(self, product: Product) -> Request:
        """Add a product that everybody sells."""
        return self._keyed(self._goods.introduce(product))

    def _life(self) -> Request:
        """A customer, a product, its new price, an order and all that becomes of it, back to back."""
        moves = [self._sales.move_newest] * 3
        self._planned.extend([self._goods.add, self._goods.reprice, self._sales.place, *moves])
        return self._people.register()

    def _keyed(self, request: Request) -> Request:
        return replace(request, key=f"{self._name}-{next(self._numbers)}")

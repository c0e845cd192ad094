"""Whatever several customers do, in whatever order it is committed, the read models add up.

The figures are counted a second time, straight from the events, without a single fold.
"""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bus.log.commit import Commit
from bus.messages.orders import OrderCancelled, OrderPlaced, OrderStatusChanged
from bus.messages.registry import AnyEvent
from bus.messages.values import OrderStatus
from read_side.projections import by_name, customers, order_analytics, order_summary, product_sales
from tests.support import messages
from tests.unit.projecting import History, projected

CUSTOMERS = ("c1", "c2", "c3")
PRODUCTS = ("p1", "p2")
MOVES: dict[OrderStatus, Callable[..., AnyEvent]] = {
    OrderStatus.CONFIRMED: messages.order_confirmed,
    OrderStatus.SHIPPED: messages.order_shipped,
    OrderStatus.DELIVERED: messages.order_delivered,
    OrderStatus.CANCELLED: messages.order_cancelled,
}
ALLOWED = {
    OrderStatus.PENDING: (OrderStatus.CONFIRMED, OrderStatus.CANCELLED),
    OrderStatus.CONFIRMED: (OrderStatus.SHIPPED, OrderStatus.CANCELLED),
    OrderStatus.SHIPPED: (OrderStatus.DELIVERED,),
}

placing = st.fixed_dictionaries(
    {
        "customer": st.sampled_from(CUSTOMERS),
        "day": st.integers(0, 40),
        "currency": st.sampled_from(("EUR", "USD")),
        "quantities": st.lists(st.integers(1, 5), min_size=1, max_size=2),
        "stale_name": st.booleans(),
    }
)
moving = st.tuples(st.integers(0, 9), st.sampled_from(list(MOVES)))
renaming = st.tuples(st.sampled_from(CUSTOMERS), st.sampled_from(("Ann", "Bob", "Cy")))
steps = st.lists(placing | moving | renaming, max_size=25)


class Shop:
    """Plays steps as a valid history; a step that is not possible is left out."""

    def __init__(self) -> None:
        self.happened: list[AnyEvent] = []
        self.names = dict.fromkeys(CUSTOMERS, "Ann Archer")
        self._orders: list[OrderPlaced] = []
        self._status: dict[str, OrderStatus] = {}
        for customer in CUSTOMERS:
            self.happened.append(messages.customer_registered(customer_id=customer))
        for product in PRODUCTS:
            self.happened.append(messages.product_added(product_id=product))

    def play(self, step: Any) -> None:
        match step:
            case dict():
                self._place(step)
            case (int(number), status):
                self._move(number, status)
            case (customer, name):
                self._rename(customer, name)

    def _place(self, step: dict[str, Any]) -> None:
        lines: list[dict[str, Any]] = [
            {
                "product_id": product,
                "product_name": "as sold",
                "quantity": quantity,
                "list_price": 100,
                "unit_price": 100,
                "discount": 0,
                "line_total": quantity * 100,
            }
            for product, quantity in zip(PRODUCTS, step["quantities"], strict=False)
        ]
        placed = messages.order_placed(
            order_id=f"o{len(self._orders)}",
            customer_id=step["customer"],
            customer_name="Ann Archer" if step["stale_name"] else self.names[step["customer"]],
            placed_at=messages.PLACED_AT + timedelta(days=step["day"]),
            currency=step["currency"],
            lines=lines,
            total=sum(line["line_total"] for line in lines),
            units=sum(step["quantities"]),
        )
        self._orders.append(placed)
        self._status[placed.order_id] = OrderStatus.PENDING
        self.happened.append(placed)

    def _move(self, number: int, status: OrderStatus) -> None:
        if number >= len(self._orders):
            return
        placed = self._orders[number]
        old = self._status[placed.order_id]
        if status not in ALLOWED.get(old, ()):
            return
        self._status[placed.order_id] = status
        amounts = [
            {"product_id": line.product_id, "quantity": line.quantity, "amount": line.line_total}
            for line in placed.lines
        ]
        same = {"order_id", "customer_id", "placed_at", "currency", "total", "units"}
        self.happened.append(MOVES[status](**placed.model_dump(include=same), old_status=old, lines=amounts))

    def _rename(self, customer: str, name: str) -> None:
        old, self.names[customer] = self.names[customer], name
        self.happened.append(messages.customer_renamed(customer_id=customer, old_name=old, name=name))


def shop_after(played: list[Any]) -> tuple[Shop, list[Commit]]:
    shop, history = Shop(), History()
    for step in played:
        shop.play(step)
    return shop, [history.commit(event) for event in shop.happened]


@given(steps)
def test_analytics_are_what_counting_the_events_gives(played: list[Any]) -> None:
    shop, commits = shop_after(played)
    counted: dict[tuple[str, str], Counter[str]] = {}
    for event in shop.happened:
        if not isinstance(event, OrderPlaced | OrderStatusChanged):
            continue
        count = counted.setdefault((f"{event.placed_at:%Y-%m}", event.currency), Counter())
        if isinstance(event, OrderPlaced):
            count.update(orders=1, units=event.units, gross=event.total, pending=1)
        else:
            count.update({event.old_status.value: -1, event.new_status.value: 1})
        if isinstance(event, OrderCancelled):
            count.update(cancelled_orders=1, cancelled_gross=event.total)
    stored = projected(by_name("order_analytics"), commits).stored
    buckets = order_analytics.by_period(stored, by="month")["buckets"]
    assert [(bucket["period"], bucket["currency"]) for bucket in buckets] == sorted(counted)
    for bucket in buckets:
        count = counted[bucket["period"], bucket["currency"]]
        figures = {name: value for name, value in bucket.items() if isinstance(value, int)}
        assert {**figures, **bucket["by_status"]} == {
            name: count[name] for name in (*figures, *bucket["by_status"])
        }


@given(steps)
def test_customers_and_products_add_up_to_the_same_money(played: list[Any]) -> None:
    _, commits = shop_after(played)
    totals = order_analytics.by_period(projected(by_name("order_analytics"), commits).stored)["totals"]
    kept = {total["currency"]: total["gross"] - total["cancelled_gross"] for total in totals}

    spent: Counter[str] = Counter()
    shown = customers.page(projected(by_name("customers"), commits).stored, limit=100).documents
    for customer in shown:
        spent.update(customer["spent"])
    assert dict(spent) == kept
    assert sum(customer["orders"] for customer in shown) == sum(total["orders"] for total in totals)

    sales: Counter[str] = Counter()
    stored = projected(by_name("product_sales"), commits).stored
    for product in product_sales.best_sellers(stored, limit=100)["products"]:
        sales[product["currency"]] += product["gross"] - product["cancelled_gross"]
    assert dict(sales) == kept


@given(steps)
def test_every_order_shows_its_customers_last_name(played: list[Any]) -> None:
    shop, commits = shop_after(played)
    stored = projected(by_name("order_summary"), commits).stored
    rows = order_summary.page(stored, limit=100).documents
    assert len(rows) == sum(isinstance(event, OrderPlaced) for event in shop.happened)
    assert {row["order_id"]: row["customer_name"] for row in rows} == {
        row["order_id"]: shop.names[row["customer_id"]] for row in rows
    }

"""Whatever is decided, however often and in whatever order the doorbells ring, and wherever a projector dies.

In the end every read model equals the fold of the log. The audit says so with the projector's own folding,
so a second opinion is asked of the write side's states and of the bare events.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from bus.commit import Commit, Decision
from bus.connections import Documents, read_database, write_database
from bus.messages.commands import AnyCommand
from bus.messages.events import OrderCancelled, OrderPlaced
from bus.messages.values import OrderStatus
from bus.settings import Settings
from read_side import batch, catch_up
from read_side.audit import audit
from read_side.projections import READ_MODELS, order_analytics, product_sales
from read_side.projections.model import ReadModel
from read_side.projections.order_analytics import ORDER_ANALYTICS
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.product_sales import PRODUCT_SALES
from read_side.store import CollectionDocuments
from tests import messages
from tests.integration.crashes import Moment, dying
from tests.integration.shop import PARTITIONS, ReadSide, WriteSide, order_id
from write_side import audit as log_audit


@dataclass(frozen=True)
class Doorbell:
    """Deliveries one after the other; each projector dies at its ``at``-th write, if it comes that far."""

    models: list[ReadModel]
    partition: int
    at: int
    moment: Moment


@dataclass(frozen=True)
class Race:
    """An order that is decided before its customer is renamed, and appended after."""

    order: AnyCommand
    customer_id: str
    name: str


CUSTOMERS = ("c1", "c2", "c3")
PRODUCTS = ("p1", "p2", "p3")
OPENING = (
    messages.register_customer(customer_id="c1", name="Ann"),
    messages.register_customer(customer_id="c2", name="Bob"),
    messages.add_product(product_id="p1"),
    messages.add_product(product_id="p2", name="Tea", unit_price=450),
)

customers = st.sampled_from(CUSTOMERS)
products = st.sampled_from(PRODUCTS)
names = st.sampled_from(["Ann", "Bob", "Cleo"])
moments = st.sampled_from([None, messages.PLACED_AT, messages.NOW - timedelta(days=30)])
items = st.dictionaries(products, st.integers(1, 3), min_size=1, max_size=2).map(
    lambda wanted: tuple({"product_id": p, "quantity": n} for p, n in wanted.items())
)


def _placed(customer: str, number: int, **over: Any) -> AnyCommand:
    return messages.place_order(customer_id=customer, order_id=order_id(customer, number), **over)


def _status(customer: str, number: int, status: OrderStatus) -> AnyCommand:
    return messages.change_order_status(status, order_id=order_id(customer, number))


numbers = st.integers(1, 2)
commands: st.SearchStrategy[AnyCommand] = st.one_of(
    st.builds(messages.register_customer, customer_id=customers, name=names),
    st.builds(messages.change_customer, customer_id=customers, name=names),
    st.builds(messages.change_customer, customer_id=customers, email=st.sampled_from(["a@b.cd", "e@f.gh"])),
    st.builds(
        messages.add_product, product_id=products, name=names, currency=st.sampled_from(["EUR", "USD"])
    ),
    st.builds(messages.change_product, product_id=products, name=names),
    st.builds(messages.change_product, product_id=products, unit_price=st.integers(1, 3)),
    st.builds(messages.change_product, product_id=products, discontinued=st.booleans()),
    st.builds(_placed, customers, numbers, items=items, occurred_at=moments),
    st.builds(_status, customers, numbers, st.sampled_from(OrderStatus)),
)
races = st.builds(
    lambda customer, number, wanted, name: Race(_placed(customer, number, items=wanted), customer, name),
    customers,
    numbers,
    items,
    names,
)
doorbells = st.builds(
    Doorbell,
    st.lists(st.sampled_from(READ_MODELS), min_size=4, max_size=8),
    st.integers(0, PARTITIONS - 1),
    st.integers(2, 9),
    st.sampled_from(["before", "amid", "after"]),
)
steps: st.SearchStrategy[AnyCommand | Race | Doorbell] = st.sampled_from(
    [commands, commands, races, doorbells]
).flatmap(lambda strategy: strategy)


class Both:
    """The write side, and the read side with its projectors that come and go."""

    def __init__(self, settings: Settings) -> None:
        self._databases = write_database(settings), read_database(settings)
        ReadSide(WriteSide(self._databases[0]).log, self._databases[1]).create()
        WriteSide(self._databases[0]).create()

    def start_anew(self) -> None:
        """Everything as it was in the beginning; the indexes stay, making them takes the longest."""
        for database in self._databases:
            stored = {"type": "collection", "name": {"$ne": "system.views"}}
            for collection in database.list_collections(filter=stored):
                database[collection["name"]].delete_many({})
        self.write = WriteSide(self._databases[0])
        self.write.create()
        self.deaths: Counter[str] = Counter()
        self.read().create()

    def read(self) -> ReadSide:
        return ReadSide(self.write.log, self._databases[1])

    def happen(self, one: AnyCommand | Race | Doorbell) -> None:
        match one:
            case Doorbell():
                self.deliver(one)
            case Race():
                self.race(one)
            case _:
                self.write.do(one)

    def race(self, race: Race) -> None:
        handling = self.write.handling
        append = handling._append

        def overtaken(decision: Decision) -> Commit:
            self.write.rename_out_of_turn(race.customer_id, race.name)
            return append(decision)

        with mock.patch.object(handling, "_append", overtaken):
            self.write.do(race.order)

    def deliver(self, bell: Doorbell) -> None:
        for model in bell.models:
            read = self.read()
            with dying(self._databases[1], bell.at, bell.moment) as death:
                read.run(model, bell.partition)
            if death.dead:
                self.deaths[death.written[-1]] += 1
                read.expire_leases()

    def close(self) -> None:
        for database in self._databases:
            database.client.close()

    def differences(self) -> list[Any]:
        log, read = self._databases
        return [*audit(self.write.log, read), *log_audit.audit(log, PARTITIONS)]


@pytest.fixture
def both(settings: Settings) -> Iterator[Both]:
    both = Both(settings)
    yield both
    both.close()


def test_in_the_end_every_read_model_equals_the_fold_of_the_log(both: Both) -> None:
    deaths: Counter[str] = Counter()

    @given(
        st.lists(steps, min_size=10, max_size=25),
        st.integers(1, 5),
        st.integers(1, 3),
    )
    @examples(deadline=None, max_examples=25)
    def check(happens: list[AnyCommand | Race | Doorbell], size: int, chunk: int) -> None:
        both.start_anew()
        with mock.patch.object(catch_up, "BATCH", size), mock.patch.object(batch, "SPREAD_CHUNK", chunk):
            for one in (*OPENING, *happens):
                both.happen(one)
            both.read().drain()
        deaths.update(both.deaths)
        assert both.differences() == []
        _second_opinion(both)

    check()
    assert deaths, "no projector died"


def _second_opinion(both: Both) -> None:
    commits = list(_commits(both.write))
    read = both.read()
    newest = {commit.stream: commit for commit in commits}
    orders = {stream: commit for stream, commit in newest.items() if str(stream).startswith("order-")}
    shown = {key: d for key, d in read.documents(ORDER_SUMMARY).items() if not key.startswith("customer-")}
    assert {f"order-{key}": _core(d) for key, d in shown.items()} == {
        stream: _core({**(commit.state or {}), "version": commit.version})
        for stream, commit in orders.items()
    }
    for document in shown.values():
        customer = newest[f"customer-{document['customer_id']}"]
        assert document["customer_name"] == (customer.state or {})["name"]
    _same_analytics(read, [commit.state or {} for commit in orders.values()])
    _same_sales(read, commits)


def _commits(write: WriteSide) -> Iterator[Commit]:
    for partition in range(PARTITIONS):
        yield from (c for c in write.log.read(partition, 0, 10_000).commits if c.stream is not None)


def _core(document: Documents) -> Documents:
    return {name: document[name] for name in ("customer_id", "status", "total", "placed_at", "version")}


def _same_analytics(read: ReadSide, orders: list[Any]) -> None:
    collection = read.registry.collection(ORDER_ANALYTICS.name, 1)
    buckets = order_analytics.by_period(CollectionDocuments(collection))["buckets"]
    found = Counter(
        {(b["period"], b["currency"], status): n for b in buckets for status, n in b["by_status"].items()}
    )
    days = [(order["placed_at"].date().isoformat(), order["currency"]) for order in orders]
    assert +found == Counter((*day, order["status"]) for day, order in zip(days, orders, strict=True))
    for bucket in buckets:
        there = [
            o for day, o in zip(days, orders, strict=True) if day == (bucket["period"], bucket["currency"])
        ]
        cancelled = [order for order in there if order["status"] == "cancelled"]
        assert bucket["orders"] == len(there)
        assert bucket["units"] == sum(order["units"] for order in there)
        assert bucket["gross"] == sum(order["total"] for order in there)
        assert bucket["cancelled_orders"] == len(cancelled)
        assert bucket["cancelled_gross"] == sum(order["total"] for order in cancelled)


def _same_sales(read: ReadSide, commits: list[Commit]) -> None:
    sold: Counter[tuple[str, str]] = Counter()
    for recorded in (one for commit in commits for one in commit.recorded()):
        match recorded.event:
            case OrderPlaced() as placed:
                sold.update({(line.product_id, placed.currency): line.line_total for line in placed.lines})
            case OrderCancelled() as cancelled:
                sold.subtract(
                    {(line.product_id, cancelled.currency): line.amount for line in cancelled.lines}
                )
    collection = read.registry.collection(PRODUCT_SALES.name, 1)
    found = product_sales.best_sellers(CollectionDocuments(collection), limit=100)["products"]
    kept = {(p["product_id"], p["currency"]): p["gross"] - p["cancelled_gross"] for p in found}
    assert kept == dict(sold)

"""Whatever is decided, however often and in whatever order the doorbells ring, and wherever a projector dies.

In the end every read model equals the fold of the log. The audit says so with the projector's own folding,
so a second opinion is asked of the write side's states and of the bare events.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from bus.connections.clients import read_database, write_database
from bus.log.commit import Decision
from bus.log.log import Appended
from bus.messages.registry import AnyCommand
from bus.messages.values import OrderStatus
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.projector import batch, catch_up
from tests.integration.crashes import Moment, dying
from tests.integration.second_opinion import agrees
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id
from tests.support import messages
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
        append = handling.decider.append

        def overtaken(decisions: Sequence[Decision]) -> list[Appended]:
            self.write.rename_out_of_turn(race.customer_id, race.name)
            return append(decisions)

        with mock.patch.object(handling.decider, "append", overtaken):
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
        agrees(both.write, both.read())

    check()
    assert deaths, "no projector died"

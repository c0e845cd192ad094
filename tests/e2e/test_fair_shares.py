"""A burst on one stream, or of one caller, keeps nobody else waiting: the others are decided in between.

The workers are stopped while the burst is accepted, so that all of it waits, and whoever comes after it.
"""

import uuid
from collections.abc import Iterator, Sequence

import pytest

from bus.connections.clients import redis_client, write_database
from bus.inbox.command_records import CommandRecords
from bus.inbox.gateway import command_message
from bus.inbox.inbox import Inbox
from bus.log.log import Log
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.registry import AnyCommand
from bus.messages.streams import draw_order_id, partition_of
from bus.queue.broker import Broker
from bus.settings import Settings
from tests.support import messages
from tests.support.decided import decided
from tests.support.system import System
from tests.support.waiting import until

PARTITIONS = 4
BURST = 1_000
CARRIED_OUT_S = 120.0
WORKERS = ("commands", "commands2")


class Backlog:
    """Commands that wait for workers which are not there yet."""

    def __init__(self, system: System) -> None:
        settings = Settings(
            redis_url=system.redis_url,
            write_mongodb_uri=system.mongo_uri,
            write_database=system.write_database_name,
        )
        self._system = system
        self._database = write_database(settings)
        self._client = redis_client(settings)
        inbox, log = Inbox(self._database, PARTITIONS), Log(self._database, PARTITIONS)
        self._records = CommandRecords(self._database, inbox, log)
        self._broker = Broker(self._client)

    def close(self) -> None:
        self._client.close()
        self._database.client.close()

    def accept(self, commands: Sequence[AnyCommand]) -> list[str]:
        """Accept commands in their order; return their ids."""
        envelopes = [messages.envelope(command_id=str(uuid.uuid4()), command=one) for one in commands]
        for start in range(0, len(envelopes), 500):
            part = envelopes[start : start + 500]
            assert self._records.accept_all([(one, None) for one in part]) == [None] * len(part)
            self._broker.enqueue_once([command_message(one.command_id) for one in part])
        return [one.command_id for one in envelopes]

    def outcomes(self, command_ids: Sequence[str]) -> list[Outcome]:
        """What they come to, once all are finished."""

        def all_of_them() -> dict[str, Outcome]:
            found = decided(self._system.write_database, command_ids)
            return found if len(found) == len(command_ids) else {}

        found = until(all_of_them, CARRIED_OUT_S, "all carried out")
        return [found[command_id] for command_id in command_ids]


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with System({"commands2": "exec python -m write_side worker"}) as running:
        yield running


@pytest.fixture
def backlog(system: System) -> Iterator[Backlog]:
    for name in WORKERS:
        if system.processes[name].pid is not None:
            system.processes[name].stop()
    backlog = Backlog(system)
    try:
        yield backlog
    finally:
        backlog.close()


def work(system: System) -> None:
    for name in WORKERS:
        system.processes[name].start()


def new_product() -> str:
    return f"p{uuid.uuid4().hex}"


def in_partition(partition: int) -> str:
    """A new product of that partition, so that the log has one order of both."""
    return next(
        one for one in iter(new_product, "") if partition_of(f"product-{one}", PARTITIONS) == partition
    )


def seq(outcome: Outcome) -> int:
    assert outcome.seq is not None
    return outcome.seq


def test_a_thousand_changes_of_one_product(system: System, backlog: Backlog) -> None:
    hot = new_product()
    other = in_partition(partition_of(f"product-{hot}", PARTITIONS))
    changes = [messages.change_product(product_id=hot, unit_price=price) for price in range(1, BURST + 1)]
    burst = backlog.accept([messages.add_product(product_id=hot, unit_price=2 * BURST), *changes])
    [unrelated] = backlog.accept([messages.add_product(product_id=other)])
    work(system)

    outcomes = backlog.outcomes(burst)
    assert [outcome.version for outcome in outcomes] == list(range(1, BURST + 2)), "in the order accepted"
    [overtaking] = backlog.outcomes([unrelated])
    assert overtaking.status is CommandStatus.SUCCEEDED
    assert seq(overtaking) < seq(outcomes[-1])


def test_a_thousand_pairs_of_a_price_and_an_order_at_it(system: System, backlog: Backlog) -> None:
    """Each order sees the price that was set just before it, and none that was set after it."""
    product, customer = new_product(), f"c{uuid.uuid4().hex}"
    commands: list[AnyCommand] = [
        messages.register_customer(customer_id=customer),
        messages.add_product(product_id=product, unit_price=5_000),
    ]
    for price in range(1, BURST + 1):
        placed = draw_order_id(customer, PARTITIONS)
        items = ({"product_id": product, "quantity": 1},)
        commands += [
            messages.change_product(product_id=product, unit_price=price),
            messages.place_order(customer_id=customer, order_id=placed, items=items),
        ]
    pairs = backlog.accept(commands)
    work(system)
    totals = [outcome.total for outcome in backlog.outcomes(pairs)[3::2]]
    assert totals == list(range(1, BURST + 1))


def test_orders_of_two_hundred_unknown_products(system: System, backlog: Backlog) -> None:
    customer = f"c{uuid.uuid4().hex}"
    unknown = tuple({"product_id": new_product(), "quantity": 1} for _ in range(200))
    orders: list[AnyCommand] = [
        messages.place_order(
            customer_id=customer, order_id=draw_order_id(customer, PARTITIONS), items=unknown
        )
        for _ in range(100)
    ]
    burst = backlog.accept([messages.register_customer(customer_id=customer), *orders])
    [unrelated] = backlog.accept([messages.add_product(product_id=new_product())])
    work(system)
    first, *refused = backlog.outcomes(burst)
    assert first.status is CommandStatus.SUCCEEDED
    assert {outcome.rejection.code if outcome.rejection else None for outcome in refused} == {
        "unknown-product"
    }
    assert backlog.outcomes([unrelated])[0].status is CommandStatus.SUCCEEDED

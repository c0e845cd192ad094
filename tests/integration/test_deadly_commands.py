"""A command that kills its worker is found out, and kept as failed; those that died with it are not."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bus.connections.clients import redis_client
from bus.inbox.gateway import command_message
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus
from bus.queue.broker import Broker
from bus.settings import Settings
from tests.integration.deadly_worker import DEADLY
from tests.integration.sides import PARTITIONS, WriteSide, order_id
from tests.support import messages
from tests.support.command_line import plain
from tests.support.processes import Process
from tests.support.waiting import until
from write_side.handling.isolation import DEATHS_ALONE, SUSPECT_AFTER

PATIENCE_S = 90
BYSTANDERS = 12


@pytest.fixture
def shop(write: WriteSide) -> WriteSide:
    return write


@contextmanager
def deadly_worker(settings: Settings, folder: Path) -> Iterator[Process]:
    given = ("redis_url", "write_mongodb_uri", "write_database")
    environ = {**os.environ, **{name.upper(): plain(settings, name) for name in given}}
    environ["LOG_PARTITIONS"] = str(PARTITIONS)
    command = f"exec {sys.executable} -m tests.integration.deadly_worker"
    worker = Process("commands", command, environ, folder / "commands.log")
    try:
        yield worker
    finally:
        worker.kill()


def test_it_alone_is_failed(shop: WriteSide, settings: Settings, data_dir: Path) -> None:
    shop.do(messages.register_customer())
    shop.do(messages.add_product())
    shop.do(messages.add_product(product_id="p2", unit_price=450))
    orders = [
        shop.accept(messages.place_order(order_id=order_id("c1", number)), command_id=f"by{number}")
        for number in range(BYSTANDERS)
    ]
    deadly = shop.accept(messages.place_order(order_id=order_id("c1", 99), reference=DEADLY))
    behind = shop.accept(messages.change_order_status(order_id=order_id("c1", 99)))
    everything = [*orders[:6], deadly, *orders[6:], behind]
    deaths = 0
    with redis_client(settings) as client, deadly_worker(settings, data_dir) as worker:
        Broker(client).enqueue_once([command_message(envelope.command_id) for envelope in everything])

        def all_finished() -> bool:
            nonlocal deaths
            if worker.pid is None:
                deaths += 1
                worker.start()  # as its supervisor does
            return all(shop.is_finished(envelope) for envelope in everything)

        try:
            until(all_finished, PATIENCE_S, "everything has its outcome")
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{worker.tail()}") from error
    _failed(shop, deadly)
    assert [shop.outcome(order).status for order in orders] == [CommandStatus.SUCCEEDED] * BYSTANDERS
    assert shop.outcome(behind).status is CommandStatus.REJECTED, "there is no such order"
    assert deaths - 1 == SUSPECT_AFTER + DEATHS_ALONE  # the first start is none


def _failed(shop: WriteSide, deadly: CommandEnvelope) -> None:
    outcome = shop.outcome(deadly)
    assert outcome.status is CommandStatus.FAILED
    assert f"{DEATHS_ALONE} workers died of it" in (outcome.error or "")

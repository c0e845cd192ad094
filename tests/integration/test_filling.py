"""Filling several read models from one reading of the log: each is what a projector would have made of it."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from unittest import mock

import pytest
from pymongo.database import Database

from bus.connections.clients import StoredDocument, read_database, write_database
from bus.log.log import Log
from bus.log.view import LogSlice
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.errors import RebuildStoppedError
from read_side.projections import READ_MODELS
from read_side.projections.customers import CUSTOMERS
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector.context import Reached
from read_side.rebuild import filling, shared_scan
from read_side.rebuild.filling import Target, fill_together, projection_context
from tests.integration import long_log
from tests.integration.sides import PARTITIONS, ReadSide
from tests.support.waiting import LONGEST_S

EVENTS = 1_500
STRETCH = 100
DONE_S = LONGEST_S
TARGETS: tuple[Target, ...] = tuple((model.name, 1) for model in READ_MODELS)


class CountedLog(Log):
    """A log that remembers behind which positions it was read, if there was something."""

    def __init__(self, database: Database[StoredDocument]) -> None:
        super().__init__(database, PARTITIONS)
        self.database = database
        self.begins: list[tuple[int, int]] = []

    def read_within(self, partition: int, after: int, limit: int, most_bytes: int) -> LogSlice:
        stretch = super().read_within(partition, after, limit, most_bytes)
        self.begins += [(partition, after)] if stretch.commits else []
        return stretch


@pytest.fixture
def log(settings: Settings) -> Iterator[CountedLog]:
    database = write_database(settings)
    with database.client:
        long_log.append(database, PARTITIONS, EVENTS, renames=20)
        yield CountedLog(database)


@pytest.fixture
def read(settings: Settings, log: Log) -> Iterator[ReadSide]:
    database = read_database(settings)
    with database.client:
        read = ReadSide(log, database)
        read.create()
        yield read


@pytest.fixture(autouse=True)
def _many_stretches() -> Iterator[None]:
    """And a model that waits for another in vain does not come to an end."""
    with (
        mock.patch.object(filling, "STRETCH", STRETCH),
        mock.patch.object(shared_scan, "PATIENCE_S", 10 * DONE_S),
    ):
        yield


def _fill(read: ReadSide, targets: Sequence[Target] = TARGETS, up_to: int | None = None) -> None:
    """Fill all partitions; up to a position of the first model that reaches it, if one is given."""
    for partition in range(PARTITIONS):
        stopping = threading.Event()

        def announce(moved: Sequence[Reached]) -> None:
            if up_to is not None and moved[0].position >= up_to:
                stopping.set()  # noqa: B023 - called before it ends

        context = replace(read.context, stopping=stopping, announce=announce)
        fill_together(context, targets, partition)


@pytest.mark.timeout(DONE_S)
def test_all_are_filled_from_one_reading(log: CountedLog, read: ReadSide) -> None:
    _fill(read)
    assert len(log.begins) == len(set(log.begins)) >= EVENTS // STRETCH
    assert audit(log, read.database, READ_MODELS) == []


class Impatient(threading.Event):
    """Counts how often it is waited for."""

    waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return self.is_set()


@pytest.mark.timeout(DONE_S)
def test_a_fill_does_not_wait_for_more_to_come_in(
    log: CountedLog, read: ReadSide, settings: Settings
) -> None:
    """As a runner does under load, which would be a while in every partition."""
    impatient = Impatient()
    with (
        mock.patch.object(filling, "write_database", return_value=log.database),
        mock.patch.object(filling, "read_database", return_value=read.database),
    ):
        context = projection_context(
            settings.model_copy(update={"log_partitions": PARTITIONS}), impatient, "test"
        )
    fill_together(context, [(CUSTOMERS.name, 1)], 0)
    assert impatient.waits == 0
    assert context.checkpoints.position(CUSTOMERS.name, 1, 0) == log.head(0)


@pytest.mark.timeout(DONE_S)
def test_each_goes_on_from_where_it_is(log: CountedLog, read: ReadSide) -> None:
    """As after a kill: each has a checkpoint of its own."""
    _fill(read, [(CUSTOMERS.name, 1)], up_to=1)
    _fill(read, [(ORDER_SUMMARY.name, 1)], up_to=2 * STRETCH)
    assert {read.position(model, 0) for model in READ_MODELS} == {0, STRETCH, 2 * STRETCH}
    _fill(read)
    assert audit(log, read.database, READ_MODELS) == []


@pytest.mark.timeout(DONE_S)
def test_a_batch_that_is_repeated_changes_nothing(log: CountedLog, read: ReadSide) -> None:
    """Killed after the documents and before the checkpoint; of some models only."""
    _fill(read, up_to=2 * STRETCH)
    for name in (CUSTOMERS.name, ORDER_SUMMARY.name):
        where = {"name": name, "position": {"$gt": STRETCH}}
        read.database.checkpoints.update_many(where, {"$inc": {"position": -STRETCH}})
    _fill(read)
    assert audit(log, read.database, READ_MODELS) == []


@pytest.mark.timeout(DONE_S)
def test_one_that_fails_does_not_hold_up_the_others(log: CountedLog, read: ReadSide) -> None:
    taken = [
        read.checkpoints.take(CUSTOMERS.name, 1, partition, "somebody") for partition in range(PARTITIONS)
    ]
    assert all(taken)
    with (
        mock.patch.object(filling, "STALLED_S", 0.0),
        pytest.raises(RebuildStoppedError, match=r"customers\.g1/0 is held by somebody"),
    ):
        _fill(read)
    others = [model for model in READ_MODELS if model is not CUSTOMERS]
    assert {read.position(model, 0) for model in others} == {log.head(0)}

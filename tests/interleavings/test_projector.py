"""Runners of the projector that stall past their lease or die, among streams that are parked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.messages.values import OrderStatus
from read_side.audit.audit import audit
from read_side.audit.refold import Refold
from read_side.generations.registry import FIRST
from read_side.parked.leased_parking import LeasedParking
from read_side.parked.parking import Parked, Parking
from read_side.projections.model import ReadModel
from read_side.projections.order_analytics import ORDER_ANALYTICS
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector.batch import Batch
from read_side.projector.catch_up import End
from read_side.projector.checkpoints import Checkpoints, Lease
from read_side.projector.folding import Plan
from tests.integration.sides import ReadSide, WriteSide, order_id, partition
from tests.interleavings.protection import Protection, must, protected_by
from tests.interleavings.stopped import stopped
from tests.support import messages

HOME = partition("c1")
O1, O2 = order_id("c1", 1), order_id("c1", 2)
STREAM = f"order-{O1}"

EQUALS_THE_FOLD = "the read model equals the fold of the log"
STAYS_UNPARKED = "what has been folded is not parked again"


def _opened(
    database: Database[StoredDocument], read_models: Database[StoredDocument], model: ReadModel
) -> tuple[WriteSide, ReadSide]:
    """A shop with one order, and a read side that has nothing yet."""
    write = WriteSide(database)
    write.create()
    read = ReadSide(write.log, read_models)
    read.create([model])
    for command in (
        messages.register_customer(),
        messages.add_product(),
        messages.add_product(product_id="p2"),
        messages.place_order(order_id=O1),
    ):
        write.do(command)
    return write, read


def _spoil(write: WriteSide, version: int) -> int:
    """Make an event of the first order one that nobody can read; its position."""
    changed = write.database.commits.find_one_and_update(
        {"stream": STREAM, "version": version}, {"$set": {"events.0.v": 99}}
    )
    assert changed is not None
    return int(changed["seq"])


def _mend(write: WriteSide) -> None:
    """What a build that can read them comes to."""
    write.database.commits.update_many({"stream": STREAM}, {"$set": {"events.0.v": 1}})


def _unpark(write: WriteSide, read: ReadSide, model: ReadModel) -> None:
    """Under the lease: fold the stream again, up to the checkpoint, and then take it in as it comes."""
    lease = read.checkpoints.take(model.name, FIRST, HOME, "an operator")
    assert lease is not None
    refold = Refold(model, {})
    for commit in write.log.read(HOME, 0, lease.position).commits:
        refold.take_in(commit)
    documents = read.registry.collection(model.name, FIRST)
    documents.replace_one({"_id": O1}, refold.documents[O1], upsert=True)
    read.database.parked.delete_one({"stream": STREAM})
    read.checkpoints.release(lease)


def _move_of_any_epoch() -> Any:
    def move(self: Checkpoints, lease: Lease, position: int) -> None:
        self._checkpoints.update_one({"_id": lease.key}, {"$set": {"position": position}})

    return mock.patch.object(Checkpoints, "move", move)


@protected_by(Protection("the epoch", EQUALS_THE_FOLD, _move_of_any_epoch))
def test_a_runner_that_stalls_past_its_lease_and_wakes_after_its_stream_was_unparked(
    database: Database[StoredDocument], read_models: Database[StoredDocument]
) -> None:
    """It has passed over a commit of the parked stream, and is about to say that it has been taken in."""
    write, read = _opened(database, read_models, ORDER_SUMMARY)
    write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1))
    parked_at = _spoil(write, version=2)
    read.drain([ORDER_SUMMARY])
    assert read.parking.streams(ORDER_SUMMARY.name, FIRST, HOME) == {STREAM: parked_at}
    write.do(messages.change_order_status(OrderStatus.SHIPPED, order_id=O1))

    other = ReadSide(write.log, read_models)
    with stopped(Checkpoints, "move", lambda: read.run(ORDER_SUMMARY, HOME)) as stale:
        _mend(write)
        read.expire_leases()
        _unpark(write, other, ORDER_SUMMARY)
        run = stale.go_on()
    other.drain([ORDER_SUMMARY])
    must(EQUALS_THE_FOLD, audit(write.log, read_models, [ORDER_SUMMARY]), [])
    assert run.end is End.HELD
    assert other.documents(ORDER_SUMMARY)[O1]["status"] == "shipped"


@contextmanager
def _whatever_became_of_the_lease() -> Iterator[None]:
    """Parking neither asks whether the lease is held, nor does the next holder drop what is tentative."""
    confirmed = Parking.confirmed

    def drops_nothing(
        self: Parking, name: str, generation: int, partition: int, lease: Lease
    ) -> list[Parked]:
        return confirmed(self, name, generation, partition, replace(lease, epoch=0))

    with mock.patch.object(Checkpoints, "renew"), mock.patch.object(Parking, "confirmed", drops_nothing):
        yield


@protected_by(Protection("a lease to park under", STAYS_UNPARKED, _whatever_became_of_the_lease))
def test_a_runner_that_stalls_before_it_parks_and_wakes_after_the_event_was_folded(
    database: Database[StoredDocument], read_models: Database[StoredDocument]
) -> None:
    """An old build cannot read an event and stalls; a new one takes over, and can."""
    write, read = _opened(database, read_models, ORDER_SUMMARY)
    write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1))
    _spoil(write, version=2)
    other = ReadSide(write.log, read_models)
    with stopped(Checkpoints, "renew", lambda: read.run(ORDER_SUMMARY, HOME)) as stale:
        _mend(write)
        read.expire_leases()
        other.drain([ORDER_SUMMARY])
        run = stale.go_on()
    must(STAYS_UNPARKED, other.parking.streams(ORDER_SUMMARY.name, FIRST, HOME), {})
    assert run.end is End.HELD
    assert audit(write.log, read_models, [ORDER_SUMMARY]) == []


class _Killed(BaseException):
    """Not an ``Exception``: no handler of the code under test may survive it."""


def _parked_from_the_beginning() -> Any:
    return mock.patch.object(LeasedParking, "holds", lambda self, commit: commit.stream in self.streams)


@protected_by(Protection("the position it is parked from", EQUALS_THE_FOLD, _parked_from_the_beginning))
def test_a_poison_event_in_a_model_whose_documents_are_shared_between_streams(
    database: Database[StoredDocument], read_models: Database[StoredDocument]
) -> None:
    """The runner dies when it has parked the stream and not yet written what came before and beside it."""
    write, read = _opened(database, read_models, ORDER_ANALYTICS)
    write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1))
    parked_at = _spoil(write, version=2)
    write.do(messages.place_order(order_id=O2))
    for each in (O1, O2):
        write.do(messages.change_order_status(OrderStatus.CANCELLED, order_id=each))
    with (
        mock.patch.object(Batch, "write", side_effect=_Killed),
        mock.patch.object(Checkpoints, "release"),  # the dead let go of nothing
        pytest.raises(_Killed),
    ):
        read.run(ORDER_ANALYTICS, HOME)
    assert read.parking.streams(ORDER_ANALYTICS.name, FIRST, HOME) == {STREAM: parked_at}
    assert read.documents(ORDER_ANALYTICS) == {}

    read.expire_leases()
    read.drain([ORDER_ANALYTICS])
    must(EQUALS_THE_FOLD, audit(write.log, read_models, [ORDER_ANALYTICS]), [])
    [bucket] = read.documents(ORDER_ANALYTICS).values()
    counted = {status: number for status, number in bucket["by_status"].items() if number}
    assert (bucket["orders"], counted) == (2, {"pending": 1, "cancelled": 1})


@contextmanager
def _each_folded_into_what_was_loaded() -> Iterator[None]:
    """A batch in which a commit does not see what those before it came to."""
    load, fold = Batch.load, Batch.fold
    loaded: dict[str, StoredDocument] = {}

    def load_and_note(self: Batch, *what: Any) -> None:
        load(self, *what)
        loaded.update(self._documents)

    def fold_alone(self: Batch, planned: Plan) -> None:
        self._documents.update(loaded)
        fold(self, planned)

    with (
        mock.patch.object(Batch, "load", load_and_note),
        mock.patch.object(Batch, "fold", fold_alone),
    ):
        yield


@protected_by(Protection("the batch's memory", EQUALS_THE_FOLD, _each_folded_into_what_was_loaded))
def test_two_versions_of_one_stream_meeting_in_one_batch(
    database: Database[StoredDocument], read_models: Database[StoredDocument]
) -> None:
    """They are committed while the runner is on its way to the log, and are folded one into the other."""
    write, read = _opened(database, read_models, ORDER_ANALYTICS)
    read.drain([ORDER_ANALYTICS])
    with stopped(type(write.log), "read_within", lambda: read.run(ORDER_ANALYTICS, HOME)) as runner:
        write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1))
        write.do(messages.change_order_status(OrderStatus.SHIPPED, order_id=O1))
        assert runner.go_on().end is End.DRAINED
    must(EQUALS_THE_FOLD, audit(write.log, read_models, [ORDER_ANALYTICS]), [])
    [bucket] = read.documents(ORDER_ANALYTICS).values()
    assert {status for status, number in bucket["by_status"].items() if number} == {"shipped"}

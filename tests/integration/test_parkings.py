"""A parking only moves back: of all faults of a stream the first counts, in whatever order they are met."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from bus.connections.clients import read_database
from bus.log.commit import RecordedEvent
from bus.messages.registry import AnyCommand
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.audit.refold import Refold
from read_side.errors import LeaseLostError
from read_side.parked.retry import ParkedRetry
from read_side.projections.model import Document, ReadModel
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector import batch, catch_up
from read_side.projector.checkpoints import Lease
from tests.integration.sides import ReadSide, WriteSide, order_id, partition
from tests.integration.spoiling import UNKNOWN, repair
from tests.support import messages

HOME = partition("c1")
STREAM = "customer-c1"
OPENING: list[AnyCommand] = [
    messages.register_customer(),
    messages.add_product(),
    messages.add_product(product_id="p2"),
    messages.place_order(order_id=order_id("c1")),
]


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    return write


@pytest.fixture
def read(settings: Settings, write: WriteSide) -> Iterator[ReadSide]:
    database = read_database(settings)
    with database.client:
        read = ReadSide(write.log, database)
        read.create()
        yield read


def _spoilt_at(model: ReadModel, faults: set[int]) -> ReadModel:
    """The model with a fold that no order document comes through at these positions."""

    def fold(document: Document, recorded: RecordedEvent) -> Document:
        if recorded.seq in faults and "status" in document:
            raise ValueError("a fault")
        return model.fold(document, recorded)

    return replace(model, fold=fold)


def _make_unreadable(write: WriteSide, faults: set[int]) -> None:
    where = {"partition": HOME, "seq": {"$in": sorted(faults)}, "events.0": {"$exists": True}}
    write.database.commits.update_many(where, {"$set": {"events.0.v": UNKNOWN}})


@pytest.mark.parametrize("model", [ORDER_SUMMARY, ORDER_DETAIL], ids=lambda model: str(model.name))
def test_a_rename_behind_the_event_that_parks_its_stream_moves_nothing(
    write: WriteSide, read: ReadSide, model: ReadModel
) -> None:
    for command in OPENING:
        write.do(command)
    read.drain([model])
    email = write.do(messages.change_customer(email="x@example.com"))
    rename = write.do(messages.change_customer(name="Ann Baker"))
    assert email.seq
    assert rename.seq
    _make_unreadable(write, {email.seq})
    read.drain([_spoilt_at(model, {rename.seq})])
    assert read.parking.streams(model.name, 1, HOME) == {STREAM: email.seq}
    assert audit(write.log, read.database, [model]) == []


STEPS: tuple[AnyCommand, ...] = (
    messages.change_customer(email="x@example.com"),
    messages.change_customer(name="Ann Baker"),
    messages.change_customer(name="Ann Cook"),
    messages.change_order_status(order_id=order_id("c1")),
    messages.place_order(order_id=order_id("c1", 2)),
    messages.change_order_status(order_id=order_id("c1", 2)),
)


def test_the_first_fault_of_a_stream_is_where_it_is_parked(
    write: WriteSide, read: ReadSide, settings: Settings
) -> None:
    """As one fold of the log after the other says; and with the faults gone nothing is missing."""

    @given(
        st.permutations(STEPS),
        st.sets(st.integers(0, len(STEPS) - 1), max_size=3),
        st.sets(st.integers(0, len(STEPS) - 1), max_size=3),
        st.sampled_from([1, 2, 3, 1_000]),
    )
    @examples(deadline=None, max_examples=25)
    def check(steps: list[AnyCommand], unreadable: set[int], unfoldable: set[int], size: int) -> None:
        for database in (write.database, read.database):
            for collection in database.list_collection_names(filter={"type": "collection"}):
                if not collection.startswith("system."):
                    database[collection].delete_many({})
        anew = WriteSide(write.database)
        anew.create()
        side = ReadSide(anew.log, read.database)
        side.create([ORDER_SUMMARY])
        for command in OPENING:
            anew.do(command)
        side.drain([ORDER_SUMMARY])
        seqs = [anew.do(command).seq or 0 for command in steps]
        model = _spoilt_at(ORDER_SUMMARY, {seqs[place] for place in unfoldable})
        _make_unreadable(anew, {seqs[place] for place in unreadable})
        with mock.patch.object(catch_up, "BATCH", size), mock.patch.object(batch, "SPREAD_CHUNK", 1):
            side.drain([model])
        refold = Refold(model, {})
        for commit in anew.log.read(HOME, 0, 1_000).commits:
            refold.take_in(commit)
        expected = {str(commit.stream): commit.seq for commit, _ in refold.poison}
        assert side.parking.streams(model.name, 1, HOME) == expected
        assert audit(anew.log, side.database, [model]) == []
        repair(anew)
        parked_retry = ParkedRetry(anew.log, side.registry, side.checkpoints, side.parking, "an operator")
        assert [parked_retry.retry(parked) for parked in side.parking.every()] == [None] * len(expected)
        assert audit(anew.log, side.database, [ORDER_SUMMARY]) == []

    check()


def _park(
    read: ReadSide, seq: int, *, was: int | None, epoch: int = 1, renew: Callable[[], None] = lambda: None
) -> None:
    read.parking.park(
        *(ORDER_SUMMARY.name, 1, HOME), stream=STREAM, seq=seq, error="", was=was, epoch=epoch, renew=renew
    )


def _since(read: ReadSide) -> dict[str, int]:
    return read.parking.streams(ORDER_SUMMARY.name, 1, HOME)


def test_it_moves_back_and_not_up(read: ReadSide) -> None:
    _park(read, 7, was=None)
    _park(read, 9, was=7)
    assert _since(read) == {STREAM: 7}
    _park(read, 4, was=7)
    assert _since(read) == {STREAM: 4}
    with pytest.raises(LeaseLostError):
        _park(read, 6, was=7)  # somebody else has moved it further back
    assert _since(read) == {STREAM: 4}


def _confirmed_by_the_next(read: ReadSide) -> None:
    read.parking.confirmed(ORDER_SUMMARY.name, 1, HOME, Lease("", 2, 0))


def test_who_has_lost_the_lease_does_not_move_it_back(read: ReadSide) -> None:
    """Its successor may have folded what it would park: before it proposes, or before it confirms."""
    _park(read, 7, was=None)

    def lose() -> None:
        _confirmed_by_the_next(read)
        raise LeaseLostError

    for renew in (lose, lambda: _confirmed_by_the_next(read)):
        with pytest.raises(LeaseLostError):
            _park(read, 4, was=7, renew=renew)
        _confirmed_by_the_next(read)
        assert _since(read) == {STREAM: 7}
    stored = read.database.parked.find_one()
    assert stored is not None
    assert "back" not in stored

"""A rename of a customer with many orders goes to them in steps, and nobody sees the old name meanwhile."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from pymongo.cursor import RawBatchCursor

from bus.log.commit import RecordedEvent
from bus.messages.customers import CustomerRenamed
from bus.messages.values import OrderStatus
from read_side.audit.audit import audit
from read_side.errors import CannotShowError
from read_side.parked.retry import ParkedRetry
from read_side.projections import order_detail, order_summary
from read_side.projections.model import Document, ReadModel
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector import batch, joint_pass, spreading
from read_side.projector.batch import Batch
from read_side.projector.folding import Poison
from read_side.projector.spreading import Spreading
from read_side.queries import store
from read_side.queries.store import ReadStore
from read_side.queries.strong import order_now
from read_side.rebuild.comparison import compare
from tests.integration.sides import ReadSide, WriteSide, order_id, partition
from tests.integration.taking_part import Joint
from tests.interleavings.protection import Protection, must, protected_by
from tests.support import messages

HOME = partition("c1")
ORDERS = [order_id("c1", number) for number in range(1, 11)]
OTHER = order_id("c2")
STEP = 3
MODELS = (ORDER_SUMMARY, ORDER_DETAIL)
MOST_STEPS = 100

SHOWN = "every order is shown under its customer's name"
AS_THE_LOG = "what is stored and what spreads is what the log says"


class Halt(Exception):  # noqa: N818 - no error
    """The process is gone."""


@pytest.fixture(autouse=True)
def _few() -> Iterator[None]:
    """Few orders are many here, and no read model takes too long, however slow the machine is."""
    with mock.patch.multiple(spreading, FEW=STEP, STEP=STEP), mock.patch.object(joint_pass, "SLOW_S", 600.0):
        yield


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    write.do(messages.register_customer())
    write.do(messages.register_customer(customer_id="c2", name="Bob"))
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2"))
    write.do(messages.place_order(customer_id="c2", order_id=OTHER))
    for placed in ORDERS:
        write.do(messages.place_order(order_id=placed))
    return write


@contextmanager
def _dying_after(steps: int) -> Iterator[None]:
    """The process dies after so many steps."""
    step, left = Spreading.step, iter(range(steps))

    def stepped(self: Spreading, *given: Any) -> list[str]:
        if next(left, None) is None:
            raise Halt
        return step(self, *given)

    with mock.patch.object(Spreading, "step", stepped):
        yield


def _halted_after(read: ReadSide, steps: int) -> None:
    """Both models catch up, and each stops after so many steps of a rename."""
    for model in MODELS:
        with _dying_after(steps), pytest.raises(Halt):
            read.run(model, HOME)
    read.expire_leases()


def _stored(read: ReadSide, model: ReadModel) -> dict[str, str]:
    found = read.documents(model)
    return {key: document["customer_name"] for key, document in found.items() if "customer_name" in document}


def _shown(read: ReadSide, model: ReadModel) -> dict[str, str]:
    """The names as the queries give them."""
    documents = ReadStore(read.database, MODELS).live(model.name).documents
    if model is ORDER_SUMMARY:
        rows = order_summary.page(documents, limit=100).documents
        return {row["order_id"]: row["customer_name"] for row in rows}
    found = [order_detail.by_id(documents, key) for key in (*ORDERS, OTHER)]
    return {order["order_id"]: order["customer_name"] for order in found if order is not None}


def _under_way(read: ReadSide, model: ReadModel) -> list[str]:
    return [key for key in read.documents(model) if key.startswith("!")]


@contextmanager
def _without(part: str) -> Iterator[None]:
    with mock.patch.object(store, part, return_value=[]):
        yield


@protected_by(
    Protection("reading the spreads of a list", SHOWN, lambda: _without("under_way")),
    Protection("reading the spreads of an order", SHOWN, lambda: _without("commits")),
)
def test_the_new_name_is_shown_before_it_is_stored(write: WriteSide, read: ReadSide) -> None:
    renamed = write.do(messages.change_customer(name="Ann Baker"))
    write.do(messages.change_order_status(order_id=OTHER))
    for steps in range(4):
        _halted_after(read, 1 if steps else 0)
        for model in MODELS:
            names = list(_stored(read, model).values())
            assert [names.count(name) for name in ("Ann Baker", "Ann Archer")] == [
                STEP * steps,
                10 - STEP * steps,
            ]
            must(SHOWN, _shown(read, model), dict.fromkeys(ORDERS, "Ann Baker") | {OTHER: "Bob"})
            assert len(_under_way(read, model)) == 1
            assert read.position(model, HOME) >= (renamed.seq or 0), "it did not wait for the last of them"
    detail = ReadStore(read.database, MODELS).live("order_detail").documents
    assert [order_detail.by_id(detail, placed) for placed in ORDERS] == [
        order_now(write.log, placed) for placed in ORDERS
    ], "with the position, which is in the ETag, that it will be stored with"
    assert audit(write.log, read.database, MODELS) == []
    read.drain(MODELS)
    for model in MODELS:
        assert _stored(read, model) == dict.fromkeys(ORDERS, "Ann Baker") | {OTHER: "Bob"}
        assert _under_way(read, model) == []
    assert audit(write.log, read.database, MODELS) == []


@contextmanager
def _as_stored() -> Iterator[None]:
    with mock.patch.object(batch, "caught_up", lambda _model, _spreads, document: document):
        yield


@pytest.mark.parametrize("steps", [0, 1, 2])
@protected_by(Protection("taking what is loaded with what it lacks", AS_THE_LOG, _as_stored))
def test_what_happens_to_the_orders_meanwhile(write: WriteSide, read: ReadSide, steps: int) -> None:
    """Each moves on, before the name has come to it or after; and the customer is renamed once more."""
    write.do(messages.change_customer(name="Ann Baker"))
    _halted_after(read, steps)
    for placed in ORDERS[::2]:
        write.do(messages.change_order_status(order_id=placed))
    late = order_id("c1", 11)
    write.do(messages.place_order(order_id=late))
    _halted_after(read, 0)
    must(AS_THE_LOG, audit(write.log, read.database, MODELS), [])
    write.do(messages.change_customer(name="Ann Cook"))
    write.do(messages.change_order_status(OrderStatus.CANCELLED, order_id=ORDERS[1]))
    _halted_after(read, 1)
    must(AS_THE_LOG, audit(write.log, read.database, MODELS), [])
    for model in MODELS:
        assert set(_shown(read, model).values()) == {"Ann Cook", "Bob"}
    read.drain(MODELS)
    for model in MODELS:
        assert _stored(read, model) == dict.fromkeys([*ORDERS, late], "Ann Cook") | {OTHER: "Bob"}
        assert _under_way(read, model) == []
    must(AS_THE_LOG, audit(write.log, read.database, MODELS), [])


def test_many_renames_at_once_are_bounded(write: WriteSide, read: ReadSide) -> None:
    """Each document is held against all that is under way, so that must not grow with a burst."""
    most: list[int] = []
    begin = Spreading.begin

    def begun(self: Spreading, *given: Any) -> None:
        begin(self, *given)
        most.append(len(self._under_way))

    for number in range(1, 21):
        write.do(messages.change_customer(name=f"Ann {number}"))
        write.do(messages.change_order_status(OrderStatus.CANCELLED, order_id=ORDERS[number % 10]))
    with mock.patch.object(Spreading, "begin", begun), mock.patch.object(spreading, "MOST", 4):
        read.drain(MODELS)
    assert (len(most), max(most)) == (40, 4)
    for model in MODELS:
        assert _stored(read, model) == dict.fromkeys(ORDERS, "Ann 20") | {OTHER: "Bob"}
    assert audit(write.log, read.database, MODELS) == []


@pytest.mark.parametrize("last", ORDERS[::3])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.name))
def test_what_one_order_cannot_take_is_taken_back_from_the_others(
    write: WriteSide, read: ReadSide, model: ReadModel, last: str
) -> None:
    renamed = write.do(messages.change_customer(name="Ann Baker"))
    write.do(messages.change_order_status(order_id=ORDERS[0]))

    def fold(document: Document, recorded: RecordedEvent) -> Document:
        if document["_id"] == last and isinstance(recorded.event, CustomerRenamed):
            raise ValueError("not this one")
        return model.fold(document, recorded)

    faulty = replace(model, fold=fold)
    with pytest.raises(Poison):
        read.run(faulty, HOME)
    documents = ReadStore(read.database, [faulty]).live(model.name).documents
    with pytest.raises(CannotShowError):
        documents.find_one(last)
    assert read.parking.streams(model.name, 1, HOME) == {"customer-c1": renamed.seq}
    read.drain([faulty])
    assert _stored(read, model) == dict.fromkeys(ORDERS, "Ann Archer") | {OTHER: "Bob"}
    assert read.documents(model)["customer-c1"]["known_as"] == "Ann Archer"
    assert read.documents(model)[ORDERS[0]]["status"] == "confirmed", "others flow"
    assert _under_way(read, model) == []
    assert audit(write.log, read.database, [faulty]) == []
    [parked] = read.parking.every()
    parked_retry = ParkedRetry(write.log, read.registry, read.checkpoints, read.parking, "an operator")
    assert parked_retry.retry(parked) is None
    assert _stored(read, model) == dict.fromkeys(ORDERS, "Ann Baker") | {OTHER: "Bob"}
    assert audit(write.log, read.database, [model]) == []


def test_an_order_that_is_stored_wrongly_is_mended(write: WriteSide, read: ReadSide) -> None:
    read.drain(MODELS)
    summaries = read.registry.collection("order_summary", 1)
    summaries.update_one({"_id": ORDERS[5]}, {"$unset": {"customer_name": True}})
    write.do(messages.change_customer(name="Ann Baker"))
    with pytest.raises(Poison):
        read.run(ORDER_SUMMARY, HOME)
    read.drain(MODELS)
    assert read.parking.every() == []
    assert audit(write.log, read.database, MODELS) == []


def test_what_is_dropped_in_the_middle_closes_no_cursor(write: WriteSide, read: ReadSide) -> None:
    """Python may drop it inside the driver, which may hold a lock that closing a cursor needs."""
    read.drain([ORDER_SUMMARY])
    write.do(messages.change_customer(name="Ann Baker"))
    [renamed] = write.log.history(HOME, "customer-c1")[1:]
    planned = batch.planned_for(ORDER_SUMMARY, renamed)
    collection = read.registry.collection("order_summary", 1)
    at_once = Batch(ORDER_SUMMARY, collection, write.log, 0, lambda: None)._behind(planned)
    in_steps = Spreading(ORDER_SUMMARY, collection, HOME)._found(planned)
    with mock.patch.object(batch, "SPREAD_CHUNK", 1), mock.patch.object(spreading, "STEP", 1):
        assert [len(next(found)) for found in (at_once, in_steps)] == [1, 1]
    with mock.patch.object(RawBatchCursor, "close", autospec=True) as close:
        del at_once, in_steps
        gc.collect()
        close.assert_not_called()


def test_the_joint_pass_goes_on_between_the_steps(write: WriteSide, read: ReadSide) -> None:
    joint = Joint(write.log, read, MODELS)
    joint.drain()
    write.do(messages.change_customer(name="Ann Baker"))
    joint.drain()
    shown_at = []
    for number in range(1, MOST_STEPS):
        joint.process.step()
        placed = write.do(messages.place_order(customer_id="c2", order_id=order_id("c2", number + 1)))
        joint.drain()
        shown_at.append([read.position(model, partition("c2")) for model in MODELS] == [placed.seq] * 2)
        if not any(_under_way(read, model) for model in MODELS):
            break
    assert len(shown_at) == 5, "four steps, and one that finds nothing left"
    assert all(shown_at), "an order of somebody else is in its documents after every step"
    assert joint.process.step() > 1, "nothing is left to do"
    for model in MODELS:
        assert {_stored(read, model)[placed] for placed in ORDERS} == {"Ann Baker"}
    assert audit(write.log, read.database, MODELS) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: str(model.name))
def test_a_rebuild_finds_no_difference_in_what_is_under_way(
    write: WriteSide, read: ReadSide, model: ReadModel
) -> None:
    write.do(messages.change_customer(name="Ann Baker"))
    _halted_after(read, 1)
    live, new = (read.registry.collection(model.name, generation) for generation in (1, 2))
    new.insert_many(
        document | ({"customer_name": "Ann Baker", "_pos": _renamed_at(write)} if key in ORDERS else {})
        for key, document in read.documents(model).items()
        if not key.startswith("!")
    )
    found = compare(live, new, model=model, passed_the_heads=lambda: True, tick=lambda: None, kept=10)
    assert (found.documents, found.differs, found.moving, found.changes) == (13, False, 0, [])


def _renamed_at(write: WriteSide) -> int:
    [renamed] = write.log.history(HOME, "customer-c1")[1:]
    return renamed.seq

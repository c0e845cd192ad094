"""Code that changes while the system runs: two versions side by side, models that come and models that go."""

from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import pytest

from bus.connections.clients import read_database, redis_client
from bus.notify import subscriptions
from bus.notify.doorbells import bell
from bus.notify.subscriptions import Subscriptions
from bus.queue.broker import Broker
from bus.settings import Settings
from read_side import worker as worker_main
from read_side.audit.audit import ABSENT, DocumentDifference, audit
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.products import PRODUCTS
from read_side.queries.store import ReadStore
from read_side.worker import tell_of_other_versions
from tests.integration.rebuilding import Rebuilding, Worker, changed, quick
from tests.integration.sides import WriteSide, order_id, partition
from tests.integration.taking_part import Joint
from tests.support import messages

HOME = partition("c1")
NEWER = changed(ORDER_SUMMARY)
OLD, NEW = ORDER_SUMMARY.version, NEWER.version


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with quick():
        yield


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2", unit_price=450))
    write.do(messages.place_order(order_id=order_id("c1")))
    return write


@pytest.fixture
def old(settings: Settings, write: WriteSide) -> Iterator[Worker]:
    database = read_database(settings)
    old = Worker(write.log, database, [ORDER_SUMMARY, PRODUCTS])
    old.start()
    old.ring_for_all()
    yield old
    database.client.close()


@pytest.fixture
def new(write: WriteSide, old: Worker) -> Worker:
    new = Worker(write.log, old.database, [NEWER, PRODUCTS])
    new.start()
    return new


def _versions(worker: Worker, generation: int) -> set[int | None]:
    found = worker.registry.collection(ORDER_SUMMARY.name, generation).find()
    return {document.get("folded_by") for document in found}


def test_two_versions_side_by_side_never_mix(write: WriteSide, old: Worker, new: Worker) -> None:
    rebuilding = Rebuilding(write.log, old.database, [old, new])
    for number in range(2, 5):
        write.do(messages.place_order(order_id=order_id("c1", number)))
        for worker in (new, old):
            worker.ring_for_all()
    assert _versions(old, 1) == {None}
    rebuilding.run(NEWER)
    for number in range(5, 8):
        write.do(messages.place_order(order_id=order_id("c1", number)))
        write.do(messages.change_customer(name=f"Ann {number}"))
        for worker in (new, old):
            worker.ring_for_all()
    assert (_versions(old, 1), _versions(old, 2)) == ({None}, {NEW})
    assert old.checkpoints.position(ORDER_SUMMARY.name, 1, HOME) == write.log.head(HOME)
    assert audit(write.log, old.database, [NEWER]) == []
    # Each version reads its own for as long as there is one.
    assert ReadStore(old.database, [ORDER_SUMMARY]).generation(ORDER_SUMMARY.name) == 1
    assert ReadStore(old.database, [NEWER]).generation(ORDER_SUMMARY.name) == 2


def test_it_needs_a_worker_of_its_version(write: WriteSide, old: Worker) -> None:
    rebuilding = Rebuilding(write.log, old.database, [old])
    with pytest.raises(Exception, match=f"with version {NEW} of order_summary running"):
        rebuilding.run(NEWER)
    assert rebuilding.registered(ORDER_SUMMARY.name) == {1: "live", 2: "ready"}


def test_changed_code_is_noticed_and_says_what_to_do(write: WriteSide, new: Worker) -> None:
    with mock.patch.object(worker_main, "logger") as logger:
        assert tell_of_other_versions(new.registry, [NEWER, PRODUCTS]) == [ORDER_SUMMARY.name]
    [told] = logger.error.call_args_list
    assert "python -m read_side rebuild order_summary" in told.args[0]
    assert (told.kwargs["folded_by"], told.kwargs["this_version"]) == ([OLD], NEW)
    # It goes on with all others, and leaves that one as it is.
    write.do(messages.place_order(order_id=order_id("c1", 2)))
    write.do(messages.change_product(name="Pot"))
    before = new.documents(ORDER_SUMMARY)
    new.ring_for_all()
    assert new.documents(ORDER_SUMMARY) == before
    assert new.documents(PRODUCTS)["p1"]["name"] == "Pot"
    assert audit(write.log, new.database, [NEWER]) == [
        DocumentDifference(ORDER_SUMMARY.name, 1, "(version of the code)", None, expected=NEW, found=OLD)
    ]


def test_a_rebuild_to_changed_code_says_what_changes(write: WriteSide, old: Worker, new: Worker) -> None:
    comparison = Rebuilding(write.log, old.database, [old, new]).run(NEWER).comparison
    assert comparison.changed == comparison.documents == 2
    told = {(change.field, change.live, change.new) for change in comparison.changes}
    assert told == {("folded_by", ABSENT, NEW)}


def test_a_new_model_fills_itself_from_the_log(write: WriteSide, old: Worker) -> None:
    added = replace(PRODUCTS, name="catalogue")
    worker = Worker(write.log, old.database, [ORDER_SUMMARY, PRODUCTS, added])
    worker.start()
    Joint(write.log, worker, [ORDER_SUMMARY, PRODUCTS, added]).drain()
    assert worker.documents(added) == worker.documents(PRODUCTS) != {}
    assert audit(write.log, old.database, [added]) == []
    assert {d["_id"] for d in old.database.catalogue.find()} == set(worker.documents(added))


def test_a_model_that_was_taken_out_is_no_longer_rung(write: WriteSide) -> None:
    ours, theirs, writer = (Subscriptions(write.database) for _ in range(3))
    theirs.subscribe(("removed",))
    ours.subscribe(("kept",))
    assert set(writer.names()) == {"kept", "removed"}, "a newer worker's models are not ours to unsubscribe"
    long_ago = messages.NOW
    write.database.subscriptions.update_one({"_id": "removed"}, {"$set": {"renewed_at": long_ago}})
    writer._names.forget()
    assert writer.names() == ("kept",)
    ours.renew(("kept",))
    assert write.database.subscriptions.count_documents({}) == 2, "it is not yet time to renew"
    with mock.patch.object(subscriptions, "RENEW_S", -1.0):
        ours.renew(("kept",))
    assert [stored["_id"] for stored in write.database.subscriptions.find()] == ["kept"]
    # As an earlier build left it.
    write.database.subscriptions.insert_one({"_id": "ancient"})
    writer._names.forget()
    assert writer.names() == ("kept",)


def test_a_registry_of_before_there_were_rebuilds_is_understood(write: WriteSide, old: Worker) -> None:
    old.database.read_models.replace_one({"_id": "products"}, {"_id": "products", "live": 1, "version": 1})
    old.start()
    old.registry.forget()
    assert old.registry.projected(PRODUCTS) == [1]
    assert Rebuilding(write.log, old.database, [old]).run(PRODUCTS).generation == 2


def test_two_workers_that_start_at_once_agree_on_who_folds(write: WriteSide, settings: Settings) -> None:
    """The first to register a model decides; the other one sees that."""
    database = read_database(settings)
    with database.client:
        first = Worker(write.log, database, [NEWER])
        second = Worker(write.log, database, [ORDER_SUMMARY])
        first.start()
        second.start()
        second.ring_for_all()
        assert second.documents(ORDER_SUMMARY) == {}
        first.ring_for_all()
        assert _versions(first, 1) == {NEW}


def test_doorbells_ring_later_for_each_reason(redis_url: str, settings: Settings) -> None:
    with redis_client(settings) as client:
        broker = Broker(client)

        def ring_later(partition: int, why: str) -> bool:
            return broker.enqueue_later(bell("products", partition), 60_000, f"products:{partition}:{why}")

        assert ring_later(0, "held")
        assert not ring_later(0, "held")
        assert ring_later(0, "hole")
        assert ring_later(1, "held")

"""Generations that leave: served, then projected, then deleted, whoever dies in between."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from bus.connections.clients import read_database
from bus.settings import Settings
from read_side.errors import GenerationError
from read_side.generations.registry import Registry
from read_side.projections.products import PRODUCTS
from read_side.projector.answering import Continuation
from read_side.projector.catch_up import End
from read_side.projector.projector import Projector
from read_side.queries.store import ReadStore
from tests.integration.crashes import dying
from tests.integration.rebuilding import Rebuilding, Worker, changed, quick
from tests.integration.sides import WriteSide, partition
from tests.integration.spoiling import set_aside
from tests.support import messages
from tests.support.waiting import until

NAME = PRODUCTS.name


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with quick():
        yield


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    write.do(messages.add_product())
    return write


@pytest.fixture
def worker(settings: Settings, write: WriteSide) -> Iterator[Worker]:
    database = read_database(settings)
    worker = Worker(write.log, database, [PRODUCTS])
    worker.start()
    worker.ring_for_all()
    yield worker
    database.client.close()


def _traces(worker: Worker, number: int) -> list[str]:
    """What there is of a generation."""
    database = worker.database
    of_it = {"name": NAME, "generation": number}
    return [
        *(name for name in database.list_collection_names() if name == f"{NAME}.g{number}"),
        *(str(stored["_id"]) for stored in database.checkpoints.find(of_it)),
        *(str(stored["_id"]) for stored in database.parked.find(of_it)),
        *(n for n in (database.read_models.find_one({"_id": NAME}) or {})["generations"] if n == str(number)),
    ]


def _due(rebuilding: Rebuilding) -> bool:
    rebuilding.retirement.turn()
    return rebuilding.registered(NAME) == {2: "live"}


def test_a_replaced_one_leaves_by_itself_step_by_step(write: WriteSide, worker: Worker) -> None:
    later = Rebuilding(write.log, worker.database, [worker])
    set_aside(worker.parking, NAME, 0, "product-x", 99)
    later.run(PRODUCTS)
    later.retirement.turn()
    assert later.registered(NAME) == {1: "retiring", 2: "live"}, "its time is not up"
    soon = Rebuilding(write.log, worker.database, [worker], retire_s=0, leave_s=3600)
    worker.database.read_models.update_one(
        {"_id": NAME}, {"$set": {"generations.1.until": messages.NOW}}
    )  # its time is up
    soon.retirement.turn()
    assert soon.registered(NAME) == {1: "leaving", 2: "live"}
    # It is still projected, for those who read from it, and nobody else chooses it.
    write.do(messages.change_product(name="Pot"))
    worker.ring_for_all()
    assert worker.documents(PRODUCTS)["p1"]["name"] == "Pot"
    assert ReadStore(worker.database, [changed(PRODUCTS)]).generation(NAME) == 2
    soon.retirement.turn()
    assert soon.registered(NAME) == {1: "leaving", 2: "live"}
    worker.database.read_models.update_one({"_id": NAME}, {"$set": {"generations.1.until": messages.NOW}})
    until(lambda: _due(soon), 10, "the old one is deleted")
    assert _traces(worker, 1) == []
    assert len(_traces(worker, 2)) > 2


def test_what_is_being_written_is_not_deleted(write: WriteSide, worker: Worker) -> None:
    rebuilding = Rebuilding(write.log, worker.database, [worker], retire_s=0, leave_s=0)
    rebuilding.run(PRODUCTS)
    held = worker.checkpoints.take(NAME, 1, 1, "somebody")
    assert held is not None
    for _ in range(4):
        rebuilding.retirement.turn()
    assert rebuilding.registered(NAME) == {1: "gone", 2: "live"}
    assert f"{NAME}.g1" in worker.database.list_collection_names()
    assert worker.checkpoints.take(NAME, 1, 0, "next"), "it kept a lease"
    worker.expire_leases()
    assert _due(rebuilding)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_dying_while_deleting_is_gone_on_with(write: WriteSide, worker: Worker, moment: str) -> None:
    rebuilding = Rebuilding(write.log, worker.database, [worker], retire_s=0, leave_s=0)
    died_at: list[str] = []
    while True:
        rebuilding.run(PRODUCTS)
        live = Registry(worker.database).live(NAME)
        with dying(worker.database, len(died_at) + 1, moment) as death:  # type: ignore[arg-type]
            for _ in range(3):
                rebuilding.retirement.turn()
        if not death.dead:
            break
        died_at.append(death.written[-1])
        worker.expire_leases()
        for _ in range(3):
            rebuilding.retirement.turn()
        assert rebuilding.registered(NAME) == {live: "live"}, died_at[-1]
        assert _traces(worker, live - 1) == []
        assert rebuilding.documents(PRODUCTS, live)
    assert len(set(died_at)) > 1


def test_a_run_under_endless_load_ends_when_its_generation_goes(write: WriteSide, worker: Worker) -> None:
    rebuilding = Rebuilding(write.log, worker.database, [worker], retire_s=0, leave_s=0)
    rebuilding.run(PRODUCTS)
    reads: list[int] = []
    read = write.log.read_within

    def endless(*args: Any, **options: Any) -> Any:
        reads.append(1)
        assert len(reads) < 50, "it does not end"
        write.do(messages.change_product(name=f"Pot {len(reads)}"))
        if len(reads) == 5:
            for _ in range(3):
                rebuilding.retirement.turn()
            worker.registry.forget()
        return read(*args, **options)

    home = partition("p1")
    going_on = Continuation(worker.registry, (PRODUCTS,), partitions=1, threads=8)
    projector = Projector(replace(worker.context, may_go_on=going_on))
    with mock.patch.object(write.log, "read_within", endless):
        assert projector.run(PRODUCTS, 1, home).end is End.STOPPED
    assert rebuilding.registered(NAME) == {1: "gone", 2: "live"}
    assert _due(rebuilding)


def test_what_a_late_writer_made_again_is_swept(write: WriteSide, worker: Worker) -> None:
    rebuilding = Rebuilding(write.log, worker.database, [worker], retire_s=0, leave_s=0)
    rebuilding.run(PRODUCTS)
    until(lambda: _due(rebuilding), 10, "the old one is deleted")
    for name in (f"{NAME}.g1", f"{NAME}.gx", f"{NAME}s.g1", "g1"):
        worker.database[name].insert_one({"_id": "late"})
    rebuilding.retirement.turn()
    left = set(worker.database.list_collection_names())
    assert f"{NAME}.g1" not in left
    assert left >= {f"{NAME}.g2", f"{NAME}.gx", f"{NAME}s.g1", "g1"}


def test_one_that_is_begun_during_a_turn_is_not_swept(write: WriteSide, worker: Worker) -> None:
    """The collections are listed first."""
    rebuilding = Rebuilding(write.log, worker.database, [worker])
    entries = rebuilding.generations.entries

    def meanwhile() -> object:
        with mock.patch.object(rebuilding.generations, "entries", entries):
            found = list(entries())
            Rebuilding(write.log, worker.database, [worker]).run(PRODUCTS)
            return found

    with mock.patch.object(rebuilding.generations, "entries", meanwhile):
        rebuilding.retirement.turn()
    assert rebuilding.documents(PRODUCTS, 2)


def test_the_view_follows_what_is_live(write: WriteSide, worker: Worker) -> None:
    rebuilding = Rebuilding(write.log, worker.database, [worker])
    with mock.patch.object(rebuilding.retirement, "show_live"):  # killed between the swap and the view
        rebuilding.run(PRODUCTS)
    worker.registry.collection(NAME, 2).update_one({"_id": "p1"}, {"$set": {"mark": 2}})
    assert worker.database[NAME].count_documents({"mark": 2}) == 0
    rebuilding.retirement.turn()
    assert worker.database[NAME].count_documents({"mark": 2}) == 1


def test_an_operator_lets_go(write: WriteSide, worker: Worker) -> None:
    rebuilding = Rebuilding(write.log, worker.database, [worker], leave_s=0)
    rebuilding.run(PRODUCTS, keep_old=True)
    for _ in range(3):
        rebuilding.retirement.turn()
    assert rebuilding.registered(NAME) == {1: "ready", 2: "live"}, "it is kept until told to go"
    with pytest.raises(GenerationError, match="is live"):
        rebuilding.generations.let_go(NAME, 2)
    rebuilding.generations.let_go(NAME, 1)
    until(lambda: _due(rebuilding), 10, "the old one is deleted")
    # A model that is not in the table any more goes altogether.
    rebuilding.generations.let_go(NAME, 2, even_live=True)
    until(lambda: _all_gone(rebuilding, worker), 10, "nothing is left of the model")


def _all_gone(rebuilding: Rebuilding, worker: Worker) -> bool:
    rebuilding.retirement.turn()
    return worker.database.read_models.find_one({"_id": NAME}) is None

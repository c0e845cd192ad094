"""How MongoDB goes about all else that is asked: the pages by id, the log, the inbox, the checkpoints."""

from datetime import UTC, datetime

import pytest
from bson import Timestamp

from bus.inbox.inbox import Inbox, Related
from bus.inbox.unfinished import count_unfinished_of
from bus.inspection.depths import QueueDepth
from bus.inspection.snapshot import Inspector
from bus.log.log import Log
from bus.messages.principal import Principal, Role
from bus.messages.registry import to_stored
from bus.messages.streams import partition_of
from bus.observability.timeline import Timelines
from read_side.generations.registry import FIRST, Registry
from read_side.parked.parking import Parking
from read_side.projections import READ_MODELS
from read_side.projector.checkpoints import Checkpoints
from tests.contract.decisions import PARTITIONS, committed, decision, refusal
from tests.contract.watched_queries import Watched, assert_indexed
from tests.integration.commands_queue import redis_away
from tests.support import messages

MANY = 60
EVER = Timestamp(2**32 - 1, 0)


@pytest.fixture
def filled(watched: Watched) -> Log:
    """60 commits of 20 streams in each partition."""
    log = Log(watched.database, PARTITIONS)
    log.create()
    stored = (to_stored(messages.customer_registered()),)
    for partition in range(PARTITIONS):
        log.append(
            [
                decision(
                    f"customer-c{n % 20}", 1 + n // 20, partition=partition, command_id=f"k{n}", events=stored
                )
                for n in range(MANY)
            ]
        )
    watched.forget()
    return log


def test_the_log_is_read_by_its_indexes(watched: Watched, filled: Log) -> None:
    assert filled.newest(0, "customer-c3") is not None
    assert_indexed(watched, 1, 1)
    assert len(filled.history(1, "customer-c3")) == 3
    assert_indexed(watched, 1, 3)
    assert filled.of_command(1, "k7") is not None
    assert_indexed(watched, 1, 1)
    assert len(filled.read(0, 20, 10).commits) == 10
    assert_indexed(watched, 1, 10)
    assert filled.head(1) == MANY
    assert_indexed(watched, 1, 1)
    assert filled.decided("rejected", 5) == []
    assert_indexed(watched, 1, 0)
    assert len(filled.decided("succeeded", 5)) == 5
    assert_indexed(watched, 1 + PARTITIONS, 5)


def test_what_is_newer_is_found_without_the_history(watched: Watched, filled: Log) -> None:
    newer = filled.newer({(0, "customer-c1"): 2, (1, "customer-c2"): 0, (0, "customer-c9"): 3, (1, "x"): 0})
    assert {key: commit.version for key, commit in newer.items()} == {
        (0, "customer-c1"): 3,
        (1, "customer-c2"): 3,
    }
    assert_indexed(watched, 1, 4 + 4)


def test_the_inbox_is_read_by_what_is_unfinished(watched: Watched) -> None:
    """What a command may depend on is found by two indexes and sorted: no more than the backlog around it."""
    inbox = Inbox(watched.database, PARTITIONS)
    inbox.create()
    commands = [messages.change_customer(customer_id=f"c{n % 20}", name="x") for n in range(MANY)]
    envelopes = [messages.envelope(command_id=f"k{n}", command=command) for n, command in enumerate(commands)]
    inbox.accept_all([(envelope, None) for envelope in envelopes])
    watched.database.commands.update_many({"_id": {"$gte": "k2"}}, {"$set": {"status": "succeeded"}})
    left = watched.database.commands.count_documents({"status": "accepted"})
    assert 2 <= left < MANY // 2
    watched.forget()

    assert len(inbox.unfinished_since(EVER, 5)) == 5
    assert_indexed(watched, 1, 5)
    assert inbox.newest_unfinished() is not None
    assert_indexed(watched, 1, 1)
    assert len(inbox.newest(2)) == 2
    assert_indexed(watched, 1, 2)
    order = messages.place_order(customer_id="c1")
    changed = frozenset({order.stream, "customer-c10"})
    related = Related(changed.union(order.fact_streams), changed, EVER)
    assert inbox.earlier([related], 100)
    assert_indexed(watched, 1, left, sorts=True)
    assert inbox.earlier([related, Related(frozenset({"customer-c1"}), frozenset(), EVER)], 100)
    assert_indexed(watched, 1, left, sorts=True)
    assert inbox.unfinished(["k0", "k1", "k19"])
    assert_indexed(watched, 1, left, sorts=True)
    assert inbox.find("k1") is not None
    assert_indexed(watched, 1, 1)


def test_what_a_caller_has_unfinished_is_counted_from_an_index_alone(watched: Watched) -> None:
    inbox = Inbox(watched.database, PARTITIONS)
    inbox.create()
    ann = Principal(role=Role.CUSTOMER, subject="ann")
    others = ({"subject": "bob"}, {"role": Role.STAFF}, {"issuer": "another"})
    callers = [ann, *(ann.model_copy(update=other) for other in others)]
    envelopes = [messages.envelope(command_id=f"k{n}", by=callers[n % 4]) for n in range(MANY)]
    inbox.accept_all([(envelope, None) for envelope in envelopes])
    watched.database.commands.update_many({"_id": {"$in": ["k0", "k4"]}}, {"$set": {"status": "failed"}})
    watched.forget()

    commands = watched.database.commands
    assert [count_unfinished_of(commands, caller, 50) for caller in callers] == [13, 15, 15, 15]
    assert count_unfinished_of(commands, ann, 7) == 7
    for used, figures in watched.plans():
        assert used.isdisjoint({"COLLSCAN", "FETCH"})
        assert figures["totalKeysExamined"] <= 16
        assert figures["totalDocsExamined"] == 0


def test_a_story_costs_what_it_shows(watched: Watched, filled: Log) -> None:
    """One read for each way that a command can be found by, and one for all of them."""
    inbox = Inbox(watched.database, PARTITIONS)
    inbox.create()
    streams = [f"customer-c{n}" for n in range(20)]
    partitions = {stream: partition_of(stream, PARTITIONS) for stream in streams}
    for n in range(MANY):
        stream = streams[n % 20]
        outcome = {"status": "rejected", "stream": stream}
        committed(filled, refusal(partition=partitions[stream], command_id=f"r{n}", outcome=outcome))
    for n in range(2 * MANY):
        command = messages.change_customer(customer_id=f"c{n % 20}", name="x")
        number = f"{'k' if n < MANY else 'r'}{n % MANY}"
        inbox.accept_all([(messages.envelope(command_id=number, command=command), None)])
    for status, ids in (("succeeded", ["k3", "k23"]), ("failed", ["k43"])):
        for command_id in ids:
            change = {"$set": {"status": status, "finished_at": messages.NOW}}
            watched.database.commands.update_one({"_id": command_id}, change)
    watched.forget()

    timeline = Timelines(watched.database, filled).of_stream("customer-c3")

    assert {seen.command_id for seen in timeline.commands} == {f"{p}{n}" for p in "kr" for n in (3, 23, 43)}
    assert [commit.version for commit in timeline.commits] == [1, 2, 3]
    assert_indexed(watched, 5, 2 * 6)  # an id that is sought costs two keys
    assert Timelines(watched.database, filled).of_command("k3") is not None
    assert_indexed(watched, 2, 2 * PARTITIONS + 1)  # each partition is one key, and one beyond it


def test_the_backlog_is_counted_by_its_index(watched: Watched) -> None:
    inbox = Inbox(watched.database, PARTITIONS)
    inbox.create()
    for n in range(MANY):
        lately = messages.envelope(
            command_id=f"k{n}", command=messages.register_customer(), accepted_at=datetime.now(UTC)
        )
        inbox.accept_all([(lately, None)])
    watched.database.commands.update_many({"_id": {"$ne": "k7"}}, {"$set": {"status": "succeeded"}})
    watched.forget()
    with redis_away() as nobody:
        looking = Inspector(nobody, watched.database, watched.database, PARTITIONS, 60_000)
        looking._commands(QueueDepth(0, 0, 0, 0, None), 0, 0)
    for used, figures in watched.plans():
        assert "COLLSCAN" not in used
        assert figures["totalDocsExamined"] <= 1


def test_a_checkpoint_and_a_rename_are_found_by_index(watched: Watched) -> None:
    """All checkpoints of a partition, and what is parked, are read whole: there are few."""
    database = watched.database
    checkpoints, registry = Checkpoints(database), Registry(database)
    registry.create(READ_MODELS)
    for model in READ_MODELS:
        checkpoints.create(model.name, FIRST, PARTITIONS)
    watched.forget()

    assert checkpoints.position("products", FIRST, 1) == 0
    assert_indexed(watched, 1, 1)
    watched.forget()
    assert set(checkpoints.positions_at([("products", FIRST, 1), ("customers", FIRST, 0)]).values()) == {0}
    assert_indexed(watched, 1, 3)
    assert len(checkpoints.positions(1)) == len(READ_MODELS)
    Parking(database).streams("products", FIRST, 1)
    watched.forget()
    for name in ("order_summary", "order_detail"):
        found = registry.collection(name, FIRST)
        found.insert_many([{"_id": f"x{n}", "customer_id": f"c{n}", "_pos": 1} for n in range(MANY)])
        watched.forget()
        assert list(found.find({"customer_id": "c7", "_pos": {"$lt": 99}}).limit(500))
        assert_indexed(watched, 1, 1)

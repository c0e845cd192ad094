"""How MongoDB goes about all else that is asked: the pages by id, the log, the inbox, the checkpoints."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Timestamp
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from api.local.mongod import Mongod
from bus.connections.clients import CODEC
from bus.inbox.inbox import Inbox, Related
from bus.inspection.depths import QueueDepth
from bus.inspection.snapshot import Inspector
from bus.log.log import Log
from bus.messages.registry import to_stored
from bus.messages.streams import partition_of
from bus.observability.timeline import Timelines
from read_side.generations.registry import FIRST, Registry
from read_side.parked.parking import Parking
from read_side.projections import READ_MODELS, customers, order_analytics, product_sales, products
from read_side.projector.checkpoints import Checkpoints
from read_side.queries.store import CollectionDocuments
from tests import messages
from tests.contract.decisions import PARTITIONS, committed, decision, refusal
from tests.contract.stored_models import fill
from tests.contract.test_query_plans import stages
from tests.databases import DatabaseNames
from tests.integration.commands_queue import redis_away
from tests.messages import PLACED_AT

MANY = 60
EVER = Timestamp(2**32 - 1, 0)


class Asked(CommandListener):
    """Keeps every find and aggregation as it was sent."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in {"find", "aggregate"}:
            self.commands.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...


class Watched:
    """A database, and how each query since the last look was carried out."""

    def __init__(self, database: Database[dict[str, Any]], asked: Asked) -> None:
        self.database = database
        self._asked = asked

    def forget(self) -> None:
        self._asked.commands.clear()

    def plans(self) -> list[tuple[set[str], Mapping[str, Any]]]:
        """Stages and figures of each query."""
        asked = [_without_session(command) for command in self._asked.commands]
        explained = [self.database.command("explain", c, verbosity="executionStats") for c in asked]
        self.forget()
        return [(set(stages(plan)), _figures(plan)) for plan in explained]


def _without_session(command: dict[str, Any]) -> dict[str, Any]:
    foreign = {"lsid", "$db", "$clusterTime", "txnNumber", "$readPreference", "maxTimeMS", "readConcern"}
    return {name: value for name, value in command.items() if name not in foreign}


def _figures(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = plan.get("executionStats") or plan["stages"][0]["$cursor"]["executionStats"]
    return found


@pytest.fixture
def watched(mongo_server: Mongod, mongo_database_names: DatabaseNames) -> Iterator[Watched]:
    from pymongo import MongoClient  # noqa: PLC0415 - with a listener, which ``mongo_client`` has none of

    asked = Asked()
    client: MongoClient[dict[str, Any]] = MongoClient(mongo_server.uri, event_listeners=[asked])
    with client:
        yield Watched(client.get_database(mongo_database_names.write, codec_options=CODEC), asked)


def assert_indexed(watched: Watched, queries: int, most: int, *, sorts: bool = False) -> None:
    """Each read at most ``most`` keys and documents, none the whole collection; nothing sorted in memory."""
    plans = watched.plans()
    assert len(plans) == queries
    for used, figures in plans:
        assert "COLLSCAN" not in used
        assert used & {"IXSCAN", "IDHACK", "EXPRESS_IXSCAN", "DISTINCT_SCAN"}
        assert sorts or "SORT" not in used
        assert figures["totalKeysExamined"] <= most
        assert figures["totalDocsExamined"] <= most


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


def collection(watched: Watched, name: str) -> CollectionDocuments:
    found: Collection[Any] = watched.database[name]
    return CollectionDocuments(found)


def test_pages_by_id_cost_their_length(watched: Watched) -> None:
    added = [messages.product_added(product_id=f"p{n:02}") for n in range(MANY)]
    fill(watched.database, "products", *added)
    registered = [messages.customer_registered(customer_id=f"c{n:02}") for n in range(MANY)]
    fill(watched.database, "customers", *registered)
    watched.forget()
    for page, name, after in ((products.page, "products", "p30"), (customers.page, "customers", "c30")):
        for start in (None, after):
            assert len(page(collection(watched, name), limit=5, after=start).documents) == 5
            assert_indexed(watched, 1, 6)
    assert products.by_id(collection(watched, "products"), "p07") is not None
    assert_indexed(watched, 1, 1)


def test_analytics_read_only_the_days_asked_for(watched: Watched) -> None:
    """Sums are sorted in memory: one line per period or product, which is what is answered."""
    orders = [
        messages.order_placed(
            order_id=f"o{n}", customer_id=f"c{n}", placed_at=PLACED_AT.replace(day=1 + n % 25)
        )
        for n in range(MANY)
    ]
    fill(watched.database, "order_analytics", *orders)
    names = [messages.product_added(product_id=f"p{n}") for n in range(MANY)]
    fill(watched.database, "product_sales", *names, *orders)
    first, last = PLACED_AT.date(), PLACED_AT.replace(day=2).date()
    watched.forget()

    for since, until, share in ((first, last, 2), (None, last, 2), (last, None, 24)):
        per_day = watched.database.order_analytics.count_documents({"day": first.isoformat()}) + 2
        watched.forget()
        assert order_analytics.by_period(collection(watched, "order_analytics"), first=since, last=until)[
            "buckets"
        ]
        assert_indexed(watched, 1, share * per_day + 1, sorts=True)
        assert product_sales.best_sellers(
            collection(watched, "product_sales"), first=since, last=until, limit=2
        )["products"]
        (used, _), (name_used, name_figures) = watched.plans()
        assert "COLLSCAN" not in used | name_used
        assert {"IXSCAN"} <= used & name_used
        assert name_figures["totalDocsExamined"] <= 2


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

"""``/ops/flow``, ``/ops/queues`` and ``/ops/read-models``: what the dashboard draws, at this moment."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from falcon import testing

from bus.dead_letters.store import DeadLetters
from bus.inspection.explanations import rows
from bus.messages.outcome import CommandStatus
from bus.messages.streams import customer_stream
from bus.notify.subscriptions import Subscriptions
from bus.observability import metrics
from bus.observability.heartbeats import SILENT_MS, Heartbeat
from bus.observability.metric_slots import MetricsPublisher, Slots
from bus.observability.metrics import Metrics
from bus.queue.keys import QueueKeys
from read_side.generations.registry import FIRST
from read_side.projections import READ_MODELS
from read_side.projections.customers import CUSTOMERS
from read_side.queries.status import StatusReader
from tests.integration.api.both_sides import BothSides, home
from tests.integration.api.ops_services import NO_MONGODB, NO_REDIS, elsewhere
from tests.integration.sides import PARTITIONS
from tests.support import messages
from tests.support.shop_api import Shop

PATHS = ("/ops/flow", "/ops/queues", "/ops/read-models")
NAMES = tuple(model.name for model in READ_MODELS)


def asked(api: testing.TestClient, path: str) -> dict[str, Any]:
    result = api.simulate_get(path)
    assert result.status_code == 200, result.text
    assert result.headers["cache-control"] == "no-store"
    found: dict[str, Any] = result.json
    return found


def read_model(flow: dict[str, Any], name: str) -> dict[str, Any]:
    [row] = [row for row in flow["read_models"] if row["name"] == name]
    found: dict[str, Any] = row
    return found


@pytest.fixture
def both(both: BothSides, unhurried: None) -> BothSides:
    """Nobody has looked at the queues yet: a look is compared with the one before it."""
    both.shop.services.ops_services.queues._before = None
    return both


@pytest.fixture
def counting(both: BothSides) -> Iterator[tuple[Metrics, MetricsPublisher]]:
    """Another process, that counts."""
    counts = Metrics()
    publisher = MetricsPublisher(Slots(both.shop.write), counts)
    yield counts, publisher
    publisher.end()


def test_the_flow_of_what_is_waiting_and_what_is_projected(both: BothSides) -> None:
    shop = both.shop
    both.write.do(messages.register_customer())
    both.write.do(messages.change_customer(name="Ann"))
    both.read.run(CUSTOMERS, home(customer_stream("c1")))
    for number in range(3):
        body = {"customer_id": f"m{number}", "name": "A", "email": "a@b.cd"}
        shop.staff.simulate_post("/customers", json=body)

    flow = asked(shop.ops, "/ops/flow")

    assert flow["away"] == []
    commands = flow["commands"]
    assert (commands["unfinished"], commands["waiting"], commands["in_flight"]) == (3, 3, 0)
    assert (commands["delayed"], commands["dead"], commands["failed_open"]) == (0, 0, 0)
    assert 0 <= commands["oldest_s"] < 600
    assert flow["log"] == {
        "commits": 2,
        "partitions": PARTITIONS,
        "holes_closed": flow["log"]["holes_closed"],
    }
    assert [row["name"] for row in flow["read_models"]] == sorted(NAMES)
    done, lagging = read_model(flow, "customers"), read_model(flow, "order_detail")
    assert (done["applied"], done["lag"], done["lag_s"]) == (2, 0, 0)
    assert (lagging["applied"], lagging["lag"]) == (0, 2)
    assert lagging["lag_s"] > 0
    assert (done["parked"], done["rebuilding"]) == (0, None)
    assert any("behind" in line for line in lagging["attention"]), "the example's command is from long ago"
    assert done["attention"] == []


def test_what_all_processes_have_counted(both: BothSides, counting: tuple[Metrics, MetricsPublisher]) -> None:
    counts, publisher = counting
    before = asked(both.shop.ops, "/ops/flow")
    counts.count(metrics.COMMANDS_ACCEPTED, "PlaceOrder", by=5)
    counts.count(metrics.COMMANDS_ACCEPTED, "AddProduct", by=2)
    counts.count(metrics.COMMANDS, "PlaceOrder", CommandStatus.SUCCEEDED, by=4)
    counts.count(metrics.COMMANDS, "AddProduct", CommandStatus.REJECTED, by=2)
    counts.count(metrics.COMMANDS, "PlaceOrder", CommandStatus.FAILED)
    counts.count(metrics.HTTP_REQUESTS, "GET", "/orders", "200", by=9)
    counts.count(metrics.HTTP_REFUSED, "503", by=3)
    counts.observe_all(metrics.HTTP_SECONDS, [0.25, 0.5], "GET", "/orders")
    counts.count(metrics.HOLES_CLOSED, by=2)
    counts.observe_all(metrics.HANDLED, [0.02] * 4, "PlaceOrder")
    counts.observe_all(metrics.VISIBLE, [0.2] * 4, "customers")
    publisher.beat()

    after = asked(both.shop.ops, "/ops/flow")

    def more(part: str, name: str) -> float:
        return float(after[part][name] - before[part][name])

    assert (more("commands", "accepted"), more("commands", "succeeded")) == (7, 4)
    assert (more("commands", "rejected"), more("commands", "failed")) == (2, 1)
    assert (more("api", "requests"), more("api", "refused")) == (9, 3)
    assert (more("api", "seconds_sum"), more("api", "seconds_count")) == (0.75, 2)
    assert more("log", "holes_closed") == 2
    assert before["commands"]["handled_seconds"] is None
    handled = after["commands"]["handled_seconds"]
    assert 0.01 < handled["p50"] < handled["p99"] <= 0.025
    visible = {row["name"]: row["visible_seconds"] for row in after["read_models"]}
    assert 0.1 < visible.pop("customers")["p99"] <= 0.25
    assert set(visible.values()) == {None}


def test_messages_in_flight_delayed_and_dead(both: BothSides) -> None:
    shop, keys = both.shop, QueueKeys("commands")
    shop.redis.hset(keys.messages, mapping={"one": "{", "two": "{"})
    shop.redis.rpush(keys.waiting, "one")
    shop.redis.hset(keys.delayed.messages, "three", "{}")
    shop.redis.zadd(keys.dead, {"four": 1, "five": 2})

    commands = asked(shop.ops, "/ops/flow")["commands"]

    told = [commands[state] for state in ("waiting", "in_flight", "delayed", "dead")]
    assert told == [1, 1, 1, 2]


def test_processes_and_those_that_went_silent(both: BothSides) -> None:
    shop = both.shop
    beating = [Heartbeat(shop.write, kind) for kind in ("web", "commands", "commands")]
    for heartbeat in beating:
        heartbeat.beat()
    earlier = {name: {"$subtract": [f"${name}", SILENT_MS + 1_000]} for name in ("started_at", "seen_at")}
    shop.write["workers"].update_one({"_id": beating[1]._id}, [{"$set": earlier}])

    flow = asked(shop.ops, "/ops/flow")
    for heartbeat in beating:
        heartbeat.end()

    assert [(one["kind"], one["well"]) for one in flow["processes"]] == [
        ("commands", False),
        ("commands", True),
        ("web", True),
    ]
    assert [one["beat_age_s"] > SILENT_MS / 1000 for one in flow["processes"]] == [True, False, False]
    assert (flow["api"]["workers"], flow["commands"]["workers"]) == (1, 1)


def test_parked_streams_and_a_rebuild(both: BothSides) -> None:
    both.write.do(messages.register_customer())
    both.read.drain()
    both.park("customers", customer_stream("c1"), 1, partition=home(customer_stream("c1")))
    registry = both.shop.read["read_models"]
    building = {"version": 1, "state": "building", "was_live": False}
    registry.update_one({"_id": "customers"}, {"$set": {f"generations.{FIRST + 1}": building}})
    for partition in range(PARTITIONS):
        both.read.checkpoints.create("customers", FIRST + 1, PARTITIONS)
        where = {"name": "customers", "generation": FIRST + 1, "partition": partition}
        both.shop.read["checkpoints"].update_one(where, {"$set": {"position": 0}})

    row = read_model(asked(both.shop.ops, "/ops/flow"), "customers")

    registry.update_one({"_id": "customers"}, {"$unset": {f"generations.{FIRST + 1}": True}})
    both.shop.read["checkpoints"].delete_many({"generation": FIRST + 1})
    assert row["parked"] == 1
    assert any("parked" in line for line in row["attention"])
    assert row["rebuilding"] == {"generation": FIRST + 1, "done": 0, "total": 1}


def test_the_queues_as_the_command_line_has_them(both: BothSides) -> None:
    shop = both.shop
    Subscriptions(shop.write).subscribe(("customers",))
    body = {"customer_id": "m1", "name": "A", "email": "a@b.cd"}
    shop.staff.simulate_post("/customers", json=body)

    first = asked(shop.ops, "/ops/queues")
    both.write.do(messages.register_customer())
    second = asked(shop.ops, "/ops/queues")

    assert [one["queue"] for one in second["queues"]] == ["commands", "customers"]
    for queue in first["queues"]:
        assert (queue["in_per_s"], queue["out_per_s"], queue["stranded"]) == (None, None, None)
    assert first["interval_s"] is None
    assert second["interval_s"] > 0
    commands, customers = second["queues"]
    assert commands["waiting"] == 1
    assert commands["in_per_s"] == commands["out_per_s"] == customers["in_per_s"] > 0
    assert customers["out_per_s"] == 0
    assert commands["stranded"] == {"silent": 0, "overdue": 0, "unrung": 0, "total": 0}
    ways = [way for figure in customers["redis_cli"] for way in figure["commands"]]
    assert ways == [way for _, _, ways in rows("customers") for way in ways]
    assert "redis-cli llen dramatiq:customers" in ways
    assert all(figure["figure"] for figure in customers["redis_cli"])


def test_what_is_stranded_was_so_in_both_looks(both: BothSides) -> None:
    Subscriptions(both.shop.write).subscribe(("customers",))
    both.write.do(messages.register_customer())
    asked(both.shop.ops, "/ops/queues")

    customers = asked(both.shop.ops, "/ops/queues")["queues"][1]

    assert customers["stranded"] == {"silent": 0, "overdue": 0, "unrung": 1, "total": 1}


def test_the_read_models_as_the_command_line_has_them(both: BothSides) -> None:
    both.write.do(messages.register_customer())
    both.read.run(CUSTOMERS, home(customer_stream("c1")))

    asked(both.shop.ops, "/ops/read-models")
    told = asked(both.shop.ops, "/ops/read-models")

    status = StatusReader(both.shop.log, both.shop.read, READ_MODELS)
    status.look()
    expected = {one.read_model: asdict(one) for one in status.look()}
    assert {row["read_model"] for row in told["read_models"]} == set(NAMES)
    for row in told["read_models"]:
        for progress, meant in zip(row["partitions"], expected[row["read_model"]]["partitions"], strict=True):
            same = ("partition", "position", "head", "lag", "parked", "holder", "error")
            assert {name: progress[name] for name in same} == {name: meant[name] for name in same}
            assert progress["rate"] == 0
    assert any("order_detail" in line for line in told["attention"])


@pytest.mark.parametrize("path", PATHS)
def test_nothing_can_be_asked_besides(shop: Shop, path: str) -> None:
    assert shop.ops.simulate_get(f"{path}?all=true").status_code == 400


@pytest.mark.parametrize("path", PATHS)
def test_while_mongodb_is_away(shop: Shop, path: str) -> None:
    with elsewhere(shop, write_mongodb_uri=NO_MONGODB, read_mongodb_uri=NO_MONGODB) as api:
        result = api.simulate_get(path)
    assert result.status_code == 503
    assert result.json["type"] == "/problems/unavailable"


def test_while_redis_is_away(both: BothSides) -> None:
    both.write.accept(messages.register_customer())
    DeadLetters(both.shop.write).create()
    with elsewhere(both.shop, redis_url=NO_REDIS) as api:
        flow = asked(api, "/ops/flow")
        asked(api, "/ops/read-models")
        queues = api.simulate_get("/ops/queues")

    assert flow["away"] == ["redis"]
    commands = flow["commands"]
    assert (commands["waiting"], commands["in_flight"], commands["delayed"]) == (None, None, None)
    assert (commands["unfinished"], commands["dead"]) == (1, 0)
    assert queues.status_code == 503
    assert queues.json["detail"] == "Redis cannot be reached at the moment."
